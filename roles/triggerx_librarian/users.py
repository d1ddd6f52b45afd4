"""Users over HTTP: who owns jobs, and what they have on deposit."""

from aiohttp import web

from triggerx.core.errors import NotFound
from triggerx.evm.types import checksum
from triggerx.http.json import json_response
from triggerx.role import Services
from triggerx_librarian.formats import iso
from triggerx_librarian.parameters import address_in
from triggerx_librarian.registry import chain_of, read_deposit

TASKS_COUNTED_MAX = 10_000  # beyond it the number is shown as this many


class Users:
    """The handlers of `/api/users`."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def one(self, request: web.Request) -> web.Response:
        """GET /api/users/:address: balances in wei, of the wallet and of the deposit on each action chain."""
        store, address = self._services.store, address_in(request)
        user = await store.users.by_address(address)
        if user is None:
            raise NotFound(f"there is no user {checksum(address)}")
        jobs = await store.jobs.list_by_owner(address)
        tasks = await store.tasks.list_by_owner(address, limit=TASKS_COUNTED_MAX)
        deposits, wallet = {}, 0
        for chain_id, action_chain in sorted(self._services.network.action_chains.items()):
            chain = chain_of(self._services, chain_id)
            deposits[str(chain_id)] = str((await read_deposit(chain, action_chain, address)).balance)
            wallet += await chain.balance(address)
        answer = {
            "user_id": user.user_id,
            "user_address": checksum(user.user_address),
            "job_ids": [str(job.job_id) for job in jobs],
            "ether_balance": str(wallet),
            "token_balance": str(sum(int(deposit) for deposit in deposits.values())),
            "deposits": deposits,
            "user_points": str(user.account_balance),
            "total_jobs": len(jobs),
            "total_tasks": len(tasks),
            "created_at": iso(user.created_at),
            "last_updated_at": iso(user.last_updated_at),
        }
        return json_response(answer)
