"""Calls, and what a worker needs for one."""
