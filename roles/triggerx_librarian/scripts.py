"""Scripts that owners publish here: kept by their content, so that keepers have them from this node without IPFS.

Nobody can change what a CID names, so whoever publishes a script again gets the same answer.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Final

from aiohttp import web

from triggerx.core.document import DOCUMENT_BYTES_MAX
from triggerx.core.errors import InvalidInput
from triggerx.core.job_fields import read_text
from triggerx.http.json import json_response, read_json
from triggerx.role import Services
from triggerx_librarian.parameters import object_of

SOURCE_BYTES_MAX: Final = DOCUMENT_BYTES_MAX  # what peers hand on; a small program of WebAssembly has 80 kB
ENCODED_BYTES_MAX: Final = SOURCE_BYTES_MAX * 4 // 3 + 4


class Scripts:
    """The handler of POST /api/scripts."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def publish(self, request: web.Request) -> web.Response:
        """POST /api/scripts: keep a script, and answer with the URL that a job's body takes.

        `{source}` has the script's text, `{source_base64}` its bytes.
        """
        source = _source(object_of(await read_json(request)))
        cid = await self._services.content.put(source)
        self._services.log.info("script published", cid=cid, bytes=len(source))
        answer = {
            "url": f"ipfs://{cid}",
            "cid": cid,
            "sha256": hashlib.sha256(source).hexdigest(),
            "bytes": len(source),
        }
        return json_response(answer, status=201)


def _source(body: Mapping[str, object]) -> bytes:
    if "source_base64" not in body:
        source = read_text(body, "source", bytes_max=SOURCE_BYTES_MAX).encode()
    elif "source" in body:
        raise InvalidInput("source_base64", "is there beside source: send one of the two")
    else:
        source = _decoded(read_text(body, "source_base64", bytes_max=ENCODED_BYTES_MAX))
    if not source.strip():
        raise InvalidInput("source", "is empty: send the script")
    return source


def _decoded(text: str) -> bytes:
    try:
        source = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInput("source_base64", f"is no base64: {error}") from error
    if len(source) > SOURCE_BYTES_MAX:
        raise InvalidInput("source_base64", f"has {len(source)} bytes, more than the {SOURCE_BYTES_MAX} allowed")
    return source
