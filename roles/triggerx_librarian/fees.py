"""What one run of a job is expected to cost, at the chain's present gas price."""

from aiohttp import web

from triggerx.core.budget import FEE_PERCENT, INNER_GAS_DEFAULT, UNGUARDED_FEE_MAX_WEI, gas_of_run, run_cost
from triggerx.core.errors import InvalidInput
from triggerx.core.job_fields import read_integer
from triggerx.core.network import ActionChain
from triggerx.evm.types import ChainId
from triggerx.http.json import json_response
from triggerx.role import Services
from triggerx_librarian.registry import chain_of


class Fees:
    """The handler of `/api/fees`."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def estimate(self, request: web.Request) -> web.Response:
        """GET /api/fees: wei a run as decimal strings, never zero.

        fee = gas x gas price x percent / 100 (`core.budget.run_cost`, by which the engine holds jobs and performers are
        paid). The gas is that of a run with 100,000 for the target's call: 330,000 guarded, 200,000 unguarded. A
        mandate's own least gas and cap count instead, and once a job without one has run, the gas of its last run. The
        gas price is the target chain's present one. The percentage is the priority's (`priority`, 2 where it is left
        out): 150, 120, 105 for 1, 2, 3. The SDK asks before it signs, so the dearer way of the chain is estimated:
        guarded, where its hub can.
        """
        read_integer(request.query, "task_definition_id", low=1, high=7, default=1)
        priority = read_integer(request.query, "priority", low=1, high=3, default=2)
        action_chain = self._action_chain(request)
        gas = gas_of_run(INNER_GAS_DEFAULT, is_guarded=action_chain.is_guarded)
        fee_max = None if action_chain.is_guarded else UNGUARDED_FEE_MAX_WEI
        gas_price = await chain_of(self._services, action_chain.chain_id).gas_price()
        fee = str(max(1, run_cost(gas, gas_price, priority, fee_max_wei=fee_max)))
        names = ("total_fee", "current_total_fee", "total_fee_wei", "current_total_fee_wei")
        shown = {"gas": gas, "gas_price_wei": str(gas_price), "priority": priority, "percent": FEE_PERCENT[priority]}
        return json_response({**dict.fromkeys(names, fee), **shown})

    def _action_chain(self, request: web.Request) -> ActionChain:
        chains = self._services.network.action_chains
        default = next(iter(chains)) if len(chains) == 1 else None
        chain_id = ChainId(read_integer(request.query, "target_chain_id", low=1, high=(1 << 32) - 1, default=default))
        if chain_id not in chains:
            known = ", ".join(str(each) for each in sorted(chains))
            raise InvalidInput("target_chain_id", f"is {chain_id}, this network's action chains are {known}")
        return chains[chain_id]
