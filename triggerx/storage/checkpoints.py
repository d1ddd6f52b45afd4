"""SQLite's checkpoints, beside the commits: what lies in the WAL is copied into the file by a thread of its own.

SQLite would do it inside of the commit that finds the WAL long, which then takes some forty milliseconds more. Here a
commit waits for no checkpoint; one begins right after a commit, when the next is likely to be furthest off. The WAL is
begun anew only once all of it was copied, which does not happen while commits follow each other without a gap: past a
bound whoever commits copies what is left.
"""

import asyncio
import sqlite3
import threading
from pathlib import Path
from typing import Final

WAL_BYTES_MAX: Final = 128 * 1024 * 1024  # thirty thousand firings without a gap
WAL_BYTES_KEPT: Final = WAL_BYTES_MAX // 2  # what is longer is cut when it is begun anew; overwriting syncs faster
PAUSE_S: Final = 1.0  # what is changed again and again meanwhile is copied once; to begin the WAL anew costs a sync
CHECKPOINT: Final = "PRAGMA wal_checkpoint(PASSIVE)"
"""Waits for nobody and keeps nobody waiting: it leaves out what a reader may not see yet."""


class Checkpoints:
    """The thread. `own` is its connection; `writers` is used by `committed`, in the thread that calls it."""

    def __init__(self, path: Path, *, own: sqlite3.Connection, writers: sqlite3.Connection) -> None:
        writers.execute("PRAGMA wal_autocheckpoint = 0")
        writers.execute(f"PRAGMA journal_size_limit = {WAL_BYTES_KEPT}")
        self._wal = path.with_name(f"{path.name}-wal")
        self._own = own
        self._writers = writers
        self._turn = threading.Lock()
        self._asked = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sqlite-checkpoints", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    async def close(self) -> None:
        """Copy what was committed before, then end the thread; its connection is closed then."""
        self._closing.set()
        self._asked.set()
        if self._thread.ident is not None:
            await asyncio.to_thread(self._thread.join)
        self._own.close()

    def committed(self) -> None:
        """Ask for a checkpoint of what was committed; make it oneself where the WAL is past its bound."""
        if self._wal_bytes() > WAL_BYTES_MAX:
            self._copy(self._writers)
        self._asked.set()

    def _run(self) -> None:
        while not self._closing.is_set():
            self._asked.wait()
            self._copy(self._own)
            self._closing.wait(PAUSE_S)
            self._asked.clear()  # the next one begins with a commit, which copies these too
        self._copy(self._own)

    def _wal_bytes(self) -> int:
        try:
            return self._wal.stat().st_size
        except FileNotFoundError:
            return 0

    def _copy(self, connection: sqlite3.Connection) -> None:
        """Copy what can be copied; where that fails it lies in the WAL as safely, until the next time."""
        with self._turn:
            try:
                connection.execute(CHECKPOINT).fetchone()
            except sqlite3.Error:
                return
