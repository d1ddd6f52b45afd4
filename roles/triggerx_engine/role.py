"""The engine role: its configuration, and the loops it runs side by side."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn, cast

from triggerx.core.errors import ConfigurationError, UnrecoverableError
from triggerx.role import RoleConfig, Services
from triggerx_engine.chain_watcher import ChainWatcher
from triggerx_engine.completion import Completion
from triggerx_engine.dispatcher import Dispatcher
from triggerx_engine.links import Links
from triggerx_engine.polls import Polls
from triggerx_engine.prices import Prices
from triggerx_engine.progress import Progress
from triggerx_engine.queue import Queue
from triggerx_engine.slots import TimeWatcher
from triggerx_engine.standing import Standing
from triggerx_engine.values import ConditionJobs
from triggerx_engine.views import Views


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig(RoleConfig):
    """Table `[engine]`."""

    attempts_max: int = 5
    """How many performers are tried before a task becomes a dead letter."""
    acknowledge_timeout_s: float = 3.0
    """How long a performer has to answer an assignment."""
    attestation_window_s: int = 120
    """How long an announced action may wait for its attestation before another keeper announces it again."""
    poll_s: float = 1.0
    """How often the store is read again when nothing wakes the engine."""
    on_time_s: int = 15
    """How late a due second may be decided and still count as on time; later ones go by the job's misfire policy."""
    source_poll_s: float = 1.0
    """How often each address that conditions look at is asked."""
    script_poll_s: float = 10.0
    """How often each script that conditions look at is run."""
    user_runs_per_day_max: int = 20_000
    """How many runs all jobs of one owner may have on a UTC day."""


class EngineRole:
    """Schedules, assigns and follows; everything it knows is in the store, so a restart goes on where it was."""

    name: ClassVar[str] = "engine"
    config_type: ClassVar[type[RoleConfig]] = EngineConfig

    def __init__(self, services: Services, config: RoleConfig) -> None:
        if services.engine_signer is None:
            raise ConfigurationError("the engine has no key: set keys.engine_file to a file that holds its private key")
        self._services = services
        self._config = cast("EngineConfig", config)

    async def run(self, *, started: Callable[[], None]) -> NoReturn:
        """Run every loop until cancelled."""
        config, services = self._config, self._services
        prices = Prices(services, user_runs_per_day_max=config.user_runs_per_day_max)
        queue = Queue(services, prices, on_time_s=config.on_time_s, poll_s=config.poll_s)
        values = ConditionJobs(services, prices)
        views = Views(services, values)
        loops: dict[str, Coroutine[Any, Any, NoReturn]] = {
            "prices": prices.run(),
            "queue": queue.run(),
            "slots": TimeWatcher(services, prices, on_time_s=config.on_time_s, poll_s=config.poll_s).run(),
            "polls": Polls(
                services, values, source_poll_s=config.source_poll_s, script_poll_s=config.script_poll_s
            ).run(),
            "progress": Progress(services, attestation_window_s=config.attestation_window_s).run(),
            "completion": Completion(services, poll_s=config.poll_s).run(),
            "links": Links(services, poll_s=config.poll_s).run(),
            "standing": Standing(services).run(),
            "dispatcher": Dispatcher(
                services,
                attempts_max=config.attempts_max,
                acknowledge_timeout_s=config.acknowledge_timeout_s,
                poll_s=config.poll_s,
            ).run(),
        }
        for chain_id in services.chains:
            watcher = ChainWatcher(services, queue, views, chain_id=chain_id, poll_s=config.poll_s)
            loops[f"chain.{chain_id}"] = watcher.run()
        await prices.look()
        async with asyncio.TaskGroup() as group:
            for name, loop in loops.items():
                group.create_task(loop, name=f"engine.{name}")
            started()
        raise UnrecoverableError("the engine's loops ended: none of them may")
