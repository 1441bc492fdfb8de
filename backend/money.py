"""Money, which is stored as whole numbers."""

MILLION = 1_000_000
"""Parts of a workspace's currency: what rows hold is this many times what the API says."""
