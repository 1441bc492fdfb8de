"""Types that cross a process. No I/O, and nothing of ours is imported here."""
