"""What one run of a job is expected to cost, at the chain's present gas price."""

from aiohttp import web

from triggerx.core.errors import InvalidInput
from triggerx.core.job_fields import read_integer
from triggerx.core.network import ActionChain
from triggerx.evm.types import ChainId
from triggerx.http.json import json_response
from triggerx.role import Services
from triggerx_librarian.registry import chain_of

GUARDED_GAS = 360_000  # executeTask with an ordinary inner call
UNGUARDED_GAS = 190_000  # executeFunction with the same
MARGIN_PERCENT = 120  # gas prices move while a job waits


class Fees:
    """The handler of `/api/fees`."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def estimate(self, request: web.Request) -> web.Response:
        """GET /api/fees: wei a run as decimal strings, never zero.

        The SDK asks before it signs, so the dearer way of the chain is estimated: guarded, where its hub can.
        """
        read_integer(request.query, "task_definition_id", low=1, high=7, default=1)
        action_chain = self._action_chain(request)
        gas = GUARDED_GAS if action_chain.is_guarded else UNGUARDED_GAS
        gas_price = await chain_of(self._services, action_chain.chain_id).gas_price()
        fee = str(max(1, gas * gas_price * MARGIN_PERCENT // 100))
        names = ("total_fee", "current_total_fee", "total_fee_wei", "current_total_fee_wei")
        return json_response({**dict.fromkeys(names, fee), "gas": gas, "gas_price_wei": str(gas_price)})

    def _action_chain(self, request: web.Request) -> ActionChain:
        chains = self._services.network.action_chains
        default = next(iter(chains)) if len(chains) == 1 else None
        chain_id = ChainId(read_integer(request.query, "target_chain_id", low=1, high=(1 << 32) - 1, default=default))
        if chain_id not in chains:
            known = ", ".join(str(each) for each in sorted(chains))
            raise InvalidInput("target_chain_id", f"is {chain_id}, this network's action chains are {known}")
        return chains[chain_id]
