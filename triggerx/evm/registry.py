"""A job as the JobRegistry binds it: its hash, the parts of its id, and the trigger data of each task definition."""

from typing import Final

from triggerx.evm.abi.codec import encode
from triggerx.evm.keccak import Hash32, keccak256
from triggerx.evm.types import Address, ChainId

CHAIN_BITS: Final = 32
TIMESTAMP_BITS: Final = 64
COUNTER_BITS: Final = 160


def job_hash(name: str, job_type: int, time_frame: int, target: Address, data: bytes) -> Hash32:
    """The `jobHash` that createJob stores: keccak256(abi.encode(name, jobType, timeFrame, target, data))."""
    return keccak256(
        encode(("string", "uint8", "uint256", "address", "bytes"), (name, job_type, time_frame, target, data))
    )


def pack_job_id(chain_id: ChainId, timestamp: int, counter: int) -> int:
    """A job id from chain (32 bits, highest), unix second (64) and counter (160); `ValueError` when one is too wide."""
    for value, bits in ((chain_id, CHAIN_BITS), (timestamp, TIMESTAMP_BITS), (counter, COUNTER_BITS)):
        if not 0 <= value < 1 << bits:
            raise ValueError(f"expected a part of a job id of at most {bits} bits, got {value}")
    return chain_id << (TIMESTAMP_BITS + COUNTER_BITS) | timestamp << COUNTER_BITS | counter


def unpack_job_id(job_id: int) -> tuple[ChainId, int, int]:
    """The chain, unix second and counter of a job id (JobRegistry.unpackJobId)."""
    if not 0 <= job_id < 1 << 256:
        raise ValueError(f"expected a job id of at most 256 bits, got {job_id}")
    counter = job_id & ((1 << COUNTER_BITS) - 1)
    timestamp = job_id >> COUNTER_BITS & ((1 << TIMESTAMP_BITS) - 1)
    return ChainId(job_id >> (TIMESTAMP_BITS + COUNTER_BITS)), timestamp, counter


def registry_data(
    task_definition_id: int,
    *,
    interval: int | None = None,
    recurring: bool | None = None,
    script_url: str | None = None,
    language: str | None = None,
) -> bytes:
    """The `data` of createJob for a task definition, as the published SDK encodes it.

    1 and 2 take `interval` (seconds), 3 to 6 `recurring`, 2, 4 and 6 also `script_url`, 7 `interval`, `script_url` and
    `language`. `ValueError` names a value that is missing or does not belong to the definition.
    """
    given: dict[str, object] = {
        "interval": interval,
        "recurring": recurring,
        "script_url": script_url,
        "language": language,
    }
    if task_definition_id not in _DATA_FIELDS:
        raise ValueError(f"expected a task definition from 1 to 7, got {task_definition_id}")
    wanted = _DATA_FIELDS[task_definition_id]
    for name, value in given.items():
        if (value is not None) != (name in wanted):
            verb = "needs" if name in wanted else "does not take"
            raise ValueError(f"task definition {task_definition_id} {verb} {name}")
    given["script_url"] = keccak256((script_url or "").encode())
    return encode([_DATA_TYPES[name] for name in wanted], [given[name] for name in wanted])


_DATA_TYPES: Final = {"interval": "uint256", "recurring": "bool", "script_url": "bytes32", "language": "string"}
_DATA_FIELDS: Final = {
    1: ("interval",),
    2: ("interval", "script_url"),
    3: ("recurring",),
    4: ("recurring", "script_url"),
    5: ("recurring",),
    6: ("recurring", "script_url"),
    7: ("interval", "script_url", "language"),
}
