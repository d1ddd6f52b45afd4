"""Who the operators are, by what the chains say; the network file's engines beside them."""

from typing import Protocol

from triggerx.core.election import Operator
from triggerx.evm.types import Address


class Operators(Protocol):
    """The active operators of the Attestation Center with their registered BLS keys, re-read as the chain grows."""

    async def active(self) -> tuple[Operator, ...]:
        """Return them ascending by operator id, at most one block interval old."""
        ...

    async def is_active(self, address: Address) -> bool:
        """Tell whether this address is an active operator."""
        ...

    async def is_engine(self, address: Address) -> bool:
        """Tell whether the network (its file and its hub) accepts this address as an engine."""
        ...
