"""Scripts that owners publish here: kept by their content, so that keepers have them from this node without IPFS.

Nobody can change what a CID names, so whoever publishes a script again gets the same answer.
"""

import hashlib

from aiohttp import web

from triggerx.core.errors import InvalidInput
from triggerx.core.job_fields import read_text
from triggerx.http.json import json_response, read_json
from triggerx.role import Services
from triggerx_librarian.parameters import object_of

SOURCE_BYTES_MAX = 128 * 1024  # half of what peers hand on; a long script has 20 kB


class Scripts:
    """The handler of POST /api/scripts."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def publish(self, request: web.Request) -> web.Response:
        """POST /api/scripts `{source}`: keep a script's text, and answer with the URL that a job's body takes."""
        source = read_text(object_of(await read_json(request)), "source", bytes_max=SOURCE_BYTES_MAX).encode()
        if not source.strip():
            raise InvalidInput("source", "is empty: send the script's text")
        cid = await self._services.content.put(source)
        self._services.log.info("script published", cid=cid, bytes=len(source))
        answer = {
            "url": f"ipfs://{cid}",
            "cid": cid,
            "sha256": hashlib.sha256(source).hexdigest(),
            "bytes": len(source),
        }
        return json_response(answer, status=201)
