from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest_asyncio

from tests.contract.scripts.programs import answering
from tests.fakes.pages import Pages
from triggerx.core.canonical import Json
from triggerx.ports.scripts import ScriptCall, ScriptLimits, ScriptRun
from triggerx.scripts.pool import WorkerPool
from triggerx.scripts.python import PYTHON
from triggerx.scripts.sandbox import Language, Sandbox
from triggerx.scripts.wasm import WASM

NOW = 1_700_000_000
LIMITS = ScriptLimits(time_s=1.0)


@dataclass
class Bench:
    """One sandbox with one worker, already started, and the web that its scripts see."""

    language: Language
    sandbox: Sandbox
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
            language=self.language.name,
            function=function,
            arguments=arguments or {},
            offered=offered or {},
            now=now,
            limits=limits,
        )
        return await self.sandbox.run(content, call)


@asynccontextmanager
async def opened(language: Language, first: str | bytes) -> AsyncIterator[Bench]:
    pages = Pages()
    pool = WorkerPool(workers_max=1)
    made = Bench(language, Sandbox(language, pages, pool), pool, pages)
    assert (await made.run(first, limits=ScriptLimits())).value == 1
    yield made
    await pool.close()


@pytest_asyncio.fixture
async def bench() -> AsyncIterator[Bench]:
    async with opened(PYTHON, "def f():\n    return 1") as made:
        yield made


@pytest_asyncio.fixture
async def wasm() -> AsyncIterator[Bench]:
    async with opened(WASM, answering("1")) as made:
        yield made
