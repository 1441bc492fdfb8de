"""Google Calendar as an MCP server."""
