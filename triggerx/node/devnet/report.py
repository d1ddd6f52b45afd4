"""What people and programs are told about a development network and a demonstration."""

import json
import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from triggerx.core.canonical import Json
from triggerx.evm.types import checksum, to_hex
from triggerx.node.devnet.demo import DemoResult
from triggerx.node.devnet.ground import EXAMPLE_FUNCTION, Ground
from triggerx.node.devnet.network import Devnet

HEARTBEAT: Final = Path(__file__).resolve().parents[3] / "examples" / "heartbeat" / "heartbeat.py"
# Field of the demonstration's document -> field of the API's task.
TASK_FIELDS: Final[Mapping[str, str]] = {
    "task_id": "task_id",
    "task_number": "task_number",
    "job_id": "job_id",
    "performer": "task_performer_address",
    "attesters_ids": "attesters_ids",
    "execution_tx_hash": "execution_tx_hash",
    "task_submission_tx_hash": "task_submission_tx_hash",
    "is_approved": "is_accepted",
    "fired_at": "fired_at",
    "executed_at": "executed_at",
    "attested_at": "attested_at",
}


def devnet_document(devnet: Devnet) -> dict[str, Json]:
    """Everything a program needs to use the network: endpoints, contracts, accounts with keys, keepers."""
    ground, network = devnet.ground, devnet.ground.network
    contracts = network.action_chains[network.l2_chain_id]
    return {
        "rpc_url": ground.rpc_urls[network.l2_chain_id],
        "chain_id": network.l2_chain_id,
        "l1_rpc_url": ground.rpc_urls[network.l1_chain_id],
        "l1_chain_id": network.l1_chain_id,
        "api_url": devnet.api_url,
        "api_key": devnet.api_key,
        "contracts": {
            "attestation_center": checksum(network.attestation_center),
            "avs_governance": checksum(network.avs_governance),
            "job_registry": checksum(contracts.job_registry),
            "gas_registry": checksum(contracts.gas_registry),
            "task_execution_hub": checksum(contracts.task_execution_hub),
            "example_target": checksum(ground.example_target),
            "multicall": checksum(ground.multicalls[network.l2_chain_id]),
        },
        "example_target_abi": ground.example_abi,
        "example_target_function": EXAMPLE_FUNCTION,
        "accounts": [{"address": checksum(key.address), "private_key": to_hex(key.reveal())} for key in ground.keys],
        "keepers": [
            {"operator": checksum(key.address), "operator_id": operator_id, "peer_id": keeper.services.peers.peer_id}
            for key, operator_id, keeper in zip(ground.keepers, devnet.operator_ids, devnet.keepers, strict=True)
        ],
    }


def write_document(file: Path, document: Mapping[str, Json]) -> None:
    """Write the document for its owner alone, whole or not at all."""
    new = file.with_suffix(".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(document, stream, indent=2)
        stream.write("\n")
    new.replace(file)


def banner(devnet: Devnet, document: Path) -> str:
    """What `triggerx run --all` prints when all is ready."""
    ground = devnet.ground
    lines = [
        "",
        f"triggerx is running: {len(devnet.keepers)} keepers on {ground.kind}, chain {ground.network.l2_chain_id}",
        f"  API       {devnet.api_url}  (key {devnet.api_key})",
        f"  RPC       {ground.rpc_urls[ground.network.l2_chain_id]}",
        f"  document  {document}",
        "  accounts  (keys that everybody knows: never send anything of value to them)",
        *(
            f"    {owner:<9} {checksum(key.address)}  {to_hex(key.reveal())}"
            for owner, key in zip(_owners(ground), ground.keys, strict=True)
        ),
        "",
        "Try, in another terminal:",
        f"  {command_to_try(devnet.api_url, devnet.api_key, document)}",
        "Stop with Ctrl-C.",
        "",
    ]
    return "\n".join(lines)


def command_to_try(api_url: str, api_key: str, document: Path) -> str:
    """A command for any shell: the heartbeat example where this is a checkout, else a look at the keepers."""
    if HEARTBEAT.is_file():
        return shlex.join([sys.executable, str(HEARTBEAT), str(document.resolve())])
    return shlex.join(["curl", "-s", "-H", f"Authorization: Bearer {api_key}", f"{api_url}/api/keepers/all"])


def _owners(ground: Ground) -> list[str]:
    """Whose each development account is; the last is left for users."""
    return ["deployer", "engine", *(f"keeper {number}" for number, _ in enumerate(ground.keepers, start=1)), "yours"]


def result_document(kind: str, result: DemoResult) -> dict[str, Json]:
    """The one document of `triggerx demo --json`."""
    tasks: list[Json] = [{name: task.get(field) for name, field in TASK_FIELDS.items()} for task in result.tasks]
    return {"ok": not result.faults, "chain": kind, "tasks": tasks}


def result_table(result: DemoResult) -> None:
    """Print the tasks as a table for people, every value whole, and what it means."""
    from rich.console import Console  # noqa: PLC0415 - only the demonstration prints tables
    from rich.table import Table  # noqa: PLC0415 - as above

    console = Console()
    for task in result.tasks:
        table = Table(title=f"task {task.get('task_id')}", show_header=False)
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for name, field in TASK_FIELDS.items():
            table.add_row(name.replace("_", " "), str(task.get(field)))
        console.print(table)
    if not result.faults:
        console.print("Every value above agrees with the chain. For a network that stays, run: triggerx run --all")
