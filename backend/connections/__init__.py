"""What an owner has connected: accounts, hooks, keys. Credentials stay here, sealed."""
