"""The embedded chain's HTTP face: JSON-RPC 2.0, single calls and batches, on loopback.

Rule: a request that cannot be read is answered with an error object; only a failure of our own ends the process.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec
from aiohttp import web

from triggerx.chains.embedded.chain import EmbeddedChain
from triggerx.chains.embedded.maker import BlockMaker
from triggerx.chains.embedded.methods import Methods
from triggerx.chains.embedded.parameters import Fault
from triggerx.chains.embedded.testing import TestingMethods
from triggerx.evm.nesting import shallow_json

BODY_BYTES_MAX: Final = 16 * 2**20
BATCH_MAX: Final = 1_000  # calls; more is answered with an error, as providers do
SHUTDOWN_TIMEOUT_S: Final = 0.1  # for answers under way; aiohttp takes 0 for no limit
PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600


class JsonRpcServer:
    """Answers requests with the methods of one chain."""

    def __init__(self, chain: EmbeddedChain, maker: BlockMaker) -> None:
        """Join the chain's own methods and those of tests."""
        self._methods = Methods(chain, maker)
        self._methods.table |= TestingMethods(chain, maker).table

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one HTTP request."""
        try:
            asked: Any = msgspec.json.decode(shallow_json(await request.read()))
        except (msgspec.DecodeError, ValueError) as error:
            return _response(_fault(None, Fault(PARSE_ERROR, f"parse error: {error}")))
        if not isinstance(asked, list):
            return _response(await self._answer(asked))
        if not 0 < len(asked) <= BATCH_MAX:
            return _response(_fault(None, Fault(INVALID_REQUEST, f"a batch holds 1 to {BATCH_MAX} calls")))
        return _response(list(await asyncio.gather(*(self._answer(one) for one in asked))))

    async def _answer(self, asked: Any) -> dict[str, Any]:
        if not isinstance(asked, dict) or not isinstance(asked.get("method"), str):
            return _fault(None, Fault(INVALID_REQUEST, "invalid request: expected an object with a method"))
        call_id = asked.get("id")
        params = asked.get("params") or []
        if not isinstance(params, list):
            return _fault(call_id, Fault(INVALID_REQUEST, "invalid request: params: expected an array"))
        try:
            result = await self._methods.answer(asked["method"], params)
        except Fault as fault:
            return _fault(call_id, fault)
        return {"jsonrpc": "2.0", "id": call_id, "result": result}


def _fault(call_id: Any, fault: Fault) -> dict[str, Any]:
    error: dict[str, Any] = {"code": fault.code, "message": fault.message}
    if fault.payload is not None:
        error["data"] = fault.payload
    return {"jsonrpc": "2.0", "id": call_id, "error": error}


def _response(body: Any) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), content_type="application/json")


async def serve(chain: EmbeddedChain, host: str, port: int) -> tuple[web.AppRunner, BlockMaker, int]:
    """Listen; answers the runner and the block maker, both to be closed by the caller, and the bound port."""
    maker = BlockMaker(chain)
    app = web.Application(client_max_size=BODY_BYTES_MAX)
    app.router.add_post("/{path:.*}", JsonRpcServer(chain, maker).handle)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=SHUTDOWN_TIMEOUT_S)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    await site.start()
    return runner, maker, int(runner.addresses[0][1])
