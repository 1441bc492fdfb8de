"""The agents: finding tools on MCP servers, understanding times, and the session that talks."""
