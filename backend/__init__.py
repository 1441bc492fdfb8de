"""Agents, calls and where their tools are. The only room with business data."""
