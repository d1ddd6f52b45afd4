"""A storm of reorgs over the engine's chain watcher: afterwards the ledger is what the canonical chain holds."""

import asyncio
from pathlib import Path
from typing import NoReturn

import pytest

from tests.rigs.reorgs import SEEN_WITHIN_S, storm, weather
from triggerx.chains.heads import POLL_INTERVAL_S
from triggerx.ports.chain import ReorgBeyondConfirmations
from triggerx_engine.chain_watcher import WINDOW_BLOCKS

REORGS = 128  # each depth twice


async def test_ledger_when_128_reorgs_went_over_it_then_holds_the_canonical_logs_once(tmp_path: Path) -> None:
    counts = await weather(tmp_path, reorgs=REORGS, seed=0)
    assert min(counts["fired"], counts["fired reorged"], counts["withdrawn reorged"]) >= REORGS // 16


async def test_watcher_when_a_reorg_is_deeper_than_its_window_then_fails_aloud(tmp_path: Path) -> None:
    async with storm(tmp_path, seed=0) as made:
        await made.course.ask("anvil_mine", hex(WINDOW_BLOCKS + 40))
        await made.seen()
        await made.stop()
        await made.mine(1)
        await made.reorganise(WINDOW_BLOCKS + 30)
        made.begin()
        with pytest.raises(BaseExceptionGroup) as caught:
            await made.seen()
        assert caught.group_contains(ReorgBeyondConfirmations, match="keep more blocks")


async def test_rig_when_the_watcher_pauses_for_ever_then_looks_once_a_pause_and_says_so(tmp_path: Path) -> None:
    async with storm(tmp_path, seed=0) as made:
        await made.stop()
        looks = 0

        async def idle() -> NoReturn:
            while True:
                for _ in range(5):  # whatever else it may wait for
                    await asyncio.sleep(0)
                await made.clock.sleep(POLL_INTERVAL_S)

        async def never() -> bool:
            nonlocal looks
            looks += 1
            return False

        made.task = asyncio.create_task(idle(), name="a watcher that takes nothing in")
        with pytest.raises(AssertionError, match="it is not so that pigs fly"):
            await made.until(never, "pigs fly")
        assert looks == SEEN_WITHIN_S / POLL_INTERVAL_S + 1
