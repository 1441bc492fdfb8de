"""People: users, their sessions, and the first owner of a workspace."""
