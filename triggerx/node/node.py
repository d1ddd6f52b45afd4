"""A running node: services, roles and their supervisor as one context; several may run in one process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from triggerx.core.errors import ConfigurationError
from triggerx.node.clock import SystemChance, SystemClock
from triggerx.node.config import Config, Table
from triggerx.node.config.reading import read_table
from triggerx.node.discovery import load_roles
from triggerx.node.failures import most_serious
from triggerx.node.supervisor import DEFAULT_LIMITS, PlannedRole, SupervisionLimits, Supervisor
from triggerx.ports.clock import Chance, Clock
from triggerx.ports.log import Log
from triggerx.ports.signer import AttesterSigner, Signer
from triggerx.role import Role, RoleConfig, Services


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSettings:
    """What a node is made from.

    Signers given here go over the configuration's key files; a log given here over its table. `name` is bound into the
    log, to tell several nodes of one process apart. `has_moved` accepts a data directory of another machine.
    """

    config: Config
    roles: tuple[str, ...]
    name: str = ""
    has_moved: bool = False
    log: Log | None = None
    clock: Clock = field(default_factory=SystemClock)
    chance: Chance = field(default_factory=SystemChance)
    engine_signer: Signer | None = None
    keeper_signer: AttesterSigner | None = None
    limits: SupervisionLimits = DEFAULT_LIMITS


class Node:
    """A node whose roles have started."""

    def __init__(self, services: Services, roles: tuple[str, ...], running: "asyncio.Task[None]") -> None:
        self.services = services
        self.roles = roles
        self._running = running

    async def wait(self) -> None:
        """Wait for ever; the context is cancelled, and raises, when a role stops the node."""
        await asyncio.shield(self._running)


@asynccontextmanager
async def running_node(settings: NodeSettings) -> AsyncIterator[Node]:
    """Run a node while the context is open; it is entered when every role has started.

    When a role fails for good, the body is cancelled and the context raises the role's error. However the context ends,
    the roles stop in reverse, then the services close in reverse, each within its deadline.
    """
    from triggerx.node.build import opened_services  # noqa: PLC0415 - the adapters load web3 and libp2p

    planned_types = [(role, _role_config(role, settings.config)) for role in load_roles(settings.roles)]
    async with opened_services(settings) as services:
        supervisor = Supervisor(clock=settings.clock, chance=settings.chance, log=services.log, limits=settings.limits)
        planned = [_planned(role, config, services) for role, config in planned_types]
        names = tuple(role.name for role in planned)
        failure: BaseException | None = None
        ready = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as group:
                running: asyncio.Task[None] = group.create_task(
                    supervisor.run(planned, ready=ready.set), name=f"supervisor {settings.name}".strip()
                )
                await ready.wait()
                services.log.info("node started", roles=",".join(names), peer_id=services.peers.peer_id)
                yield Node(services, names, running)
                running.cancel()
        except BaseExceptionGroup as group_failure:
            failure = most_serious(group_failure)
        if failure is not None:
            raise failure


def _planned(role: type[Role], config: RoleConfig, services: Services) -> PlannedRole:
    bound = replace(services, log=services.log.bind(role=role.name))
    return PlannedRole(name=role.name, make=lambda: role(bound, config))


def _role_config(role: type[Role], config: Config) -> RoleConfig:
    """The role's table as its class; the defaults where there is none."""
    table = config.roles.get(role.name) or Table.of(role.name, {})
    try:
        return read_table(table, role.config_type)
    except TypeError as error:
        raise ConfigurationError(f"the role {role.name} has a configuration that cannot be read: {error}") from error
