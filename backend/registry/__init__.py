"""Which MCP servers there are."""
