"""Lean JSON-RPC client: calls of one loop tick travel together, equal ones as one; endpoints take turns.

Rule: every call ends in a typed answer, in the node's refusal (`NodeRefusal`), or, before its deadline, in an
`EndpointsFailed` that names method and endpoints. Endpoints are named by host alone: their paths hold API keys.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar, cast

import aiohttp
import msgspec

from triggerx.chains.endpoints import Endpoint, Endpoints
from triggerx.core.errors import RecoverableError
from triggerx.ports.log import Log

T = TypeVar("T")

TIMEOUT_S: Final = 15.0  # of a call, fail-over included
ATTEMPT_TIMEOUT_S: Final = 2.5  # of one endpoint while there is another to ask: fail-over within 3 s
BATCH_MAX: Final = 100  # calls in one HTTP request; the common providers' limits lie at 100 and above
RESPONSE_BYTES_MAX: Final = 128 * 2**20  # of one HTTP response: 100,000 logs are about 60 MB
CONNECTIONS_MAX: Final = 16  # a client; ticks come faster than answers under load
REFUSALS_TO_FAIL_OVER: Final = frozenset({-32005, -32016, -32097, 429})  # limits reached, as providers number them
CHAIN_ID_CALL: Final = 0


class EndpointsFailed(RecoverableError):
    """No endpoint answered in time; what was tried and why it failed is in the message."""


class NodeRefusal(RecoverableError):
    """A node answered with an error object. `data` is its raw JSON, b"" when there was none."""

    def __init__(self, method: str, endpoint: str, code: int, message: str, data: bytes = b"") -> None:
        super().__init__(f"{method} at {endpoint}: refused with code {code}: {message}")
        self.method = method
        self.code = code
        self.message = message
        self.data = data

    @property
    def data_bytes(self) -> bytes:
        """The hex data of the error object (revert data); b"" when there is none or it is something else."""
        try:
            text = msgspec.json.decode(self.data, type=str) if self.data else ""
            return bytes.fromhex(text[2:]) if text.startswith("0x") else b""
        except (msgspec.DecodeError, ValueError):
            return b""


class _ErrorObject(msgspec.Struct):
    code: int
    message: str
    data: msgspec.Raw = msgspec.Raw()


class _Answer(msgspec.Struct):
    id: int | None = None
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: _ErrorObject | None = None


_decode_many: Final = msgspec.json.Decoder(list[_Answer])
_decode_one: Final = msgspec.json.Decoder(_Answer)
_decode_chain_id: Final = msgspec.json.Decoder(str)


class _Order(Enum):
    """Which endpoint is asked first."""

    IN_TURN = "in turn"
    OTHERS_FIRST = "others first"


class _AttemptFailed(Exception):
    """One endpoint's HTTP request did not give usable answers."""


@dataclass(frozen=True, slots=True, eq=False)
class Question(Generic[T]):
    """A method, its JSON parameters, and what its result is decoded into."""

    method: str
    params: Sequence[Any]
    decoder: msgspec.json.Decoder[T]


@dataclass(slots=True, eq=False)
class _Call(Generic[T]):
    """A question that waits, with its parameters as JSON; `tried` says why endpoints failed it.

    `askers` counts those who asked it in the same tick and still wait: it is given up with the last of them.
    """

    question: Question[T]
    params: bytes
    answer: asyncio.Future[T]
    tried: list[str]
    askers: int = 0

    @property
    def method(self) -> str:
        return self.question.method

    def failure(self, why: str, chain_id: int) -> EndpointsFailed:
        tried = "; ".join(self.tried) or "no endpoint answered yet"
        return EndpointsFailed(f"{why} ({tried}): check the endpoints of chain {chain_id}")

    def give_up(self, why: str, chain_id: int) -> None:
        if not self.answer.done():
            self.answer.set_exception(self.failure(why, chain_id))
        self.answer.exception()  # marks it as seen, should the asker be gone


class Asked:
    """Questions on their way. Whoever asked either takes the answers or drops them, once."""

    def __init__(self, client: RpcClient, calls: Sequence[_Call[Any]]) -> None:
        self._client = client
        self._calls = calls

    async def answers(self, *, timeout_s: float | None = None) -> list[Any]:
        """Wait for the answers, in order; see `RpcClient.ask_all`."""
        calls, self._calls = self._calls, ()
        limit_s = self._client.timeout_s if timeout_s is None else timeout_s
        why = f"no answer within {limit_s:g} s"
        try:
            if calls:
                await asyncio.wait([call.answer for call in calls], timeout=limit_s)
        finally:
            self._client.close_calls(calls, why)
        return [
            call.answer.exception() or call.answer.result()
            if call.answer.done()  # another one may wait for it still
            else call.failure(f"{call.method}: {why}", self._client.chain_id)
            for call in calls
        ]

    def drop(self) -> None:
        """Want the answers no more."""
        calls, self._calls = self._calls, ()
        self._client.close_calls(calls, "no longer wanted")


class RpcClient:
    """JSON-RPC over HTTP to one chain's endpoints; an async context manager, used inside its block only."""

    def __init__(
        self,
        urls: Sequence[str],
        *,
        chain_id: int,
        log: Log | None = None,
        timeout_s: float = TIMEOUT_S,
        attempt_timeout_s: float = ATTEMPT_TIMEOUT_S,
    ) -> None:
        """Take the endpoints, the preferred first; each is asked for its chain id before its answers count."""
        self.chain_id = chain_id
        self.timeout_s = timeout_s
        self.calls_by_method: Counter[str] = Counter()
        self.http_requests = 0
        self.endpoints = Endpoints(urls, log)
        self._attempt_timeout_s = attempt_timeout_s
        self._waiting: dict[Endpoint | _Order, dict[tuple[str, bytes, int], _Call[Any]]] = {}
        self._open_calls: set[_Call[Any]] = set()
        self._batches: set[asyncio.Task[None]] = set()
        self._group = asyncio.TaskGroup()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the connections."""
        connector = aiohttp.TCPConnector(limit=CONNECTIONS_MAX)
        self._session = aiohttp.ClientSession(connector=connector, trust_env=False)
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give up what is under way and close the connections."""
        session, self._session = self._session, None
        for batch in list(self._batches):
            batch.cancel()
        try:
            await self._group.__aexit__(None, None, None)  # what the block raised goes on by itself, not in a group
        finally:
            for call in self._open_calls:
                call.give_up(f"{call.method}: the client was closed", self.chain_id)
            if session is not None:
                await session.close()

    async def call(
        self, method: str, params: Sequence[Any], decoder: msgspec.json.Decoder[T], *, timeout_s: float | None = None
    ) -> T:
        """Ask one question; those asked in the same loop tick share HTTP requests of at most BATCH_MAX.

        Raises NodeRefusal or EndpointsFailed.
        """
        (answer,) = await self.ask_all([Question(method, params, decoder)], timeout_s=timeout_s)
        if isinstance(answer, RecoverableError):
            raise answer
        return cast("T", answer)

    async def ask_all(
        self,
        questions: Sequence[Question[Any]],
        *,
        timeout_s: float | None = None,
        elsewhere: bool = False,
        at: Endpoint | None = None,
    ) -> list[Any]:
        """Ask together, answer in order: each answer is the decoded value, or the NodeRefusal or EndpointsFailed.

        Asked again of other endpoints when one fails, so methods must be idempotent (sending a signed transaction is).
        `elsewhere` prefers an endpoint other than the current one, for a second opinion; `at` asks that one alone, for
        no longer than one attempt.
        """
        asked = self.ask_ahead(questions, elsewhere=elsewhere, at=at)
        return await asked.answers(timeout_s=timeout_s)

    def ask_ahead(
        self, questions: Sequence[Question[Any]], *, elsewhere: bool = False, at: Endpoint | None = None
    ) -> Asked:
        """Ask as `ask_all` does, and go on: the answers are taken later, or dropped."""
        asked = at or (_Order.OTHERS_FIRST if elsewhere else _Order.IN_TURN)
        return Asked(self, [self._called(one, asked) for one in questions])

    def _called(self, question: Question[Any], asked: Endpoint | _Order) -> _Call[Any]:
        """The call of a question: the one that waits already where it is the same."""
        loop = asyncio.get_running_loop()
        params = msgspec.json.encode(question.params)
        if self._session is None:
            call = _Call(question, params, loop.create_future(), [], askers=1)
            call.give_up(f"{call.method}: the client is closed", self.chain_id)
            return call
        if not self._waiting:
            loop.call_soon(self._flush)
        waiting = self._waiting.setdefault(asked, {})
        key = (question.method, params, id(question.decoder))
        found = waiting.get(key)
        if found is None:
            found = waiting[key] = _Call(question, params, loop.create_future(), [])
            self._open_calls.add(found)
            self.calls_by_method[question.method] += 1
        found.askers += 1
        return found

    def close_calls(self, calls: Sequence[_Call[Any]], why: str) -> None:
        """Want these no more; what nobody else waits for is given up."""
        for call in calls:
            call.askers -= 1
            if call.askers == 0:
                self._open_calls.discard(call)
                call.give_up(f"{call.method}: {why}", self.chain_id)

    def distrust(self, reason: str, endpoint: Endpoint | None = None) -> None:
        """Prefer others for a while to this endpoint (or the current one): its answers contradict what is known."""
        (endpoint or self.endpoints.current).distrust(reason)

    def witness(self) -> Endpoint | None:
        """The endpoint to ask for a second opinion (by `at`); None when there is no other in good standing."""
        return self.endpoints.witness()

    def _endpoints_for(self, asked: Endpoint | _Order) -> Sequence[Endpoint]:
        if isinstance(asked, Endpoint):
            return [asked]
        return self.endpoints.in_turn() if asked is _Order.IN_TURN else self.endpoints.others_first()

    def _flush(self) -> None:
        waiting_by_order, self._waiting = self._waiting, {}
        if self._session is None:  # closed within this tick, and every call given up
            return
        for asked, waiting_by_key in waiting_by_order.items():
            waiting = list(waiting_by_key.values())
            endpoints = self._endpoints_for(asked)
            last_limit_s = self._attempt_timeout_s if isinstance(asked, Endpoint) else self.timeout_s
            for start in range(0, len(waiting), BATCH_MAX):
                work = self._answer(waiting[start : start + BATCH_MAX], endpoints, last_limit_s)
                batch = self._group.create_task(work, name="rpc-batch")
                self._batches.add(batch)
                batch.add_done_callback(self._batches.discard)

    async def _answer(self, calls: list[_Call[Any]], endpoints: Sequence[Endpoint], last_limit_s: float) -> None:
        """Ask one endpoint after the other until every call of the batch has its answer or was given up."""
        for endpoint in endpoints:
            calls = [call for call in calls if not call.answer.done()]
            if not calls:
                return
            limit_s = last_limit_s if endpoint is endpoints[-1] else self._attempt_timeout_s
            try:
                async with asyncio.timeout(limit_s):
                    await self._attempt(endpoint, calls)
            except (aiohttp.ClientError, TimeoutError, OSError, _AttemptFailed, msgspec.DecodeError) as error:
                reason = f"no answer within {limit_s:g} s" if isinstance(error, TimeoutError) else str(error)
                endpoint.penalise(reason or type(error).__name__)
                for call in calls:
                    call.tried.append(f"{endpoint.name}: {reason or type(error).__name__}")
            else:
                endpoint.restore()
        for call in calls:
            call.give_up(f"{call.method}: every endpoint failed", self.chain_id)

    async def _attempt(self, endpoint: Endpoint, calls: list[_Call[Any]]) -> None:
        requests: list[dict[str, Any]] = [
            {"jsonrpc": "2.0", "id": number, "method": call.method, "params": msgspec.Raw(call.params)}
            for number, call in enumerate(calls, start=CHAIN_ID_CALL + 1)
        ]
        is_verified = endpoint.is_verified  # another call may take that from it before this one is answered
        if not is_verified:
            requests.append({"jsonrpc": "2.0", "id": CHAIN_ID_CALL, "method": "eth_chainId", "params": []})
        is_single = len(requests) == 1
        body = await self._post(endpoint, msgspec.json.encode(requests[0] if is_single else requests))
        answers = [_decode_one.decode(body)] if body[:1] == b"{" else _decode_many.decode(body)
        by_id = {answer.id: answer for answer in answers}
        if not is_single and len(answers) == 1 and answers[0].error is not None:
            raise _AttemptFailed(f"the batch was refused: {answers[0].error.message}")
        if not is_verified:
            self._verify(endpoint, by_id.get(CHAIN_ID_CALL))
        for number, call in enumerate(calls, start=CHAIN_ID_CALL + 1):
            self._settle(endpoint, call, by_id.get(number))

    async def _post(self, endpoint: Endpoint, body: bytes) -> bytes:
        if self._session is None:
            raise _AttemptFailed("the client was closed")
        self.http_requests += 1
        headers = {"Content-Type": "application/json"}
        async with self._session.post(endpoint.url, data=body, headers=headers, allow_redirects=False) as response:
            if response.status != 200:
                raise _AttemptFailed(f"HTTP status {response.status}")
            chunks: list[bytes] = []
            size = 0
            async for chunk in response.content.iter_any():
                size += len(chunk)
                if size > RESPONSE_BYTES_MAX:
                    raise _AttemptFailed(f"the response is larger than {RESPONSE_BYTES_MAX} bytes")
                chunks.append(chunk)
        return b"".join(chunks).lstrip()

    def _verify(self, endpoint: Endpoint, answer: _Answer | None) -> None:
        if answer is None:
            raise _AttemptFailed("it does not tell its chain id: the answer to eth_chainId is missing")
        if answer.error is not None:
            error = answer.error
            raise _AttemptFailed(f"it does not tell its chain id: refused with code {error.code}: {error.message}")
        try:
            found = int(_decode_chain_id.decode(answer.result), 16)
        except ValueError as error:
            raise _AttemptFailed("its chain id is no number") from error
        if found != self.chain_id:
            raise _AttemptFailed(f"it serves chain {found}, not {self.chain_id}: correct its URL")
        endpoint.is_verified = True

    def _settle(self, endpoint: Endpoint, call: _Call[Any], answer: _Answer | None) -> None:
        if call.answer.done():
            return
        if answer is None:
            raise _AttemptFailed(f"the answer to {call.method} is missing")
        if answer.error is None:
            call.answer.set_result(call.question.decoder.decode(answer.result))
            return
        error = answer.error
        if error.code in REFUSALS_TO_FAIL_OVER:
            raise _AttemptFailed(f"refused with code {error.code}: {error.message}")
        refusal = NodeRefusal(call.method, endpoint.name, error.code, error.message, bytes(error.data))
        call.answer.set_exception(refusal)
        call.answer.exception()  # marks it as seen, should the asker be gone
