"""A storm of reorgs over the engine's chain watcher: afterwards the ledger is what the canonical chain holds."""

from pathlib import Path

import pytest

from tests.rigs.reorgs import storm, weather
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
