"""What a role's author imports: `Role`, `Services`, `RoleConfig`, and `WakeUp` for its loops.

A role is a task of the node. It gets everything from outside through `Services`, and finds nothing anywhere else.
"""

import asyncio
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import ClassVar, NoReturn, Protocol

from triggerx.core.errors import UnrecoverableError
from triggerx.core.network import Network
from triggerx.events import Event
from triggerx.evm.types import ChainId
from triggerx.ports.bus import Bus
from triggerx.ports.chain import Chain, Transactions
from triggerx.ports.clock import Chance, Clock
from triggerx.ports.content import Content
from triggerx.ports.faults import CrashPoint, no_crash
from triggerx.ports.fetch import Fetch, NoFetch
from triggerx.ports.log import Log
from triggerx.ports.notifier import Notifier
from triggerx.ports.operators import Operators
from triggerx.ports.peers import Peers
from triggerx.ports.scripts import NoScripts, NoScriptSources, Scripts, ScriptSources
from triggerx.ports.signer import AttesterSigner, Signer
from triggerx.ports.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything a role may use. Keys are there only for the roles that were configured with one."""

    network: Network
    clock: Clock
    chance: Chance
    log: Log
    bus: Bus
    store: Store
    chains: Mapping[ChainId, Chain]
    transactions: Mapping[ChainId, Transactions]
    """Empty without a keeper key."""
    operators: Operators
    peers: Peers
    content: Content
    notifiers: tuple[Notifier, ...]
    fetch: Fetch = field(default_factory=NoFetch)
    """Requests to the outside on behalf of jobs; the default refuses them all."""
    scripts: Scripts = field(default_factory=NoScripts)
    """The sandboxes of users' scripts; the default has none."""
    script_sources: ScriptSources = field(default_factory=NoScriptSources)
    """Where scripts are read from; the default has none."""
    engine_signer: Signer | None = None
    keeper_signer: AttesterSigner | None = None
    crash_point: CrashPoint = no_crash
    endpoints: MutableMapping[str, str] = field(default_factory=dict)
    """Where this node can be reached, by name, e.g. `api`; a role that listens writes its own once it does."""

    def chain(self, chain_id: ChainId) -> Chain:
        """Return the chain of this id; raises `KeyError` when the node has no endpoint for it."""
        return self.chains[chain_id]


class RoleConfig:
    """Base of a role's configuration: a frozen dataclass whose fields have defaults and a docstring each.

    Supported field types: int, float, bool, str, tuples of str. The table `[<role name>]` of triggerx.toml fills it.
    """


class Role(Protocol):
    """One pluggable role, found through the entry-point group `triggerx.roles`."""

    name: ClassVar[str]
    config_type: ClassVar[type[RoleConfig]]

    def __init__(self, services: Services, config: RoleConfig) -> None: ...

    async def run(self, *, started: Callable[[], None]) -> NoReturn:
        """Do the role's work for ever; call `started` once it can be relied on.

        Raise `RecoverableError` to be restarted with backoff; anything else stops the node. To return is an error.
        Cancelled to stop: clean up within the supervisor's deadline.
        """
        ...


class WakeUp:
    """Lets a loop wait for bus events or an interval, whichever is first; then the loop reads the store again."""

    def __init__(self, services: Services, *types: type[Event]) -> None:
        self._services = services
        self._types = types
        self._called = asyncio.Event()

    def call(self) -> None:
        """End the present wait, or the next one at once."""
        self._called.set()

    async def listen(self) -> NoReturn:
        """Turn every event of the types into a call; runs beside the loop in its task group."""
        async with self._services.bus.subscribe(*self._types) as events:
            async for _ in events:
                self._called.set()
        raise UnrecoverableError("a subscription of the bus ended, which none may")

    async def wait(self, timeout_s: float) -> None:
        """Return at the next call or after `timeout_s`; calls since the last wait count."""
        sleeper = asyncio.create_task(self._services.clock.sleep(timeout_s), name="wake-up.sleep")
        waker = asyncio.create_task(self._called.wait(), name="wake-up.call")
        try:
            await asyncio.wait({sleeper, waker}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeper.cancel()
            waker.cancel()
        self._called.clear()
