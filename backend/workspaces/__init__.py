"""Workspaces: a business and everything that is its own."""
