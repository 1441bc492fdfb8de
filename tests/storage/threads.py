"""The threads in which SQLite works."""

import threading


def sqlite_threads() -> set[threading.Thread]:
    """Those that have not ended, of any database of this process."""
    return {thread for thread in threading.enumerate() if "_connection_worker_thread" in thread.name}
