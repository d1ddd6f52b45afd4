"""The contracts as they are deployed: the artefacts that `build` compiled from the Vyper sources beside them.

Rule: an artefact is what the pinned compiler makes of the source, byte for byte; a test compiles again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from triggerx.evm.types import from_hex

CONTRACTS: Final = (
    "AttestationCenter",
    "AvsGovernance",
    "ExampleTarget",
    "GasRegistry",
    "JobRegistry",
    "Multicall",
    "Obls",
    "TaskExecutionHub",
)
ARTEFACTS_FOLDER: Final = "artifacts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefact:
    """A compiled contract: `abi` is its JSON text (functions, events and errors), `bytecode` what creates it.

    Constructor arguments are appended to `bytecode`, ABI-encoded. `compiler` is the full version that made it.
    """

    name: str
    abi: str
    bytecode: bytes
    compiler: str


@cache
def load(name: str) -> Artefact:
    """Return the artefact of a contract; ValueError for a name that is not in CONTRACTS."""
    if name not in CONTRACTS:
        raise ValueError(f"there is no contract {name!r}; there are {', '.join(CONTRACTS)}")
    document = json.loads(files(__package__).joinpath(ARTEFACTS_FOLDER, f"{name}.json").read_text("utf-8"))
    return Artefact(
        name=name,
        abi=json.dumps(document["abi"], separators=(",", ":")),
        bytecode=from_hex(document["bytecode"]),
        compiler=document["compiler"],
    )
