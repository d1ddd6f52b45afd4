"""Whether this process lives, whether it can serve, and what it is."""

from importlib.metadata import version

from aiohttp import web

from triggerx.core.errors import RecoverableError
from triggerx.http.json import json_response
from triggerx.http.problems import refuse
from triggerx.role import Services


class Health:
    """The handlers of `/livez`, `/readyz` and `/version`."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._version = version("triggerx")

    async def live(self, _: web.Request) -> web.Response:
        """GET /livez: the process answers."""
        return json_response({"status": "ok"})

    async def ready(self, _: web.Request) -> web.Response:
        """GET /readyz: the store and every chain answer; 503 names the first that does not."""
        heads = {}
        await self._services.store.jobs.next_due_at()
        for chain_id, chain in sorted(self._services.chains.items()):
            try:
                heads[str(chain_id)] = (await chain.head()).number
            except RecoverableError as error:
                raise refuse(503, "not-ready", f"chain {chain_id} does not answer: {error}") from error
        return json_response({"status": "ok", "network": self._services.network.name, "heads": heads})

    async def version(self, _: web.Request) -> web.Response:
        """GET /version: the software's version and the network it serves."""
        return json_response({"version": self._version, "network": self._services.network.name})
