"""Databases, opened and ended the same way in every room that keeps one."""

from storage.engine import Storage as Storage
