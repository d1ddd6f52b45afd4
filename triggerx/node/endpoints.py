"""The check of the chains' endpoints before anything starts: they answer, and they answer for the right chain."""

import asyncio
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import aiohttp
import msgspec

from triggerx.core.errors import ConfigurationError, UnavailableError
from triggerx.core.network import Network
from triggerx.evm.nesting import shallow_json
from triggerx.evm.types import ChainId
from triggerx.node.config.tables import ChainConfig
from triggerx.ports.log import Log

TIMEOUT_S: Final = 5.0
"""For one answer to `eth_chainId`: the slowest public endpoints take about one second."""
_ANSWER_BYTES_MAX: Final = 65_536
_TOKEN_LENGTH: Final = 20
"""A path's part of this length is taken for a provider's access key."""


class _Answer(msgspec.Struct):
    result: str | None = None


async def check_endpoints(chains: Mapping[ChainId, ChainConfig], network: Network, log: Log) -> None:
    """Ask every endpoint for its chain, all at once.

    Raises `ConfigurationError` for a chain of the network without endpoints and for an endpoint of another chain,
    `UnavailableError` for a chain of which no endpoint answers. An endpoint that is silent beside others is logged.
    """
    for chain_id in sorted(network.chain_ids()):
        if chain_id not in chains:
            raise ConfigurationError(
                f'chains.{chain_id}: no endpoint, but the network "{network.name}" needs chain {chain_id}: '
                f"set rpc_urls in the table [chains.{chain_id}]"
            )
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S), trust_env=False) as session:
        asked = [(chain_id, url) for chain_id, chain in chains.items() for url in chain.rpc_urls]
        answers = await asyncio.gather(*(_ask(session, url) for _, url in asked))
    for (chain_id, url), answer in zip(asked, answers, strict=True):
        if isinstance(answer, int) and answer != chain_id:
            raise ConfigurationError(
                f"chains.{chain_id}.rpc_urls: {shown_url(url)} serves chain {answer}, not {chain_id}: correct the URL, "
                f"or put it under [chains.{answer}]"
            )
    for chain_id in chains:
        failed = [(url, why) for (asked_id, url), why in zip(asked, answers, strict=True) if asked_id == chain_id]
        silent = [(url, why) for url, why in failed if isinstance(why, str)]
        if len(silent) == len(failed):
            told = "; ".join(f"{shown_url(url)}: {why}" for url, why in silent)
            raise UnavailableError(
                f"chains.{chain_id}.rpc_urls: no endpoint of chain {chain_id} answers ({told}): start it, or change "
                f"rpc_urls in the table [chains.{chain_id}]"
            )
        for url, why in silent:
            log.warning("rpc endpoint is silent at start", chain_id=chain_id, url=shown_url(url), reason=why)


def shown_url(url: str) -> str:
    """A URL without what may be a secret: no user, no password, no query, and long parts of the path cut."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    port = "" if parts.port is None else f":{parts.port}"
    path = "/".join(f"{each[:4]}…" if len(each) >= _TOKEN_LENGTH else each for each in parts.path.split("/"))
    return f"{parts.scheme}://{host}{port}{path}{'?…' if parts.query else ''}"


async def _ask(session: aiohttp.ClientSession, url: str) -> int | str:
    """The chain's id, or why there is none."""
    body = b'{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}'
    headers = {"Content-Type": "application/json"}
    try:
        async with session.post(url, data=body, headers=headers, allow_redirects=False) as response:
            content = await response.content.read(_ANSWER_BYTES_MAX)
            if response.status != 200:
                return f"HTTP status {response.status}"
        text = msgspec.json.decode(shallow_json(content), type=_Answer).result
    except TimeoutError:
        return f"no answer within {TIMEOUT_S:g} s"
    except aiohttp.ClientConnectorError as error:
        return f"cannot connect: {error.os_error.strerror or error.os_error}"
    except (aiohttp.ClientError, OSError, ValueError, msgspec.MsgspecError) as error:
        return f"no JSON-RPC answer ({type(error).__name__})"
    try:
        return int(text or "", 16)
    except ValueError:
        return "it does not tell its chain id"
