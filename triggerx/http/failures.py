"""What a failed request means to who asked: the client's errors as `FetchRefused` and `RecoverableError`.

Rule: a message names the host as the URL does, and what happened in words of ours. The client's own texts, which hold
the addresses behind a name and whatever a server wrote, stay in the cause.
"""

from typing import Final

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong

from triggerx.core.errors import RecoverableError
from triggerx.http.names import AddressRefused
from triggerx.ports.fetch import FetchRefused

CLIENT_ERRORS: Final = (aiohttp.ClientError, HttpProcessingError, OSError, ValueError)
"""Everything that the client raises for what others did."""


def failure(name: str, error: BaseException) -> RecoverableError:
    """Say what this error of `CLIENT_ERRORS` means; `name` is the host's."""
    match error:
        case aiohttp.ClientConnectorDNSError():
            return RecoverableError(f"{name} was not found by the domain name system")
        case aiohttp.ClientConnectorCertificateError():
            return RecoverableError(f"{name} shows a certificate that is not valid for it")
        case aiohttp.ClientConnectorError(os_error=AddressRefused()):
            return FetchRefused("private_address", f"{name} leads to an address that is not public")
        case aiohttp.ClientConnectorError():
            return RecoverableError(f"{name} cannot be connected to")
        case TimeoutError():
            return FetchRefused("too_slow", f"{name} took no connection in time")
        case aiohttp.ClientPayloadError() | aiohttp.ServerDisconnectedError() | ConnectionError():
            return RecoverableError(f"{name} ended the connection before its answer was whole")
        case aiohttp.ClientResponseError(__cause__=cause) if isinstance(cause, LineTooLong) or _is_long(cause):
            return FetchRefused("too_large", f"{name} answers with headers that are too large")
        case aiohttp.WSServerHandshakeError():
            return RecoverableError(f"{name} is no WebSocket")
    return RecoverableError(f"{name} answers with what is no HTTP")


def _is_long(cause: BaseException | None) -> bool:
    """Whether the parser's error, which the client copies without its class, has the one of a long line behind it."""
    return isinstance(cause, HttpProcessingError) and isinstance(cause.__cause__, LineTooLong)
