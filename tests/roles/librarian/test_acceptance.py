from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.clock import VirtualClock
from tests.roles.librarian.desk import NOW, REGISTRY, job, open_desk
from triggerx.core.errors import InvalidInput
from triggerx.core.job_body import parse_body
from triggerx.evm.contracts import JobRegistry
from triggerx.evm.types import ZERO_ADDRESS, ZERO_HASH
from triggerx_librarian.acceptance import registered


class _SteppingClock(VirtualClock):
    """Time that passes by itself whenever somebody sleeps."""

    async def sleep(self, duration_s: float) -> None:
        await self.advance(duration_s)


async def test_registered_when_our_endpoint_is_a_block_behind_then_it_waits_for_the_entry(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        entry, seen = desk.register(job()), []

        def answer(job_id: int) -> tuple[object, ...]:
            seen.append(job_id)
            if len(seen) < 3:
                return (0, ZERO_ADDRESS, ZERO_HASH, 0, False)
            return (job_id, entry.owner, entry.job_hash, entry.version, True)

        desk.chain.answer(REGISTRY, JobRegistry.getJob, answer)
        services = replace(desk.services, clock=_SteppingClock(now=NOW))
        with pytest.raises(InvalidInput, match="knows no such job"):
            await registered(services, parse_body(job()), wait_s=0.5)
        assert (await registered(services, parse_body(job()), wait_s=0.5)).version == NOW
