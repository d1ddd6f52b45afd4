"""The sandboxes of this machine, by language (`ports.scripts.Scripts`).

Rule: a language without a sandbox here is refused; nothing else is used in its place. A further language is one file
beside this one with its worker's, and one more name in `LANGUAGES`.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from triggerx.ports.fetch import Fetch
from triggerx.ports.scripts import LanguageUnavailable, ScriptCall, ScriptRun
from triggerx.scripts.pool import WorkerPool
from triggerx.scripts.python import PYTHON
from triggerx.scripts.sandbox import Language, Sandbox
from triggerx.scripts.wasm import WASM

LANGUAGES: Final[tuple[Language, ...]] = (PYTHON, WASM)
WORKERS_MAX: Final = 2  # scripts at once: each may take a processor for its whole time


class Sandboxes:
    """Implements `ports.scripts.Scripts` over one sandbox a language."""

    def __init__(self, by_language: Mapping[str, Sandbox]) -> None:
        self._by_language = dict(by_language)

    def languages(self) -> frozenset[str]:
        """The languages that this machine can run."""
        return frozenset(self._by_language)

    async def run(self, source: bytes, call: ScriptCall) -> ScriptRun:
        """Call one function of the script."""
        sandbox = self._by_language.get(call.language)
        if sandbox is None:
            known = ", ".join(sorted(self._by_language)) or "none"
            raise LanguageUnavailable(f"this machine has no sandbox for {call.language[:80]!r}; it has: {known}")
        return await sandbox.run(source, call)


@asynccontextmanager
async def open_sandboxes(fetch: Fetch, *, workers_max: int = WORKERS_MAX) -> AsyncIterator[Sandboxes]:
    """Every sandbox that works here; no process is started before the first run, and all are ended at the close."""
    pool = WorkerPool(workers_max=workers_max)
    installed = [language for language in LANGUAGES if language.is_installed()]
    try:
        yield Sandboxes({language.name: Sandbox(language, fetch, pool) for language in installed})
    finally:
        await pool.close()
