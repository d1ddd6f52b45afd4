"""What the host gives a script to call: a table of functions by name, made anew for each run.

A function gets the call's positional arguments and returns JSON. `ScriptRaised` reaches the script as an exception that
it can catch; `ScriptFailed` ends the run. A further function is one more line in a table.
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from triggerx.core.canonical import Json
from triggerx.core.computation import RequestMade
from triggerx.core.errors import RecoverableError
from triggerx.ports.fetch import Fetch, FetchRefused
from triggerx.ports.scripts import ScriptFailed, ScriptLimits

URL_CHARACTERS_MAX: Final = 2048  # what every server takes

HostFunction = Callable[[Sequence[Json]], Awaitable[Json]]
HostFunctions = Mapping[str, HostFunction]


class ScriptRaised(Exception):
    """An exception for the script: `kind` is a built-in type that every language's sandbox knows, e.g. `OSError`."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Requests:
    """The requests of one run: counted, bounded, recorded. `left_s` says how much of the run's time is left."""

    def __init__(self, fetch: Fetch, limits: ScriptLimits, left_s: Callable[[], float]) -> None:
        self._fetch = fetch
        self._limits = limits
        self._left_s = left_s
        self._asked = 0
        self.made: list[RequestMade] = []

    async def fetch(self, arguments: Sequence[Json]) -> Json:
        """`fetch(url) -> text`; the messages tell the script nothing about the host's network."""
        match arguments:
            case [str() as url] if len(url) <= URL_CHARACTERS_MAX:
                pass
            case _:
                raise ScriptRaised("TypeError", f"fetch() takes one URL of at most {URL_CHARACTERS_MAX} characters")
        self._asked += 1
        if self._asked > self._limits.requests:
            raise ScriptFailed("requests", f"the script asked for more than {self._limits.requests} URLs")
        try:
            answer = await self._fetch.get(
                url, timeout_s=max(0.0, self._left_s()), bytes_max=self._limits.response_bytes
            )
        except FetchRefused as error:
            raise ScriptRaised("OSError", f"{error.code}: {url} may not be fetched") from error
        except RecoverableError as error:
            raise ScriptRaised("OSError", f"unreachable: {url} gave no answer") from error
        if len(answer.body) > self._limits.response_bytes:
            raise ScriptRaised("OSError", f"too_large: {url} gave more than {self._limits.response_bytes} bytes")
        digest = hashlib.sha256(answer.body).hexdigest()
        self.made.append(RequestMade(url=url, status=answer.status, response_hash=digest))
        if not 200 <= answer.status < 300:
            raise ScriptRaised("OSError", f"status: {url} gave {answer.status}")
        return answer.body.decode(errors="replace")
