"""JSON in and out of HTTP: exact numbers both ways, and sizes and nesting that cannot hurt.

A fraction or an exponent becomes a `Decimal`, never a float; a `Decimal` is written as a number with its own digits.
Integers beyond 2^53 must have been made decimal strings by whoever writes them, since JavaScript would round them.
"""

from decimal import Decimal, InvalidOperation
from typing import Final

import msgspec
from aiohttp import web

from triggerx.evm.nesting import shallow_json
from triggerx.http.problems import COMPRESSED, ProblemError, refuse

BODY_BYTES_MAX: Final = 1024 * 1024  # several job bodies of 128 kB in one array; nothing else is nearly as large

_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
_DECODER: Final = msgspec.json.Decoder(float_hook=Decimal)


def json_response(value: object, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """Answer with a JSON value."""
    return web.Response(
        status=status, body=_ENCODER.encode(value), content_type="application/json", headers=headers or {}
    )


async def read_json(request: web.Request) -> object:
    """Return the request's JSON body.

    415 answers another content type or encoding, 400 what is no JSON, 413 too much of it.
    """
    if request.content_type != "application/json" and not request.content_type.endswith("+json"):
        raise refuse(415, "unsupported-media-type", "send JSON with Content-Type: application/json")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise ProblemError(COMPRESSED)
    content = await request.read()
    try:
        return _DECODER.decode(shallow_json(content))
    except (msgspec.DecodeError, ValueError, InvalidOperation, RecursionError) as error:
        place = str(error) if isinstance(error, msgspec.DecodeError) else "a number or nesting is out of bounds"
        raise refuse(400, "malformed-json", f"the body is not JSON: {place}") from error
