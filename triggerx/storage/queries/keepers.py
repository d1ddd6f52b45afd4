"""Keepers between rows and nouns, with their check-ins, rewards and alerts.

A keeper's row is made by whoever hears of it first: a registration, a check-in, a task it performed, an alert.
"""

import json
from collections.abc import Sequence

from triggerx.core.canonical import canonical_json
from triggerx.core.errors import NotFound
from triggerx.core.keeper import CheckIn, Keeper
from triggerx.evm.types import Address, Hash32, Wei, checksum
from triggerx.storage.session import Row, Session, Value


class KeeperQueries:
    """The keeper table and what hangs on it, over a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def ensure(self, address: Address) -> Keeper:
        """Return the keeper of this address, added when it is new; see `ports.store.Keepers`."""
        return _keeper(await self._ensured(self._session, address))

    async def save(self, keeper: Keeper) -> None:
        """Write every column of a keeper that exists."""
        if await self._session.execute("save_keeper", **_columns(keeper)) == 0:
            shown = checksum(keeper.keeper_address)
            raise NotFound(f"there is no keeper {keeper.keeper_id} ({shown}) in the store")

    async def get(self, keeper_id: int) -> Keeper | None:
        """Return a keeper by its number."""
        return _keeper_or_none(await self._session.fetch_one("get_keeper", keeper_id=keeper_id))

    async def by_address(self, address: Address) -> Keeper | None:
        """Return a keeper by its address."""
        return _keeper_or_none(await self._session.fetch_one("keeper_by_address", address=address))

    async def by_operator_id(self, operator_id: int) -> Keeper | None:
        """Return a keeper by the Attestation Center's id; the newest row where several name it."""
        return _keeper_or_none(await self._session.fetch_one("keeper_by_operator_id", operator_id=operator_id))

    async def list_all(self) -> Sequence[Keeper]:
        """Return every keeper."""
        return tuple(_keeper(row) for row in await self._session.fetch_all("all_keepers"))

    async def record_check_in(self, check_in: CheckIn) -> bool:
        """Keep the newest check-in of its operator."""
        async with self._session.atomic() as session:
            keeper_id = (await self._ensured(session, check_in.operator)).integer("keeper_id")
            written = await session.execute(
                "record_check_in",
                keeper_id=keeper_id,
                peer_id=check_in.peer_id,
                addresses=canonical_json(check_in.addresses).decode(),
                version=check_in.version,
                checked_in_at=check_in.checked_in_at,
            )
            if written == 0:
                return False
            await session.execute(
                "note_check_in",
                keeper_id=keeper_id,
                peer_id=check_in.peer_id,
                connection_address=check_in.addresses[0] if check_in.addresses else "",
                version=check_in.version,
                checked_in_at=check_in.checked_in_at,
            )
            return True

    async def list_check_ins(self, *, since: int) -> Sequence[CheckIn]:
        """Return the last check-ins since then."""
        rows = await self._session.fetch_all("check_ins_since", since=since)
        return tuple(
            CheckIn(
                operator=Address(row.octets("keeper_address")),
                peer_id=row.text("peer_id"),
                addresses=tuple(json.loads(row.text("addresses"))),
                version=row.text("version"),
                checked_in_at=row.integer("checked_in_at"),
            )
            for row in rows
        )

    async def set_online(self, address: Address, *, is_online: bool) -> None:
        """Note whether the keeper is alive."""
        await self._session.execute("set_keeper_online", address=address, is_online=is_online)

    async def credit(self, address: Address, *, points: Wei, tasks: int) -> None:
        """Add to its points and to the number of tasks it performed."""
        await self._session.execute("credit_keeper", address=address, points=str(points), tasks=tasks)

    async def insert_reward(self, *, operator_id: int, task_number: int, fee_wei: Wei, tx_hash: Hash32) -> None:
        """Note a reward; idempotent."""
        await self._session.execute(
            "insert_reward", operator_id=operator_id, task_number=task_number, fee_wei=str(fee_wei), tx_hash=tx_hash
        )

    async def open_alert(self, address: Address, *, kind: str, raised_at: int) -> bool:
        """Raise an alert unless one of this kind is open."""
        async with self._session.atomic() as session:
            keeper_id = (await self._ensured(session, address)).integer("keeper_id")
            return await session.execute("open_alert", keeper_id=keeper_id, kind=kind, raised_at=raised_at) == 1

    async def close_alert(self, address: Address, *, kind: str, closed_at: int) -> bool:
        """End the open alert of this kind."""
        return await self._session.execute("close_alert", address=address, kind=kind, closed_at=closed_at) == 1

    async def _ensured(self, session: Session, address: Address) -> Row:
        known = await session.fetch_one("keeper_by_address", address=address)
        row = known or await session.fetch_one("ensure_keeper", address=address)
        if row is None:
            raise NotFound(f"the keeper {checksum(address)} was removed while it was looked for")
        return row


def _columns(keeper: Keeper) -> dict[str, Value]:
    return {
        "keeper_id": keeper.keeper_id,
        "keeper_name": keeper.keeper_name,
        "keeper_address": keeper.keeper_address,
        "registered_tx": keeper.registered_tx,
        "operator_id": keeper.operator_id,
        "rewards_address": keeper.rewards_address,
        "rewards_booster": keeper.rewards_booster,
        "voting_power": str(keeper.voting_power),
        "keeper_points": str(keeper.keeper_points),
        "connection_address": keeper.connection_address,
        "peer_id": keeper.peer_id,
        "strategies": canonical_json(keeper.strategies).decode(),
        "verified": keeper.verified,
        "status": keeper.status,
        "online": keeper.online,
        "version": keeper.version,
        "no_exctask": keeper.no_exctask,
        "chat_id": keeper.chat_id,
        "email_id": keeper.email_id,
        "bls_key": None if keeper.bls_key is None else ",".join(str(part) for part in keeper.bls_key),
        "last_check_in_at": keeper.last_check_in_at,
    }


def _keeper_or_none(row: Row | None) -> Keeper | None:
    return None if row is None else _keeper(row)


def _keeper(row: Row) -> Keeper:
    registered_tx, rewards_address = row.octets_or_none("registered_tx"), row.octets_or_none("rewards_address")
    return Keeper(
        keeper_id=row.integer("keeper_id"),
        keeper_address=Address(row.octets("keeper_address")),
        keeper_name=row.text("keeper_name"),
        registered_tx=None if registered_tx is None else Hash32(registered_tx),
        operator_id=row.integer_or_none("operator_id"),
        rewards_address=None if rewards_address is None else Address(rewards_address),
        rewards_booster=row.integer("rewards_booster"),
        voting_power=row.number("voting_power"),
        keeper_points=Wei(row.number("keeper_points")),
        connection_address=row.text("connection_address"),
        peer_id=row.text("peer_id"),
        strategies=tuple(json.loads(row.text("strategies"))),
        verified=row.boolean("verified"),
        status=row.boolean("status"),
        online=row.boolean("online"),
        version=row.text("version"),
        no_exctask=row.integer("no_exctask"),
        chat_id=row.text("chat_id"),
        email_id=row.text("email_id"),
        bls_key=_bls_key(row.text_or_none("bls_key")),
        last_check_in_at=row.integer_or_none("last_check_in_at"),
    )


def _bls_key(text: str | None) -> tuple[int, int, int, int] | None:
    if text is None:
        return None
    x_re, x_im, y_re, y_im = (int(part) for part in text.split(","))
    return x_re, x_im, y_re, y_im
