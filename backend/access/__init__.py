"""Who may use the API: rooms of ours, people, programs."""
