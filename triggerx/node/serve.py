"""A configured network's node as a process runs it: one node, or two where an engine and a keeper are asked for.

Peers know a node by one address, and an engine's is not an operator's. So a keeper beside an engine is a node of its
own in the same process, with its own store, bus, key and place in the peer network.
"""

import asyncio
import re
from dataclasses import replace

from triggerx.node.config import StoreConfig
from triggerx.node.node import NodeSettings, running_node
from triggerx.node.signers import ENGINE, KEEPER, node_signers


async def serve(settings: NodeSettings) -> None:
    """Run until cancelled, or until a role fails for good."""
    if not {ENGINE, KEEPER} <= set(settings.roles):
        async with running_node(settings) as node:
            await node.wait()
        return
    others = tuple(role for role in settings.roles if role != KEEPER)
    engine_signer, _ = node_signers(replace(settings, roles=others))  # a missing key is said before anything starts
    _, keeper_signer = node_signers(replace(settings, roles=(KEEPER,)))
    settings = replace(settings, engine_signer=engine_signer, keeper_signer=keeper_signer)
    async with running_node(replace(settings, roles=others, keeper_signer=None)) as core:
        keeper = keeper_beside(settings, bootstrap=core.services.peers.addresses)
        async with running_node(keeper) as node:
            await asyncio.gather(core.wait(), node.wait())


def keeper_beside(settings: NodeSettings, *, bootstrap: tuple[str, ...]) -> NodeSettings:
    """The keeper's node: a folder of the data directory, free ports of the same hosts, the core node to start from.

    Its store is SQLite there, whatever the core's is: what a keeper has voted is nobody else's.
    """
    config = settings.config
    listen = tuple(re.sub(r"/(tcp|udp)/\d+", r"/\1/0", address) for address in config.peers.listen)
    peers = replace(config.peers, listen=listen, announce=(), bootstrap=(*config.peers.bootstrap, *bootstrap))
    return replace(
        settings,
        config=replace(config, data_dir=config.data_dir / KEEPER, store=StoreConfig(), peers=peers),
        roles=(KEEPER,),
        name=KEEPER,
        engine_signer=None,
    )
