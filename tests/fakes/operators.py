"""Operators and engines by decree, for tests that have no chain."""

from triggerx.core.election import Operator
from triggerx.evm.types import Address


class FixedOperators:
    """Implements `ports.operators.Operators`; the sets may be changed while it is in use."""

    def __init__(self, operators: list[Address] | None = None, engines: list[Address] | None = None) -> None:
        self.operators = list(operators or [])
        self.engines = set(engines or [])
        self.bls_keys: dict[Address, tuple[int, int, int, int]] = {}

    async def active(self) -> tuple[Operator, ...]:
        return tuple(
            Operator(
                operator_id=number,
                address=address,
                voting_power=1000 + 100 * number,
                bls_key=self.bls_keys.get(address, (0, 0, 0, 0)),
            )
            for number, address in enumerate(self.operators, start=1)
        )

    async def is_active(self, address: Address) -> bool:
        return address in self.operators

    async def is_engine(self, address: Address) -> bool:
        return address in self.engines
