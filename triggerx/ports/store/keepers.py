"""Keepers, their check-ins, points and alerts in the store."""

from collections.abc import Sequence
from typing import Protocol

from triggerx.core.keeper import CheckIn, Keeper
from triggerx.evm.types import Address, Hash32, Wei


class Keepers(Protocol):
    """The keeper table, one row an address, and what hangs on it."""

    async def ensure(self, address: Address) -> Keeper:
        """Return the keeper of this address, added when it is new."""
        ...

    async def save(self, keeper: Keeper) -> None:
        """Write every column of a keeper that exists; raises `NotFound`."""
        ...

    async def get(self, keeper_id: int) -> Keeper | None:
        """Return a keeper by its number."""
        ...

    async def by_address(self, address: Address) -> Keeper | None:
        """Return a keeper by its address."""
        ...

    async def by_operator_id(self, operator_id: int) -> Keeper | None:
        """Return a keeper by the Attestation Center's id."""
        ...

    async def list_all(self) -> Sequence[Keeper]:
        """Return every keeper by its number."""
        ...

    async def record_check_in(self, check_in: CheckIn) -> bool:
        """Keep the newest check-in of its operator (peer id, addresses, version, time); False when it is not newer.

        Creates the keeper row when it is new.
        """
        ...

    async def list_check_ins(self, *, since: int) -> Sequence[CheckIn]:
        """Return the last check-in of each operator that is not older than `since`."""
        ...

    async def set_online(self, address: Address, *, is_online: bool) -> None:
        """Note whether the keeper is alive; added when it is new."""
        ...

    async def credit(self, address: Address, *, points: Wei, tasks: int) -> None:
        """Add to its points and to the number of tasks it performed; added when it is new."""
        ...

    async def insert_reward(self, *, operator_id: int, task_number: int, fee_wei: Wei, tx_hash: Hash32) -> None:
        """Note a `RewardAccumulated` log; idempotent by operator id and task number."""
        ...

    async def open_alert(self, address: Address, *, kind: str, raised_at: int) -> bool:
        """Raise an alert; False when one of this kind is open for this keeper."""
        ...

    async def close_alert(self, address: Address, *, kind: str, closed_at: int) -> bool:
        """End the open alert of this kind; False when there is none."""
        ...
