"""What a new integration copies: a server with one read tool, working and tested."""
