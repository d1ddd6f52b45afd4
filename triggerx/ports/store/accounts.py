"""Users and API keys in the store."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from triggerx.evm.types import Address, ChainId, Wei


class Scope(StrEnum):
    """What an API key may do; ADMIN may do everything."""

    READ = "read"
    WRITE = "write"
    KEEPER = "keeper"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """One row of the user table. `account_balance` is points, `token_balance` the sum of the deposits, in wei."""

    user_id: int
    user_address: Address
    created_at: int
    account_balance: Wei
    token_balance: Wei
    last_updated_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """One row of the key table; `digest` is the SHA-256 of the key, which itself is shown once. Rate is per minute."""

    api_key_id: int
    digest: bytes
    owner: str
    """An address (checksummed) or a name."""
    scopes: frozenset[Scope]
    is_active: bool
    rate_limit: int
    last_used: int | None
    created_at: int


class Users(Protocol):
    """The user table, one row an address."""

    async def ensure(self, address: Address, *, now: int) -> User:
        """Return the user of this address, added when it is new."""
        ...

    async def by_address(self, address: Address) -> User | None:
        """Return a user."""
        ...

    async def add_points(self, address: Address, points: Wei, *, now: int) -> None:
        """Add to the user's points."""
        ...


class Deposits(Protocol):
    """What owners have deposited in the GasRegistry of each chain; `users.token_balance` is an owner's sum."""

    async def set(self, chain_id: ChainId, address: Address, balance: Wei, *, block_number: int, now: int) -> bool:
        """Note a balance as it was at a block, and the owner's sum; False, and nothing, when a newer one is known.

        The owner becomes a user when it is new.
        """
        ...

    async def get(self, chain_id: ChainId, address: Address) -> Wei | None:
        """Return a balance, None before the first was noted."""
        ...


class ApiKeys(Protocol):
    """The key table."""

    async def insert(self, *, digest: bytes, owner: str, scopes: frozenset[Scope], rate_limit: int, now: int) -> ApiKey:
        """Add a key and return it; the existing one when the digest is known."""
        ...

    async def by_digest(self, digest: bytes) -> ApiKey | None:
        """Return a key by the SHA-256 of its text."""
        ...

    async def touch(self, api_key_id: int, *, now: int) -> None:
        """Note that it was used."""
        ...

    async def set_active(self, api_key_id: int, *, is_active: bool) -> None:
        """Turn a key on or off; raises `NotFound`."""
        ...

    async def list_all(self) -> Sequence[ApiKey]:
        """Return every key by id, those that were turned off too."""
        ...

    async def list_by_owner(self, owner: str) -> Sequence[ApiKey]:
        """Return an owner's keys."""
        ...
