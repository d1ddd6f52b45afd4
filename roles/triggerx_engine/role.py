"""The engine role: its configuration, and the loops it runs side by side."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NoReturn, cast

from triggerx.core.errors import ConfigurationError, UnrecoverableError
from triggerx.role import RoleConfig, Services
from triggerx_engine.completion import Completion
from triggerx_engine.dispatcher import Dispatcher
from triggerx_engine.progress import Progress
from triggerx_engine.standing import Standing
from triggerx_engine.watcher import TimeWatcher


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
        """Run the watcher, the dispatcher, the progress, the completion and the standing loop until cancelled."""
        config = self._config
        progress = Progress(self._services, attestation_window_s=config.attestation_window_s)
        dispatcher = Dispatcher(
            self._services,
            attempts_max=config.attempts_max,
            acknowledge_timeout_s=config.acknowledge_timeout_s,
            poll_s=config.poll_s,
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(progress.run(), name="engine.progress")
            group.create_task(Completion(self._services, poll_s=config.poll_s).run(), name="engine.completion")
            group.create_task(dispatcher.run(), name="engine.dispatcher")
            group.create_task(Standing(self._services).run(), name="engine.standing")
            group.create_task(TimeWatcher(self._services, poll_s=config.poll_s).run(), name="engine.watcher")
            started()
        raise UnrecoverableError("the engine's loops ended: none of them may")
