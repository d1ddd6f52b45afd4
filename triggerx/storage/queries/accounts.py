"""Users and API keys between rows and nouns."""

from collections.abc import Sequence

from triggerx.core.errors import NotFound
from triggerx.evm.types import Address, ChainId, Wei, checksum
from triggerx.ports.store.accounts import ApiKey, Scope, User
from triggerx.storage.session import Row, Session


class UserQueries:
    """The user table over a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def ensure(self, address: Address, *, now: int) -> User:
        """Return the user of this address, added when it is new; see `ports.store.Users`."""
        known = await self._session.fetch_one("user_by_address", address=address)
        row = known or await self._session.fetch_one("ensure_user", address=address, now=now)
        if row is None:
            raise NotFound(f"the user {checksum(address)} was removed while it was looked for")
        return _user(row)

    async def by_address(self, address: Address) -> User | None:
        """Return a user."""
        row = await self._session.fetch_one("user_by_address", address=address)
        return None if row is None else _user(row)

    async def add_points(self, address: Address, points: Wei, *, now: int) -> None:
        """Add to the user's points."""
        await self._session.execute("add_points", address=address, points=str(points), now=now)


class DepositQueries:
    """What owners have deposited, over a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def set(self, chain_id: ChainId, address: Address, balance: Wei, *, block_number: int, now: int) -> bool:
        """Note a balance as it was at a block, and the owner's sum; the user's row is locked while it is added up."""
        async with self._session.atomic() as session:
            await session.fetch_one("ensure_user", address=address, now=now)
            written = await session.execute(
                "put_deposit", address=address, chain_id=chain_id, balance=str(balance), block_number=block_number
            )
            if written == 0:
                return False
            rows = await session.fetch_all("deposits_of_user", address=address)
            total = sum(row.number("balance") for row in rows)
            await session.execute("set_token_balance", address=address, balance=str(total), now=now)
        return True

    async def get(self, chain_id: ChainId, address: Address) -> Wei | None:
        """Return a balance."""
        row = await self._session.fetch_one("get_deposit", address=address, chain_id=chain_id)
        return None if row is None else Wei(row.number("balance"))


class ApiKeyQueries:
    """The key table over a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def insert(self, *, digest: bytes, owner: str, scopes: frozenset[Scope], rate_limit: int, now: int) -> ApiKey:
        """Add a key and return it; see `ports.store.ApiKeys`."""
        row = await self._session.fetch_one(
            "insert_api_key",
            digest=digest,
            owner=owner,
            scopes=",".join(sorted(scopes)),
            rate_limit=rate_limit,
            now=now,
        )
        if row is None:
            raise NotFound("the API key was removed while it was added")
        return _api_key(row)

    async def by_digest(self, digest: bytes) -> ApiKey | None:
        """Return a key by the SHA-256 of its text."""
        row = await self._session.fetch_one("api_key_by_digest", digest=digest)
        return None if row is None else _api_key(row)

    async def touch(self, api_key_id: int, *, now: int) -> None:
        """Note that it was used."""
        await self._session.execute("touch_api_key", api_key_id=api_key_id, now=now)

    async def set_active(self, api_key_id: int, *, is_active: bool) -> None:
        """Turn a key on or off."""
        if await self._session.execute("set_api_key_active", api_key_id=api_key_id, is_active=is_active) == 0:
            raise NotFound(f"there is no API key {api_key_id} in the store")

    async def list_all(self) -> Sequence[ApiKey]:
        """Return every key."""
        return tuple(_api_key(row) for row in await self._session.fetch_all("all_api_keys"))

    async def list_by_owner(self, owner: str) -> Sequence[ApiKey]:
        """Return an owner's keys."""
        return tuple(_api_key(row) for row in await self._session.fetch_all("api_keys_of_owner", owner=owner))


def _user(row: Row) -> User:
    return User(
        user_id=row.integer("user_id"),
        user_address=Address(row.octets("user_address")),
        created_at=row.integer("created_at"),
        account_balance=Wei(row.number("account_balance")),
        token_balance=Wei(row.number("token_balance")),
        last_updated_at=row.integer("last_updated_at"),
    )


def _api_key(row: Row) -> ApiKey:
    return ApiKey(
        api_key_id=row.integer("api_key_id"),
        digest=row.octets("digest"),
        owner=row.text("owner"),
        scopes=frozenset(Scope(word) for word in row.text("scopes").split(",") if word),
        is_active=row.boolean("is_active"),
        rate_limit=row.integer("rate_limit"),
        last_used=row.integer_or_none("last_used"),
        created_at=row.integer("created_at"),
    )
