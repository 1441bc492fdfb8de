"""Credentials at rest: sealed with keys that can be rotated, and opened only where they are used."""
