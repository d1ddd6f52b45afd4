"""`triggerx run --all` and `triggerx demo`: start the network, tell the person about it, and keep or try it."""

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Final

from triggerx.core.canonical import Json
from triggerx.core.errors import UnavailableError, UnrecoverableError
from triggerx.evm.types import checksum, to_hex
from triggerx.node.config.tables import LogConfig
from triggerx.node.devnet.demo import DemoResult, Say, run_demo
from triggerx.node.devnet.lock import locked_folder
from triggerx.node.devnet.network import Devnet, running_devnet, set_aside
from triggerx.node.log import make_log
from triggerx.node.options import DevnetOptions

DOCUMENT_NAME: Final = "devnet.json"
TASK_FIELDS: Final = (
    "task_id",
    "task_number",
    "job_id",
    "performer",
    "attesters_ids",
    "execution_tx_hash",
    "task_submission_tx_hash",
    "is_approved",
    "fired_at",
    "executed_at",
    "attested_at",
)


async def run_all(options: DevnetOptions) -> None:
    """Run a development network until cancelled; `devnet.json` in the data directory says when all is ready."""
    if options.config is None:
        raise UnrecoverableError("a development network needs the configuration's log and data directory")
    data_dir = options.config.data_dir
    log = make_log(options.config.log, sys.stderr)
    with locked_folder(data_dir):
        before = set_aside(data_dir, int(time.time()))
        if before is not None:
            log.info("an earlier network was set aside: its chain is gone", folder=str(before))
        async with running_devnet(options, data_dir, log) as devnet:
            document = data_dir / DOCUMENT_NAME
            _write(document, devnet_document(devnet))
            _tell(devnet, document)
            await asyncio.gather(devnet.core.wait(), *(keeper.wait() for keeper in devnet.keepers))


async def demo(options: DevnetOptions) -> None:
    """Run a network in a temporary directory, use it as a user would, and report; raises when the chain disagrees."""
    raise NotImplementedError


def devnet_document(devnet: Devnet) -> dict[str, Json]:
    """Everything a program needs to use the network: endpoints, contracts, accounts with keys, keepers."""
    network = devnet.ground.network
    contracts = network.action_chains[network.l2_chain_id]
    return {
        "rpc_url": devnet.ground.rpc_urls[network.l2_chain_id],
        "chain_id": network.l2_chain_id,
        "l1_rpc_url": devnet.ground.rpc_urls[network.l1_chain_id],
        "l1_chain_id": network.l1_chain_id,
        "api_url": devnet.api_url,
        "api_key": devnet.api_key,
        "contracts": {
            "attestation_center": checksum(network.attestation_center),
            "avs_governance": checksum(network.avs_governance),
            "job_registry": checksum(contracts.job_registry),
            "gas_registry": checksum(contracts.gas_registry),
            "task_execution_hub": checksum(contracts.task_execution_hub),
            "example_target": checksum(devnet.ground.example_target),
        },
        "example_target_abi": devnet.ground.example_abi,
        "example_target_function": EXAMPLE_FUNCTION,
        "accounts": [
            {"address": checksum(key.address), "private_key": to_hex(key.reveal())} for key in devnet.ground.keys
        ],
        "keepers": [
            {"operator": checksum(key.address), "operator_id": operator_id, "peer_id": keeper.services.peers.peer_id}
            for key, operator_id, keeper in zip(devnet.ground.keepers, devnet.operator_ids, devnet.keepers, strict=True)
        ],
    }
