"""A running node: services, roles and their supervisor as one context; several may run in one process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import NoReturn

from triggerx.core.errors import ConfigurationError
from triggerx.node.config import Config, Table
from triggerx.node.config.reading import read_table
from triggerx.node.discovery import load_roles
from triggerx.node.failures import most_serious
from triggerx.node.settings import NodeSettings
from triggerx.node.supervisor import PlannedRole, Runnable, Supervisor
from triggerx.role import Role, RoleConfig, Services

__all__ = ["Node", "NodeSettings", "running_node"]


class Node:
    """A node whose roles have started."""

    def __init__(self, services: Services, roles: tuple[str, ...], running: "asyncio.Task[NoReturn]") -> None:
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
    from triggerx.node.build import opened_services  # noqa: PLC0415 - the adapters take a while to load

    roles = [(role, _role_config(role, settings.config)) for role in load_roles(settings.roles)]
    failure: BaseException | None = None
    try:
        async with opened_services(settings) as opened, asyncio.TaskGroup() as group:
            services = opened.services
            planned = [_planned_lane(f"transactions {chain_id}", lane) for chain_id, lane in opened.lanes.items()]
            planned += [_planned_role(role, config, services) for role, config in roles]
            supervisor = Supervisor(
                clock=settings.clock, chance=settings.chance, log=services.log, limits=settings.limits
            )
            ready = asyncio.Event()
            running = group.create_task(
                supervisor.run(planned, ready=ready.set), name=f"supervisor {settings.name}".strip()
            )
            await ready.wait()
            names = tuple(role.name for role, _ in roles)
            services.log.info("node started", roles=",".join(names), addresses=" ".join(services.peers.addresses))
            yield Node(services, names, running)
            running.cancel()
    except BaseExceptionGroup as group_failure:
        failure = most_serious(group_failure)
    if failure is not None:
        raise failure


def _planned_role(role: type[Role], config: RoleConfig, services: Services) -> PlannedRole:
    bound = replace(services, log=services.log.bind(role=role.name))
    return PlannedRole(name=role.name, make=lambda: role(bound, config))


def _planned_lane(name: str, lane: Runnable) -> PlannedRole:
    return PlannedRole(name=name, make=lambda: lane)


def _role_config(role: type[Role], config: Config) -> RoleConfig:
    """The role's table as its class; the defaults where there is none."""
    table = config.roles.get(role.name) or Table.of(role.name, {})
    try:
        return read_table(table, role.config_type)
    except TypeError as error:
        raise ConfigurationError(f"the role {role.name} has a configuration that cannot be read: {error}") from error
