"""A JSON-RPC node that tells the truth about a chain in memory, or whatever else a test wants."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from eth_bloom.bloom import BloomFilter

from triggerx.evm.keccak import keccak256
from triggerx.evm.types import to_hex

SHUTDOWN_TIMEOUT_S = 0.05
Answer = Callable[[list[Any]], Any]


class Refuse(Exception):
    """Raised by an answer: the node refuses with this code and message."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass
class ScriptedNode:
    """Blocks with logs, one emitter's; `lies` replaces the answers of methods, `fault` the whole HTTP answer."""

    chain_id: int = 31337
    emitter: bytes = b"\x0e" * 20
    blocks: list[dict[str, Any]] = field(default_factory=list)
    logs: list[list[dict[str, Any]]] = field(default_factory=list)
    lies: dict[str, Answer] = field(default_factory=dict)
    fault: Callable[[], web.Response] | None = None
    hangs: bool = False
    calls: Counter[str] = field(default_factory=Counter)
    http_requests: int = 0
    url: str = ""

    def mine(self, *topics: int, salt: bytes = b"") -> None:
        """Add a block with one log for each topic."""
        number = len(self.blocks)
        parent = self.blocks[-1]["hash"] if self.blocks else "0x" + "00" * 32
        block_hash = to_hex(keccak256(bytes.fromhex(parent[2:]) + repr(topics).encode() + salt))
        words = [topic.to_bytes(32, "big") for topic in topics]
        bloom = BloomFilter.from_iterable([self.emitter, *words] if words else [])
        self.blocks.append(
            {
                "number": hex(number),
                "hash": block_hash,
                "parentHash": parent,
                "timestamp": hex(1_700_000_000 + number),
                "logsBloom": to_hex(int(bloom).to_bytes(256, "big")),
            }
        )
        self.logs.append(
            [
                {
                    "address": to_hex(self.emitter),
                    "topics": [to_hex(word)],
                    "data": "0x",
                    "blockNumber": hex(number),
                    "blockHash": block_hash,
                    "transactionHash": to_hex(keccak256(block_hash.encode() + word)),
                    "logIndex": hex(index),
                }
                for index, word in enumerate(words)
            ]
        )

    def roll_back(self, depth: int) -> None:
        """Forget the last blocks."""
        del self.blocks[-depth:], self.logs[-depth:]

    def answer(self, method: str, params: list[Any]) -> Any:
        """Answer one call."""
        if method in self.lies:
            return self.lies[method](params)
        return self.truth(method, params)

    def truth(self, method: str, params: list[Any]) -> Any:
        """Answer one call from the chain in memory."""
        if method == "eth_chainId":
            return hex(self.chain_id)
        if method == "eth_getBlockByNumber":
            number = len(self.blocks) - 1 if params[0] == "latest" else int(params[0], 16)
            return self.blocks[number] if number < len(self.blocks) else None
        if method == "eth_getBlockByHash":
            known = self._number_of(params[0])
            if known is None:
                return None
            return self.blocks[known] | {"transactions": [log["transactionHash"] for log in self.logs[known]]}
        if method == "eth_getBlockReceipts":
            known = self._number_of(params[0])
            return None if known is None else self._receipts(known)
        if method == "eth_getTransactionReceipt":
            every = (receipt for number in range(len(self.blocks)) for receipt in self._receipts(number))
            return next((receipt for receipt in every if receipt["transactionHash"] == params[0]), None)
        if method == "eth_getLogs":
            asked = params[0]
            if "blockHash" in asked:
                found = self._number_of(asked["blockHash"])
                if found is None:
                    raise Refuse(-32000, "unknown block")
                return self.logs[found]
            span = range(int(asked["fromBlock"], 16), min(len(self.blocks), int(asked["toBlock"], 16) + 1))
            return [log for number in span for log in self.logs[number]]
        raise Refuse(-32601, f"the method {method} does not exist")

    def _number_of(self, block_hash: str) -> int | None:
        return next((number for number, block in enumerate(self.blocks) if block["hash"] == block_hash), None)

    def _receipts(self, number: int) -> list[dict[str, Any]]:
        """Each log is a transaction's only one."""
        return [
            {
                "transactionHash": log["transactionHash"],
                "transactionIndex": hex(index),
                "blockNumber": log["blockNumber"],
                "blockHash": log["blockHash"],
                "from": to_hex(self.emitter),
                "to": to_hex(self.emitter),
                "status": "0x1",
                "gasUsed": "0x5208",
                "logs": [log],
            }
            for index, log in enumerate(self.logs[number])
        ]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.http_requests += 1
        asked = await request.json()
        if self.hangs:
            await asyncio.Event().wait()
        if self.fault is not None:
            return self.fault()
        many = asked if isinstance(asked, list) else [asked]
        answers = [self._one(one) for one in many]
        return web.json_response(answers if isinstance(asked, list) else answers[0])

    def _one(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.calls[asked["method"]] += 1
        shape = {"jsonrpc": "2.0", "id": asked["id"]}
        try:
            return shape | {"result": self.answer(asked["method"], asked["params"])}
        except Refuse as refusal:
            return shape | {"error": {"code": refusal.code, "message": refusal.message}}


@asynccontextmanager
async def scripted_node(**more: Any) -> AsyncIterator[ScriptedNode]:
    """Serve a node on loopback; block 0 is there."""
    node = ScriptedNode(**more)
    node.mine()
    app = web.Application()
    app.router.add_post("/", node.handle)
    runner = web.AppRunner(app, shutdown_timeout=SHUTDOWN_TIMEOUT_S)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    node.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield node
    finally:
        await runner.cleanup()
