"""Hands vendors' access tokens to MCP servers that show a live call token (RFC 8693)."""
