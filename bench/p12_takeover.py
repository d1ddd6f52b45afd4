"""P12: a performer or an aggregator is killed at its worst moment, and another keeper takes over.

Real processes, killed as by `kill -9` at a named crash point. What counts is when the next one's transaction is mined,
and that the API and the chain agree about the task. The dead keeper is started again over its store, and the votes it
and the others cast are counted from their logs.
"""

import statistics
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from bench.harness import Measure
from tests.e2e.apart import Apart, NodeProcess, running_apart
from triggerx.evm.types import Wei
from triggerx.node.devnet.customer import Task

BEFORE_ACTION: Final = "keeper.before-action"
BEFORE_SUBMISSION: Final = "keeper.before-submission"
AFTER_DEADLINE_LIMIT_S: Final = 2.0
SUBMISSION_LIMIT_S: Final = 10.0
RUNS: Final = 3
INTERVAL_S: Final = 6
WITHIN_S: Final = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Takeover:
    """One kill: how late the next one was in seconds, and how many votes contradict another of the same keeper."""

    late_s: float
    double_votes: int


async def measure(is_quick: bool) -> Sequence[Measure]:
    """Kill at both points, a few times each."""
    runs = 1 if is_quick else RUNS
    performers = [await _takeover(BEFORE_ACTION) for _ in range(runs)]
    aggregators = [await _takeover(BEFORE_SUBMISSION) for _ in range(runs)]
    return [
        Measure(
            key="P12",
            title="performer killed: next action after the deadline",
            ours=max(each.late_s for each in performers),
            limit=AFTER_DEADLINE_LIMIT_S,
            unit="s",
            goal=f"≤ {AFTER_DEADLINE_LIMIT_S:g} s",
            note=_spread(performers) + "; from not_after + announce_grace_s until it is seen mined",
        ),
        Measure(
            key="P12.aggregator",
            title="aggregator killed: next submission",
            ours=max(each.late_s for each in aggregators),
            limit=SUBMISSION_LIMIT_S,
            unit="s",
            goal=f"≤ {SUBMISSION_LIMIT_S:g} s",
            note=_spread(aggregators) + "; from the last thing the dead one said until it is seen mined",
        ),
        Measure(
            key="P12.votes",
            title="double votes after kills and restarts",
            ours=sum(each.double_votes for each in (*performers, *aggregators)),
            limit=0,
            unit="votes",
            goal="0",
        ),
    ]


def _spread(takeovers: Sequence[Takeover]) -> str:
    times = [each.late_s for each in takeovers]
    return f"worst of {len(times)}, median {statistics.median(times):.1f} s"


async def _takeover(point: str) -> Takeover:
    with tempfile.TemporaryDirectory(prefix="triggerx-bench-") as folder:
        async with running_apart(Path(folder), crash_at=point) as (network, stack):
            customer = network.customer
            await customer.deposit(Wei(10**17))
            job = await customer.register_job(interval_s=INTERVAL_S, time_frame_s=INTERVAL_S)
            await customer.post_job(job, customer.sign_mandate(job))
            (task,) = await customer.attested(job.job_id, within_s=WITHIN_S)
            assert await customer.faults(task) == []
            (operator,) = [name for name, keeper in network.keepers.items() if keeper.process.returncode == -9]
            dead = network.keepers[operator]
            late_s = (_action_late_s if point == BEFORE_ACTION else _submission_late_s)(network, task, dead)
            await _restarted(network, operator, stack)
            voters = [dead, *network.keepers.values()]
            return Takeover(late_s=late_s, double_votes=double_votes([(node.name, node.lines) for node in voters]))


def _action_late_s(network: Apart, task: Task, _dead: NodeProcess) -> float:
    """From the first performer's deadline until the next one saw its action mined."""
    first = next(line for line in network.core.lines if line["event"] == "task assigned" and line["attempt"] == 1)
    timing = network.ground.network.timing
    deadline = int(logged_at(first)) + timing.performer_window_s + timing.announce_grace_s
    return _seen_at(network, "action executed", task["execution_tx_hash"]) - deadline


def _submission_late_s(network: Apart, task: Task, dead: NodeProcess) -> float:
    """From the last thing the aggregator said before it was killed until the next one saw its submission mined."""
    return _seen_at(network, "task submitted", task["task_submission_tx_hash"]) - logged_at(dead.lines[-1])


def _seen_at(network: Apart, event: str, tx_hash: object) -> float:
    """When the sender of a transaction logged that it is mined, to the millisecond; a block knows seconds alone."""
    lines = (line for keeper in network.keepers.values() for line in keeper.lines)
    return next(logged_at(line) for line in lines if line["event"] == event and line["tx_hash"] == tx_hash)


async def _restarted(network: Apart, operator: str, stack: AsyncExitStack) -> None:
    """Start the dead one again over its store, and give it the time to vote once more if it would."""
    await network.restart_keeper(operator, stack)
    again = network.keepers[operator]
    await again.logged("keeper checked in")
    head = await network.customer.chain.head()
    async for block in network.customer.chain.heads():
        if block.number > head.number + 5:
            break


def logged_at(line: Mapping[str, Any]) -> float:
    """The unix time of a log record."""
    return datetime.fromisoformat(line["at"]).timestamp()


def double_votes(logs: Sequence[tuple[str, Sequence[Mapping[str, Any]]]]) -> int:
    """Count votes beyond the first of one keeper on one task; one keeper may have several logs, one a process."""
    cast: Counter[tuple[str, str]] = Counter(
        (name, line["task_key"]) for name, lines in logs for line in lines if line.get("event") == "vote cast"
    )
    return sum(count - 1 for count in cast.values())
