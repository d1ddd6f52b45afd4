"""A heartbeat by hand: a time job from deposit to attested tasks, with web3, eth_account and the public HTTP API.

Usage: python heartbeat.py PATH-TO/devnet.json [BEATS]. Progress goes to stderr, one line of JSON a task to stdout.
It imports nothing of triggerx, so it shows all that an owner of a job has to do, in any language.
"""

import json
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Final

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_typing import ChecksumAddress
from web3 import Web3
from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.middleware import SignAndSendRawMiddlewareBuilder
from web3.types import TxReceipt, Wei

INTERVAL_S: Final = 8  # a block each for the deposit and the job, and the network's word before the first beat
DEPOSIT_WEI: Final = Wei(10**17)
FEE_MAX_WEI: Final = 10**16  # the most that one beat may cost the owner
MANDATE_S: Final = 86_400
TIME_STATIC: Final = 1  # task definition 1: a time job whose arguments are known beforehand
FINAL: Final = ("attested", "rejected", "failed", "unknown")
WITHIN_S: Final = 120
HTTP_TIMEOUT_S: Final = 10

GAS_REGISTRY_ABI: Final = json.loads("""[
  {"type": "function", "name": "depositETH", "stateMutability": "payable", "outputs": [],
   "inputs": [{"name": "amount", "type": "uint256"}]}
]""")
JOB_REGISTRY_ABI: Final = json.loads("""[
  {"type": "function", "name": "createJob", "stateMutability": "nonpayable",
   "outputs": [{"name": "jobId", "type": "uint256"}],
   "inputs": [{"name": "name", "type": "string"}, {"name": "jobType", "type": "uint8"},
              {"name": "timeFrame", "type": "uint256"}, {"name": "target", "type": "address"},
              {"name": "data", "type": "bytes"}]},
  {"type": "event", "name": "JobCreated", "anonymous": false,
   "inputs": [{"name": "jobId", "type": "uint256", "indexed": true},
              {"name": "jobOwner", "type": "address", "indexed": true},
              {"name": "jobHash", "type": "bytes32", "indexed": false},
              {"name": "timestamp", "type": "uint256", "indexed": false}]}
]""")
# What the owner signs: the hub carries out nothing that differs from it.
MANDATE_TYPE: Final = {
    "jobId": "uint256",
    "jobHash": "bytes32",
    "version": "uint256",
    "owner": "address",
    "target": "address",
    "selector": "bytes4",
    "calldataHash": "bytes32",
    "valueMax": "uint256",
    "feeMax": "uint256",
    "innerGasMin": "uint256",
    "runsMax": "uint32",
    "spacing": "uint32",
    "attemptsMax": "uint8",
    "security": "uint8",
    "notBefore": "uint64",
    "expiry": "uint64",
}


class Owner:
    """The development network's user account: owns the job, pays for it, and may use the API."""

    def __init__(self, devnet: dict[str, Any]) -> None:
        self.devnet = devnet
        self.web3 = Web3(Web3.HTTPProvider(devnet["rpc_url"], request_kwargs={"timeout": HTTP_TIMEOUT_S}))
        self.account: LocalAccount = Account.from_key(devnet["accounts"][-1]["private_key"])
        self.web3.middleware_onion.inject(SignAndSendRawMiddlewareBuilder.build(self.account), layer=0)
        self.gas_registry = self.contract("gas_registry", GAS_REGISTRY_ABI)
        self.job_registry = self.contract("job_registry", JOB_REGISTRY_ABI)
        self.target = self.contract("example_target", devnet["example_target_abi"])

    def address(self, name: str) -> ChecksumAddress:
        """Return the address of one of the network's contracts."""
        return Web3.to_checksum_address(self.devnet["contracts"][name])

    def contract(self, name: str, abi: Any) -> Contract:
        """Return one of the network's contracts, ready to be called."""
        return self.web3.eth.contract(self.address(name), abi=abi)

    def send(self, call: ContractFunction, value: Wei = Wei(0)) -> TxReceipt:  # noqa: B008 - Wei is a plain integer
        """Send a transaction and return its receipt; ends the program when it fails."""
        tx_hash = call.transact({"from": self.account.address, "value": value})
        receipt = self.web3.eth.wait_for_transaction_receipt(tx_hash, timeout=WITHIN_S, poll_latency=0.2)
        if receipt["status"] != 1:
            sys.exit(f"heartbeat: {call.fn_name} failed: see transaction {tx_hash.to_0x_hex()}")
        return receipt

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Ask the API and return its JSON; ends the program with the API's own words when it refuses."""
        request = urllib.request.Request(  # noqa: S310 - devnet.json names an http address
            self.devnet["api_url"] + path,
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={"Authorization": f"Bearer {self.devnet['api_key']}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=HTTP_TIMEOUT_S) as answer:  # noqa: S310 - as above
                return json.load(answer)
        except urllib.error.HTTPError as error:
            sys.exit(f"heartbeat: {method} {path}: {json.load(error)['detail']}")
        except urllib.error.URLError as error:
            sys.exit(f"heartbeat: {request.full_url} does not answer ({error.reason}): is triggerx run --all running?")


def create_job(owner: Owner, time_frame_s: int) -> dict[str, Any]:
    """Register the job on chain and return what the registry's event says of it."""
    trigger = owner.web3.codec.encode(["uint256"], [INTERVAL_S])
    receipt = owner.send(
        owner.job_registry.functions.createJob(
            "heartbeat", TIME_STATIC, time_frame_s, owner.address("example_target"), trigger
        )
    )
    (created,) = owner.job_registry.events.JobCreated().process_receipt(receipt)
    return dict(created["args"])


def sign_mandate(owner: Owner, created: dict[str, Any], calldata: bytes, beats: int) -> dict[str, Any]:
    """Allow the execution hub exactly this call, so many times, for a day (EIP-712)."""
    mandate = {
        "jobId": created["jobId"],
        "jobHash": created["jobHash"],
        "version": created["timestamp"],
        "owner": owner.account.address,
        "target": owner.address("example_target"),
        "selector": calldata[:4],
        "calldataHash": Web3.keccak(calldata),
        "valueMax": 0,
        "feeMax": FEE_MAX_WEI,
        "innerGasMin": 100_000,
        "runsMax": beats,
        "spacing": 0,
        "attemptsMax": 3,
        "security": 4,
        "notBefore": 0,
        "expiry": created["timestamp"] + MANDATE_S,
    }
    domain = {
        "name": "triggerx",
        "version": "1",
        "chainId": owner.devnet["chain_id"],
        "verifyingContract": owner.address("task_execution_hub"),
    }
    types = {"Mandate": [{"name": name, "type": kind} for name, kind in MANDATE_TYPE.items()]}
    signed = owner.account.sign_typed_data(domain, types, mandate)
    shown = {name: f"0x{value.hex()}" if isinstance(value, bytes) else str(value) for name, value in mandate.items()}
    return {**shown, "signature": f"0x{signed.signature.hex()}"}


def post_job(owner: Owner, created: dict[str, Any], time_frame_s: int, mandate: dict[str, Any]) -> None:
    """Tell the network what the chain does not hold: the function, its arguments, and the mandate."""
    chain_id = str(owner.devnet["chain_id"])
    body = {
        "job_id": str(created["jobId"]),  # beyond 2^53: a string
        "user_address": owner.account.address,
        "job_title": "heartbeat",
        "task_definition_id": TIME_STATIC,
        "time_frame": time_frame_s,
        "timezone": "UTC",
        "created_chain_id": chain_id,
        "schedule_type": "interval",
        "time_interval": INTERVAL_S,
        "target_chain_id": chain_id,
        "target_contract_address": owner.address("example_target"),
        "target_function": owner.devnet["example_target_function"],
        "abi": json.dumps(owner.devnet["example_target_abi"]),
        "arg_type": 1,
        "arguments": ["1"],
        "mandate": mandate,
    }
    owner.ask("POST", "/api/jobs", body)


def watch(owner: Owner, job_id: int, beats: int) -> list[dict[str, Any]]:
    """Ask until every beat is over and return their tasks, which must all be attested."""
    until = time.monotonic() + WITHIN_S
    told: set[str] = set()
    while True:
        tasks: list[dict[str, Any]] = owner.ask("GET", f"/api/tasks/job/{job_id}")
        for task in tasks:
            line = f"beat {task['task_id']}: {task['task_status']} {task['task_error']}".rstrip()
            if line not in told:
                told.add(line)
                say(line)
        if sum(task["task_status"] in FINAL for task in tasks) >= beats:
            return tasks
        if time.monotonic() > until:
            sys.exit(f"heartbeat: not all of {beats} beats are over after {WITHIN_S} s")
        time.sleep(0.5)


def say(line: str) -> None:
    """Tell the person at the terminal."""
    print(line, file=sys.stderr, flush=True)


def main(file: str = "devnet.json", beats_wanted: str = "2") -> int:
    """Do it all; the exit status is 0 when every beat is attested."""
    owner, beats = Owner(json.loads(Path(file).read_text(encoding="utf-8"))), int(beats_wanted)
    time_frame_s = INTERVAL_S * beats
    owner.ask("GET", "/readyz")
    say(f"depositing {DEPOSIT_WEI / 10**18:g} ether as {owner.account.address}")
    owner.send(owner.gas_registry.functions.depositETH(DEPOSIT_WEI), value=DEPOSIT_WEI)
    calldata = bytes.fromhex(owner.target.encode_abi(owner.devnet["example_target_function"], args=[1])[2:])
    created = create_job(owner, time_frame_s)
    say(f"job {created['jobId']} is on chain; signing its mandate and posting it")
    post_job(owner, created, time_frame_s, sign_mandate(owner, created, calldata, beats))
    tasks = watch(owner, created["jobId"], beats)
    for task in tasks:
        print(json.dumps(task))
    return 0 if all(task["task_status"] == "attested" for task in tasks) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
