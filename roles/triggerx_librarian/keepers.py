"""Keepers over HTTP: what everybody may know of them; how to reach their operators is not part of it."""

from aiohttp import web

from triggerx.core.errors import NotFound
from triggerx.core.keeper import Keeper, is_online
from triggerx.evm.types import checksum
from triggerx.http.json import json_response
from triggerx.ports.store.tasks import PerformerLoad
from triggerx.role import Services
from triggerx_librarian.formats import iso, optional_hex
from triggerx_librarian.parameters import row_id_in


class Keepers:
    """The handlers of `/api/keepers`, and the network's numbers at `/status`."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def every(self, _: web.Request) -> web.Response:
        """GET /api/keepers/all."""
        keepers = await self._services.store.keepers.list_all()
        return json_response({"keepers": [self._row(keeper) for keeper in keepers]})

    async def performers(self, _: web.Request) -> web.Response:
        """GET /api/keepers/performers: the keepers that may perform, or have, each with its record and its load.

        `replaced` counts assignments after which another had to perform.
        """
        loads = {load.performer: load for load in await self._services.store.tasks.loads()}
        keepers = await self._services.store.keepers.list_all()
        shown = [
            {**self._row(keeper), "load": _load(loads.get(keeper.keeper_address))}
            for keeper in keepers
            if keeper.operator_id is not None or keeper.keeper_address in loads
        ]
        return json_response({"keepers": shown})

    async def one(self, request: web.Request) -> web.Response:
        """GET /api/keepers/:keeper_id."""
        keeper_id = row_id_in(request, "keeper_id")
        keeper = await self._services.store.keepers.get(keeper_id)
        if keeper is None:
            raise NotFound(f"there is no keeper {keeper_id}")
        return json_response(self._row(keeper))

    async def status(self, _: web.Request) -> web.Response:
        """GET /status: how many keepers there are, and which have checked in within the last epoch."""
        keepers = await self._services.store.keepers.list_all()
        active = [checksum(keeper.keeper_address) for keeper in keepers if self._is_online(keeper)]
        return json_response(
            {"total_keepers": len(keepers), "active_keepers": len(active), "active_keeper_list": active}
        )

    def _is_online(self, keeper: Keeper) -> bool:
        services = self._services
        return is_online(keeper.last_check_in_at, now=services.clock.now(), epoch_s=services.network.timing.epoch_s)

    def _row(self, keeper: Keeper) -> dict[str, object]:
        rewards = keeper.rewards_address
        return {
            "keeper_id": keeper.keeper_id,
            "keeper_name": keeper.keeper_name,
            "keeper_address": checksum(keeper.keeper_address),
            "registered_tx": optional_hex(keeper.registered_tx),
            "operator_id": keeper.operator_id,
            "rewards_address": None if rewards is None else checksum(rewards),
            "rewards_booster": str(keeper.rewards_booster),
            "voting_power": str(keeper.voting_power),
            "keeper_points": str(keeper.keeper_points),
            "peer_id": keeper.peer_id,
            "strategies": list(keeper.strategies),
            "verified": keeper.verified,
            "status": keeper.status,
            "online": self._is_online(keeper),
            "version": keeper.version,
            "no_exctask": keeper.no_exctask,
            "last_check_in_at": iso(keeper.last_check_in_at),
        }


def _load(load: PerformerLoad | None) -> dict[str, int]:
    if load is None:
        return {"open": 0, "attested": 0, "rejected": 0, "failed": 0, "replaced": 0}
    return {
        "open": load.open,
        "attested": load.attested,
        "rejected": load.rejected,
        "failed": load.failed,
        "replaced": load.replaced,
    }
