"""One observation of a source off chain, made by this keeper itself: fetched, heard, or run in the sandbox."""

import asyncio
from typing import Final, TypeAlias, assert_never

from triggerx.core.errors import RecoverableError
from triggerx.ports.scripts import LANGUAGE_DEFAULT, ScriptCall, ScriptLimits
from triggerx.role import Services
from triggerx.triggers.json_route import BODY_BYTES_MAX, Unreadable
from triggerx.triggers.readings import Reading, value_from_body, value_from_script
from triggerx.triggers.sources import HttpSource, ScriptSource, WebSocketSource

ANSWER_S: Final = 2.0  # the engine waits 3 s for its order to be acknowledged
STATUS_OK: Final = range(200, 300)

OutsideSource: TypeAlias = HttpSource | WebSocketSource | ScriptSource


async def observe(services: Services, source: OutsideSource, *, now: int) -> Reading:
    """Return the source's value; `now` is the moment that a script is told, so that all run the same.

    Raises `RecoverableError` for what failed or holds no number, `InvalidInput` for a script's URL that can never be
    right, `ScriptFailed`, `LanguageUnavailable`.
    """
    match source:
        case HttpSource():
            answer = await services.fetch.get(source.url, timeout_s=ANSWER_S, bytes_max=BODY_BYTES_MAX)
            if answer.status not in STATUS_OK:
                raise RecoverableError(f"expected a status of 200 to 299, got {answer.status}")
            return value_from_body(source, answer.body)
        case WebSocketSource():
            return await _hear(services, source)
        case ScriptSource():
            return await _run(services, source, now=now)
        case _:
            assert_never(source)


async def _hear(services: Services, source: WebSocketSource) -> Reading:
    """Return the first value that a message holds; messages without one are none of its."""
    try:
        async with (
            asyncio.timeout(ANSWER_S),
            services.fetch.messages(source.url, bytes_max=BODY_BYTES_MAX) as messages,
        ):
            async for message in messages:
                try:
                    return value_from_body(source, message)
                except Unreadable:
                    continue
    except TimeoutError as error:
        raise RecoverableError(f"no message with a value came within {ANSWER_S} s") from error
    raise RecoverableError("the connection ended before a message with a value came")


async def _run(services: Services, source: ScriptSource, *, now: int) -> Reading:
    script = await services.script_sources.get(source.url)
    run = await services.scripts.run(
        script.content,
        ScriptCall(
            language=source.language or LANGUAGE_DEFAULT,
            function=source.function,
            now=now,
            limits=ScriptLimits(time_s=ANSWER_S),
        ),
    )
    return value_from_script(run.value)
