"""Zapier as an MCP server."""
