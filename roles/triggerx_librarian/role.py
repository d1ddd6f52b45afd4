"""The librarian role: its configuration, and the server it keeps up."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar, NoReturn, cast

from triggerx.core.errors import UnrecoverableError
from triggerx.http.server import REQUEST_TIMEOUT_S, serving
from triggerx.role import RoleConfig, Services
from triggerx_librarian.api import application


@dataclass(frozen=True, slots=True, kw_only=True)
class LibrarianConfig(RoleConfig):
    """Table `[librarian]`."""

    host: str = "127.0.0.1"
    """The address to listen on; others than this machine reach it only when this says so."""
    port: int = 9002
    """The port to listen on; 0 takes a free one."""
    explorer_url: str = ""
    """The base address of a block explorer: task rows then link to `<explorer_url>/tx/<hash>`."""
    registry_wait_s: float = 3.0
    """How long a posted job may be missing in the registry, whose newest block may not have reached us."""
    request_timeout_s: float = REQUEST_TIMEOUT_S
    """How long one request may take."""


class LibrarianRole:
    """Serves the HTTP API; `services.endpoints["api"]` is where, from `started` on."""

    name: ClassVar[str] = "librarian"
    config_type: ClassVar[type[RoleConfig]] = LibrarianConfig

    def __init__(self, services: Services, config: RoleConfig) -> None:
        self._services = replace(services, log=services.log.bind(role=self.name))
        self._config = cast("LibrarianConfig", config)

    async def run(self, *, started: Callable[[], None]) -> NoReturn:
        """Serve until cancelled; running requests may finish."""
        config = self._config
        app = application(
            self._services,
            registry_wait_s=config.registry_wait_s,
            explorer_url=config.explorer_url,
            request_timeout_s=config.request_timeout_s,
        )
        async with serving(app, host=config.host, port=config.port, log=self._services.log) as url:
            self._services.endpoints["api"] = url
            self._services.log.info("api started", url=url)
            started()
            await asyncio.Event().wait()
        raise UnrecoverableError("the API's server ended: it may not")
