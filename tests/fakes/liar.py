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
    SERVER_ERROR = "status 502"
    NO_RESULT = "null in the place of results"
    OTHER_IDS = "ids of other questions"
    INVENTED_LOG = "a log that never was"
    FORK = "a fork of its own"


class Liar:
    """Passes everything on to `target` while `lie` is None; a stale head is the one of when the lie began.

    A fork begins above that head, has the same transactions, and is a block shorter than the chain.
    """

    def __init__(self, target: str, session: aiohttp.ClientSession) -> None:
        self.url = ""
        self.requests = 0
        self._target = target
        self._session = session
        self._lie: Lie | None = None
        self._frozen: dict[str, Any] = {}
        self._forked: dict[str, str] = {}

    async def tell(self, lie: Lie) -> None:
        """Lie from now on."""
        self._frozen = await self._block("latest")
        self._lie = lie

    async def _block(self, number: str) -> dict[str, Any]:
        question = {"jsonrpc": "2.0", "id": 1, "method": "eth_getBlockByNumber", "params": [number, False]}
        found: dict[str, Any] = (await self._truth(question))["result"]
        return found

    async def _truth(self, asked: Any) -> Any:
        async with self._session.post(self._target, json=asked) as response:
            return await response.json()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests += 1
        if self._lie is Lie.HANG:
            await asyncio.Event().wait()
        if self._lie is Lie.TOO_MANY_REQUESTS:
            return web.Response(status=429)
        if self._lie is Lie.SERVER_ERROR:
            return web.Response(status=502, text="<html>Bad Gateway</html>", content_type="text/html")
        asked = await request.json()
        many = asked if isinstance(asked, list) else [asked]
        if self._lie is Lie.FORK:
            told = await self._on_fork(many)
        else:
            told = [self._changed(one, answer) for one, answer in zip(many, await self._truth(many), strict=True)]
        body = json.dumps(told if isinstance(asked, list) else told[0])
        if self._lie is Lie.HALF_JSON:
            body = body[: len(body) // 2]
        return web.Response(text=body, content_type="application/json")

    def _changed(self, asked: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        result = answer.get("result")
        if self._lie is Lie.WRONG_CHAIN and asked["method"] == "eth_chainId":
            return answer | {"result": "0x1"}
        if self._lie is Lie.OTHER_IDS:
            return answer | {"id": asked["id"] + 1}
        if self._lie is Lie.NO_RESULT:
            return answer | {"result": None}
        if self._lie is Lie.STALE_HEAD:
            return self._stale(asked, answer)
        if asked["method"] != "eth_getLogs" or not isinstance(result, list):
            return answer
        if self._lie is Lie.SOME_LOGS_MISSING:
            return answer | {"result": result[::2]}
        if self._lie is Lie.ALL_LOGS_MISSING:
            return answer | {"result": []}
        if self._lie is Lie.INVENTED_LOG and result:
            after = hex(int(result[-1]["logIndex"], 16) + 1)
            return answer | {"result": [*result, result[-1] | {"transactionHash": "0x" + "66" * 32, "logIndex": after}]}
        if self._lie is Lie.LOGS_TWICE:
            return answer | {"result": result * 2}
        if self._lie is Lie.WRONG_BLOCK_HASH:
            return answer | {"result": [log | {"blockHash": "0x" + "77" * 32} for log in result]}
        return answer

    async def _on_fork(self, many: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Answer as a node that has seen other blocks, and none of those above its frozen head that others speak of."""
        head = int(self._frozen["number"], 16)
        newest = max(head, int((await self._block("latest"))["number"], 16) - 1)
        known = [json.loads(json.dumps(one["params"]), object_hook=self._meant) for one in many]
        params = [[hex(newest) if one == "latest" else self._true(one) for one in each] for each in known]
        told = await self._truth([one | {"params": each} for one, each in zip(many, params, strict=True)])
        return [self._forked_answer(one, answer, head, newest) for one, answer in zip(many, told, strict=True)]

    def _true(self, name: Any) -> Any:
        return self._forked.get(name, name) if isinstance(name, str) else name

    def _meant(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {name: self._true(value) for name, value in asked.items()}

    def _forked_answer(self, asked: dict[str, Any], answer: dict[str, Any], head: int, newest: int) -> dict[str, Any]:
        result = answer.get("result")
        spoken_of = json.dumps(asked["params"])
        if isinstance(result, list):
            if "0x" not in spoken_of:
                return answer
            return answer | {"result": [self._fork(one, head) for one in result if _number(one) <= newest]}
        if not isinstance(result, dict) or _number(result) <= head:
            return answer
        if _number(result) > newest or (result.get("hash") or "-") in spoken_of:
            return answer | {"result": None}
        return answer | {"result": self._fork(result, head)}

    def _fork(self, found: dict[str, Any], head: int) -> dict[str, Any]:
        """Give what is told of a block above the frozen one that block's name on the fork."""
        names = {"hash": 0, "blockHash": 0, "parentHash": 1}
        changed = dict(found)
        for name, above in names.items():
            if name in found and _number(found) - above > head:
                changed[name] = "0xf0f0" + found[name][6:]
                self._forked[changed[name]] = found[name]
        if "logs" in found:
            changed["logs"] = [self._fork(log, head) for log in found["logs"]]
        return changed

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


def _number(found: dict[str, Any]) -> int:
    """The block that an answer is, or speaks of."""
    return int(found["number"] if "number" in found else found["blockNumber"], 16)


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
