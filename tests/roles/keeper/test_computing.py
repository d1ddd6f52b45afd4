"""Scripts at a keeper: run once for a task, told the same by everybody, and tried again when they fail."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.fakes.scripts import SHA256, FakeScripts, FakeScriptSources
from tests.roles.scene import Scene, open_scene
from tests.unit.core.sample import DUE, SCRIPT_URL, job_body, order_for, scripted
from triggerx.core.canonical import Json
from triggerx.core.computation import Computation, Computed
from triggerx.core.job import JobBody
from triggerx.core.job_body import static_calldata
from triggerx.ports.scripts import LanguageUnavailable, ScriptFailed
from triggerx_keeper.computing import AGAIN_S, FAILURES_MAX, Computing, NotComputed

KEY = order_for(1).assignment.task_key
EVIDENCE: dict[str, Json] = {"kind": "time", "due": DUE}
BODY = scripted(job_body())


@dataclass
class Bench:
    """One keeper's scripts."""

    scene: Scene
    scripts: FakeScripts
    computing: Computing

    async def compute(self, body: JobBody = BODY) -> Computed:
        return await self.computing.compute(body, KEY, EVIDENCE, moment=DUE)

    async def fault(self) -> NotComputed:
        with pytest.raises(NotComputed) as caught:
            await self.compute()
        return caught.value


@asynccontextmanager
async def bench(tmp_path: Path, scripts: FakeScripts) -> AsyncIterator[Bench]:
    async with open_scene(tmp_path, now=DUE) as scene:
        services = replace((await scene.keeper(0)).services, scripts=scripts, script_sources=FakeScriptSources())
        yield Bench(scene, scripts, Computing(services))


async def test_compute_when_asked_again_then_the_script_has_run_once_and_was_told_moment_and_trigger(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path, FakeScripts(value=[7])) as on:
        first = await on.compute()
        on.scripts.value = [8]
        assert await on.compute() == first
        assert first.calldata == static_calldata(job_body())
        assert first.computation == Computation(script_sha256=SHA256, requests=())
        ((source, call),) = on.scripts.runs
        assert source == SCRIPT_URL.encode()
        assert (call.language, call.function, call.now) == ("python", "main", DUE)
        assert call.offered == {"trigger": EVIDENCE}


async def test_compute_when_it_declines_then_there_is_no_calldata(tmp_path: Path) -> None:
    async with bench(tmp_path, FakeScripts(value=None)) as on:
        assert (await on.compute()).calldata is None


@pytest.mark.parametrize("value", [[7, 8], "7", [-1]])
async def test_compute_when_the_answer_does_not_fit_then_the_argument_is_named(tmp_path: Path, value: Json) -> None:
    async with bench(tmp_path, FakeScripts(value=value)) as on:
        assert "the script failed: arguments" in str(await on.fault())


async def test_compute_when_it_fails_then_it_is_tried_again_after_a_while_and_not_for_ever(tmp_path: Path) -> None:
    async with bench(tmp_path, FakeScripts(failure=ScriptFailed("time", "took longer than 2 s"))) as on:
        settled = []
        for _ in range(FAILURES_MAX):
            settled.append((await on.fault()).is_settled)
            await on.fault()  # too early for another run
            await on.scene.clock.advance(AGAIN_S)
        assert settled == [False] * (FAILURES_MAX - 1) + [True]
        await on.fault()
        assert len(on.scripts.runs) == FAILURES_MAX


async def test_compute_when_it_works_after_a_failure_then_that_counts(tmp_path: Path) -> None:
    async with bench(tmp_path, FakeScripts(failure=ScriptFailed("error", "OSError: unreachable"))) as on:
        await on.fault()
        on.scripts.failure, on.scripts.value = None, [7]
        await on.scene.clock.advance(AGAIN_S)
        assert (await on.compute()).calldata == static_calldata(job_body())


async def test_compute_when_this_machine_has_no_sandbox_then_it_is_never_settled(tmp_path: Path) -> None:
    async with bench(tmp_path, FakeScripts(failure=LanguageUnavailable("no sandbox for 'cobol'"))) as on:
        assert {(await on.fault()).is_settled for _ in range(FAILURES_MAX + 1)} == {False}
