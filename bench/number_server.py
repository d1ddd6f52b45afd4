"""A server of numbers for P8: `python -m bench.number_server`. It prints its port; values change each second."""

import asyncio
import time
from collections import Counter
from typing import Final

from aiohttp import web

BASE: Final = 2**255
CALM: Final = 50  # values stay this far above the base, except those of the first sources
LOUD_SOURCES: Final = 10
LOUD: Final = 10  # how far beyond it theirs are


def value_of(source: int, second: int) -> int:
    """What a source says in a second: calm ones move below every limit, loud ones stand above their first ten."""
    return BASE + CALM + LOUD if source < LOUD_SOURCES else BASE + (second + source) % CALM


async def main() -> None:
    """Serve until killed."""
    asked: Counter[str] = Counter()

    async def number(request: web.Request) -> web.Response:
        name = request.match_info["source"]
        asked[name] += 1
        return web.Response(
            text=f'{{"value":{value_of(int(name), int(time.time()))}}}', content_type="application/json"
        )

    async def count(_request: web.Request) -> web.Response:
        return web.json_response(asked)

    app = web.Application()
    app.add_routes([web.get("/count", count), web.get("/{source}", number)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
