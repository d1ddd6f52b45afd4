"""Process of the embedded chain: starts it, says on which port it answers, and ends with SIGTERM or its parent.

Rule: one JSON line on standard output when ready; an exit that nobody asked for has a status other than 0.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import threading
from typing import Final

from triggerx.chains.accounts import derive_accounts
from triggerx.chains.embedded.chain import EmbeddedChain
from triggerx.chains.embedded.server import serve
from triggerx.chains.parenthood import die_with_parent

STDIN: Final = 0
HOST: Final = "127.0.0.1"
STACK_BYTES: Final = 64 * 2**20  # of a thread: 1,024 nested calls of the EVM are many more in Python
ACCOUNTS_MAX: Final = 1_000


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m triggerx.chains.embedded", description="a development chain")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--accounts", type=int, default=10, help="funded accounts of the well-known test mnemonic")
    parser.add_argument("--block-time", type=int, default=1, help="seconds; 0 makes a block at each transaction")
    parser.add_argument("--chain-id", type=int, default=31337)
    parser.add_argument("--until-stdin-closes", action="store_true", help="end when standard input is closed")
    arguments = parser.parse_args()
    if not 1 <= arguments.accounts <= ACCOUNTS_MAX:
        parser.error(f"--accounts: expected 1 to {ACCOUNTS_MAX}, got {arguments.accounts}")
    if arguments.block_time < 0:
        parser.error(f"--block-time: expected 0 or more seconds, got {arguments.block_time}")
    return arguments


async def _run(arguments: argparse.Namespace) -> None:
    addresses = [account.address for account in derive_accounts(arguments.accounts)]
    chain = EmbeddedChain(addresses, arguments.chain_id, arguments.block_time)
    runner, maker, port = await serve(chain, HOST, arguments.port)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    if arguments.until_stdin_closes:
        threading.Thread(target=_wait_for_stdin, args=(loop, stopped), name="stdin", daemon=True).start()
    print(json.dumps({"rpc_url": f"http://{HOST}:{port}", "port": port, "chain_id": chain.chain_id}), flush=True)  # noqa: T201 - its parent reads it
    clock = asyncio.create_task(maker.keep_time(), name="block-clock")
    waiting = asyncio.create_task(stopped.wait(), name="stop")
    try:
        done, _ = await asyncio.wait({clock, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if clock in done:
            clock.result()
            await waiting
    finally:
        clock.cancel()
        waiting.cancel()
        maker.close()
        await runner.cleanup()


def _wait_for_stdin(loop: asyncio.AbstractEventLoop, stopped: asyncio.Event) -> None:
    while os.read(STDIN, 4096):
        pass
    loop.call_soon_threadsafe(stopped.set)


def main() -> None:
    """Run until told to stop."""
    die_with_parent()
    threading.stack_size(STACK_BYTES)
    asyncio.run(_run(_arguments()))


if __name__ == "__main__":
    main()
