"""A JSON-RPC proxy that lies in one chosen way about what stands behind it, as real endpoints have."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Any

import aiohttp
from aiohttp import web

SHUTDOWN_TIMEOUT_S = 0.05
UNKNOWN_BLOCK = {"code": -32000, "message": "unknown block"}


class Lie(StrEnum):
    """What is wrong with every answer it concerns."""

    SOME_LOGS_MISSING = "some logs missing"
    ALL_LOGS_MISSING = "all logs missing"
    STALE_HEAD = "stale head"
    WRONG_CHAIN = "wrong chain id"
    LOGS_TWICE = "logs twice"
    WRONG_BLOCK_HASH = "wrong block hash in logs"
    TOO_MANY_REQUESTS = "status 429"
    HANG = "hang"
    HALF_JSON = "half json"


class Liar:
    """Passes everything on to `target` while `lie` is None; a stale head is the one of when the lie began."""

    def __init__(self, target: str, session: aiohttp.ClientSession) -> None:
        self.url = ""
        self.requests = 0
        self._target = target
        self._session = session
        self._lie: Lie | None = None
        self._frozen: dict[str, Any] = {}

    async def tell(self, lie: Lie) -> None:
        """Lie from now on."""
        question = {"jsonrpc": "2.0", "id": 1, "method": "eth_getBlockByNumber", "params": ["latest", False]}
        self._frozen = (await self._truth(question))["result"]
        self._lie = lie

    async def _truth(self, asked: Any) -> Any:
        async with self._session.post(self._target, json=asked) as response:
            return await response.json()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests += 1
        if self._lie is Lie.HANG:
            await asyncio.Event().wait()
        if self._lie is Lie.TOO_MANY_REQUESTS:
            return web.Response(status=429)
        asked = await request.json()
        many = asked if isinstance(asked, list) else [asked]
        told = [self._changed(one, answer) for one, answer in zip(many, await self._truth(many), strict=True)]
        body = json.dumps(told if isinstance(asked, list) else told[0])
        if self._lie is Lie.HALF_JSON:
            body = body[: len(body) // 2]
        return web.Response(text=body, content_type="application/json")

    def _changed(self, asked: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        result = answer.get("result")
        if self._lie is Lie.WRONG_CHAIN and asked["method"] == "eth_chainId":
            return answer | {"result": "0x1"}
        if self._lie is Lie.STALE_HEAD:
            return self._stale(asked, answer)
        if asked["method"] != "eth_getLogs" or not isinstance(result, list):
            return answer
        if self._lie is Lie.SOME_LOGS_MISSING:
            return answer | {"result": result[::2]}
        if self._lie is Lie.ALL_LOGS_MISSING:
            return answer | {"result": []}
        if self._lie is Lie.LOGS_TWICE:
            return answer | {"result": result * 2}
        if self._lie is Lie.WRONG_BLOCK_HASH:
            return answer | {"result": [log | {"blockHash": "0x" + "77" * 32} for log in result]}
        return answer

    def _stale(self, asked: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        """Answer as a node whose newest block is the frozen one."""
        head = int(self._frozen["number"], 16)
        result, params = answer.get("result"), asked["params"]
        shape = {"jsonrpc": "2.0", "id": asked["id"]}
        match asked["method"]:
            case "eth_getBlockByNumber" if params[0] == "latest":
                return shape | {"result": self._frozen}
            case "eth_getBlockByNumber" | "eth_getBlockByHash" if result and int(result["number"], 16) > head:
                return shape | {"result": None}
            case "eth_getTransactionReceipt" if result and int(result["blockNumber"], 16) > head:
                return shape | {"result": None}
            case "eth_getLogs" if result and any(int(log["blockNumber"], 16) > head for log in result):
                if "blockHash" in params[0]:
                    return shape | {"error": UNKNOWN_BLOCK}
                return shape | {"result": [log for log in result if int(log["blockNumber"], 16) <= head]}
        return answer


@asynccontextmanager
async def lying_proxy(target: str) -> AsyncIterator[Liar]:
    """Serve a proxy to `target` on loopback; it tells the truth until it is told to lie."""
    async with aiohttp.ClientSession() as session:
        liar = Liar(target, session)
        app = web.Application()
        app.router.add_post("/", liar.handle)
        runner = web.AppRunner(app, shutdown_timeout=SHUTDOWN_TIMEOUT_S)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        liar.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield liar
        finally:
            await runner.cleanup()
