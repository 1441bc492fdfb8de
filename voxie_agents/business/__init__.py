"""What each kind of business adds: instructions, questions and flows."""
