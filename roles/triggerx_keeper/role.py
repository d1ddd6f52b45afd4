"""The keeper role: its configuration, and the loops it runs side by side."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NoReturn, cast

from triggerx.core.errors import ConfigurationError, UnrecoverableError
from triggerx.evm.types import checksum
from triggerx.role import RoleConfig, Services
from triggerx_keeper.aggregator import Aggregator
from triggerx_keeper.announcements import AnnouncementIntake
from triggerx_keeper.attester import Attester
from triggerx_keeper.ballots import BallotBox
from triggerx_keeper.checkins import CheckIns
from triggerx_keeper.claims import Claims
from triggerx_keeper.computing import Computing
from triggerx_keeper.identity import Identity
from triggerx_keeper.orders import OrderDesk
from triggerx_keeper.outcomes import Outcomes
from triggerx_keeper.performer import Performer
from triggerx_keeper.shelf import Shelf


@dataclass(frozen=True, slots=True, kw_only=True)
class KeeperConfig(RoleConfig):
    """Table `[keeper]`."""

    tasks_at_once: int = 256
    """How many own tasks are executed side by side; more are refused, so that the next in the draw gets them."""
    poll_s: float = 2.0
    """How often the store is read again when nothing wakes the keeper."""
    votes_quorum_grace_ms: int = 150
    """How long the aggregator waits for further votes once the quorum is there."""


class KeeperRole:
    """Performer, attester and aggregator of one operator; only what is in its store binds it."""

    name: ClassVar[str] = "keeper"
    config_type: ClassVar[type[RoleConfig]] = KeeperConfig

    def __init__(self, services: Services, config: RoleConfig) -> None:
        if services.keeper_signer is None:
            raise ConfigurationError("the keeper has no key: set keys.keeper_file to a file with its private key")
        self._services = services
        self._config = cast("KeeperConfig", config)
        self._identity = Identity(services, services.keeper_signer)

    async def run(self, *, started: Callable[[], None]) -> NoReturn:
        """Serve at once; vote and perform as soon as the chain knows the operator as active."""
        services, config, identity = self._services, self._config, self._identity
        services.log.info("keeper starts", operator=checksum(identity.address), peer_id=services.peers.peer_id)
        shelf, claims, computing = Shelf(services), Claims(services), Computing(services)
        performer = Performer(services, identity, claims, tasks_at_once=config.tasks_at_once, poll_s=config.poll_s)
        OrderDesk(services, identity, claims, computing, tasks_at_once=config.tasks_at_once).open()
        aggregator = Aggregator(
            services, identity, shelf, poll_s=config.poll_s, grace_s=config.votes_quorum_grace_ms / 1000
        )
        attester = Attester(services, identity, shelf, claims, computing, poll_s=config.poll_s)
        async with asyncio.TaskGroup() as group:
            group.create_task(AnnouncementIntake(services, identity, shelf).run(), name="keeper.announcements")
            group.create_task(BallotBox(services).run(), name="keeper.ballots")
            group.create_task(attester.run(), name="keeper.attester")
            group.create_task(aggregator.run(), name="keeper.aggregator")
            group.create_task(Outcomes(services).run(), name="keeper.outcomes")
            group.create_task(performer.run(), name="keeper.performer")
            group.create_task(CheckIns(services, identity).run(), name="keeper.check-ins")
            started()
        raise UnrecoverableError("the keeper's loops ended: none of them may")
