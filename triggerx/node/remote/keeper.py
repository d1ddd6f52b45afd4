"""What `triggerx keeper status` does: it puts together what the keeper's store, the chains and the API say of it.

The store is looked into beside a running node. Whatever does not answer is said in its place, and the rest is shown.
"""

import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from triggerx.chains.reads import Reads
from triggerx.client.answers import KeeperRow
from triggerx.client.api import ApiRefused
from triggerx.client.operators import power_on_l2
from triggerx.core.errors import RecoverableError, UnavailableError
from triggerx.core.network import Network
from triggerx.evm.types import Address, checksum, parse_address
from triggerx.node.build import PEER_BOOK_FILE, STORE_FILE
from triggerx.node.clock import SystemClock
from triggerx.node.config import Config
from triggerx.node.log import NodeLog
from triggerx.node.options import UsageError
from triggerx.node.remote.jobs import asked, run
from triggerx.node.remote.operators import OperatorPlace, opened_chains, power_row
from triggerx.node.remote.output import moment, print_document
from triggerx.node.remote.place import API_VARIABLE, Place
from triggerx.node.signers import KEEPER
from triggerx.p2p.peer_book import PeerBook
from triggerx.ports.store import Queries
from triggerx.storage.lock import holder_of
from triggerx.storage.reading import open_reading

PHASE: Final = "attestation"
"""The phase in which an attester's votes are bound (`ports.store.peering.OwnVote`)."""
BOOK_LAG_S: Final = 60  # a running node writes its book every half minute, if nothing is new

T = TypeVar("T")
Shown = dict[str, object]


@dataclass(frozen=True, kw_only=True)
class KeeperPlace:
    """Which keeper is meant: the one of the key, unless its address is given."""

    operator: OperatorPlace = field(default_factory=OperatorPlace)
    address: str | None = None
    api: str | None = None

    def read_address(self, config: Config) -> Address:
        """The operator's address; the key is read only where none is given."""
        if self.address is None:
            return self.operator.signer(config).address
        try:
            return parse_address(self.address)
        except ValueError as error:
            raise UsageError(f"--operator: {error}") from error


def keeper_status(place: KeeperPlace, *, is_json: bool) -> None:
    """Print what is known of a keeper."""
    config, network = place.operator.config()
    address = place.read_address(config)
    document: Shown = {"network": network.name, "operator": checksum(address)}
    document |= run(lambda: _gathered(config, network, address))
    document["api"] = _points(Place(api=place.api, source=place.operator.source), address)
    if is_json:
        sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
    else:
        print_document(_readable(document))


async def _gathered(config: Config, network: Network, address: Address) -> Shown:
    directory = _directory(config)
    shown: Shown = {"node": {"data_dir": str(directory), "process_id": holder_of(directory)}}
    shown |= await _stored(config, directory)
    shown["peers"] = _peers(directory, network, address)
    chain_ids = {network.l1_chain_id, *network.chain_ids()}
    async with opened_chains(config, chain_ids) as chains:
        l2 = chains[network.l2_chain_id]
        shown["election"] = await _or_reason(lambda: _election(l2, network, address))
        shown["balances"] = [{"chain_id": each, **await _balance(chain, address)} for each, chain in chains.items()]
    return shown


def _directory(config: Config) -> Path:
    """Where the keeper keeps its facts: beside an engine it is a node of its own, in a folder (`node.serve`)."""
    beside = config.data_dir / KEEPER
    return beside if (beside / STORE_FILE).is_file() else config.data_dir


async def _stored(config: Config, directory: Path) -> Shown:
    is_own = directory != config.data_dir  # a keeper beside an engine has SQLite, whatever the engine has
    address = (not is_own and config.store.url) or directory / STORE_FILE
    async with open_reading(address) as store:
        return await _of_store(store)


async def _of_store(store: Queries) -> Shown:
    tally = await store.votes.tally(PHASE)
    refusals: list[Shown] = [
        {"code": each.code, "votes": each.votes, "last_at": each.last_at} for each in tally if not each.is_approved
    ]
    return {
        "votes": {
            "approved": sum(each.votes for each in tally if each.is_approved),
            "rejected": sum(each.votes for each in tally if not each.is_approved),
            "last_at": max((each.last_at for each in tally), default=None),
        },
        "refusals": refusals,
        "work": {
            "tasks_open": len(await store.performances.list_open()),
            "documents_open": len(await store.votes.open_documents()),
        },
    }


def _peers(directory: Path, network: Network, address: Address) -> Shown:
    """Whom the node has heard, as it last wrote it; which connections are open, only the node itself knows."""
    book = PeerBook(directory / PEER_BOOK_FILE, NodeLog(SystemClock()))
    book.load()
    others = [contact for contact in book if contact.operator != address]
    within_s = network.timing.epoch_s + BOOK_LAG_S
    now = SystemClock().now()
    return {
        "known": len(others),
        "heard_lately": sum(now - contact.issued_at <= within_s for contact in others),
        "within_s": within_s,
        "last_heard_at": max((contact.issued_at for contact in others), default=None),
    }


async def _election(l2: Reads, network: Network, address: Address) -> Shown:
    return power_row(await power_on_l2(l2, network, address))


async def _balance(chain: Reads, address: Address) -> Shown:
    async def asked_for() -> Shown:
        return {"balance_wei": str(await chain.balance(address))}

    return await _or_reason(asked_for)


async def _or_reason(question: Callable[[], Awaitable[Shown]]) -> Shown:
    try:
        return await question()
    except RecoverableError as error:
        return {"error": str(error)}


def _points(place: Place, address: Address) -> Shown:
    if not (place.api or place.source.environ.get(API_VARIABLE)):
        return {"error": f"no API is named: give --api URL, or set {API_VARIABLE}"}
    try:
        keepers = asked(place, lambda api: api.keepers()).value.keepers
    except (UnavailableError, ApiRefused) as error:
        return {"error": str(error)}
    row = next((each for each in keepers if _is_of(each, address)), None)
    if row is None:
        return {"error": "the API knows no keeper of this address"}
    return {"points": row.keeper_points, "is_online": row.online, "last_check_in_at": row.last_check_in_at}


def _is_of(row: KeeperRow, address: Address) -> bool:
    return row.keeper_address.lower() == f"0x{address.hex()}"


def _readable(document: Shown) -> Shown:
    """The document with its moments as people read them; that no process runs is said."""
    return {name: _with_moments(value) for name, value in document.items()}


def _with_moments(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _moment(name, each) for name, each in value.items()}
    if isinstance(value, list):
        return [_with_moments(each) for each in value]
    return value


def _moment(name: str, value: object) -> object:
    if name == "process_id" and value is None:
        return "none: it does not run"
    return moment(value) if name.endswith("_at") and isinstance(value, int) else value
