"""Runs the stored agents."""
