"""Call tokens: what lets one call use one MCP server for ten minutes."""
