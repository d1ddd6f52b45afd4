from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import pytest_asyncio

from tests.fakes.pages import Pages
from triggerx.core.canonical import Json
from triggerx.ports.scripts import ScriptCall, ScriptLimits, ScriptRun
from triggerx.scripts.pool import WorkerPool
from triggerx.scripts.python import PythonSandbox

NOW = 1_700_000_000
LIMITS = ScriptLimits(time_s=1.0)


@dataclass
class Bench:
    """One sandbox with one worker, already started, and the web that its scripts see."""

    sandbox: PythonSandbox
    pool: WorkerPool
    pages: Pages

    async def run(
        self,
        source: str | bytes,
        *,
        function: str = "f",
        arguments: Mapping[str, Json] | None = None,
        limits: ScriptLimits = LIMITS,
        now: int = NOW,
        offered: Mapping[str, Json] | None = None,
    ) -> ScriptRun:
        content = source if isinstance(source, bytes) else source.encode()
        call = ScriptCall(
            language="python",
            function=function,
            arguments=arguments or {},
            offered=offered or {},
            now=now,
            limits=limits,
        )
        return await self.sandbox.run(content, call)


@pytest_asyncio.fixture
async def bench() -> AsyncIterator[Bench]:
    pages = Pages()
    pool = WorkerPool(workers_max=1)
    made = Bench(PythonSandbox(pages, pool), pool, pages)
    assert (await made.run("def f():\n    return 1")).value == 1
    yield made
    await made.sandbox.close()
