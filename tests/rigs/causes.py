"""What should have fired, by brute force from the schedule, the logs and the values: no code of the engine's."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from tests.rigs.judge import Cause
from triggerx.core.job import JobId
from triggerx.evm.hub import Firing
from triggerx.evm.types import ChainId, Hash32
from triggerx.ports.chain import Log


def due_causes(job_id: JobId, *, created_at: int, interval_s: int, after: int, until: int) -> list[Cause]:
    """Every second in (after, until] that lies a whole number of intervals after the job's creation."""
    return [
        Cause(job_id=job_id, firing=Firing.time(second), moment=second)
        for second in range(after + 1, until + 1)
        if second > created_at and (second - created_at) % interval_s == 0
    ]


def log_causes(
    job_id: JobId,
    logs: Sequence[Log],
    *,
    chain_id: ChainId,
    is_wanted: Callable[[Log], bool],
    times: Mapping[Hash32, int],
    span: tuple[int, int],
) -> list[Cause]:
    """Every log that is wanted, in a block of the span of seconds.

    `logs` are all logs of their transactions, so that a log's place among them is its ordinal; `times` has the second
    of each block.
    """
    places: dict[Hash32, int] = {}
    causes: list[Cause] = []
    for log in sorted(logs, key=lambda each: (each.block_number, each.log_index)):
        ordinal = places.get(log.tx_hash, 0)
        places[log.tx_hash] = ordinal + 1
        moment = times[log.block_hash]
        if is_wanted(log) and span[0] <= moment <= span[1]:
            causes.append(Cause(job_id=job_id, firing=Firing.event(chain_id, log.tx_hash, ordinal), moment=moment))
    return causes


def edge_causes(job_id: JobId, values: Iterable[tuple[int, int]], *, above: int) -> list[Cause]:
    """Every change to a value greater than `above`; `values` are seconds and values, and the first may be a change."""
    causes: list[Cause] = []
    was_above = False
    for moment, value in values:
        if value > above and not was_above:
            causes.append(Cause(job_id=job_id, firing=Firing.condition(len(causes) + 1), moment=moment))
        was_above = value > above
    return causes
