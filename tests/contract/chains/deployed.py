"""The deployed system as contract tests see it: one chain, its accounts, four keepers, and calls without ceremony."""

import asyncio
import json
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from triggerx.chains.contracts import load
from triggerx.chains.deploy import Deployment, created_address, deploy
from triggerx.chains.development import DevelopmentChain, Kind, development_chain
from triggerx.chains.envelope import Fees, Unsigned, sign
from triggerx.evm.abi import Event, Function, decode_revert
from triggerx.evm.bn254.bls import BlsKey, aggregate_signatures
from triggerx.evm.contracts import AttestationCenter
from triggerx.evm.keys import PrivateKey
from triggerx.evm.tasks import TASKS_DOMAIN, task_hash, vote_hash, vote_message
from triggerx.evm.types import Address, ChainId, Hash32, Wei, from_hex, to_hex

GWEI = 10**9
GAS = 3_000_000
RPC_TIMEOUT_S = 60
POWERS = (1000, 1100, 1200, 1300)
HASH_TO_POINT = Function.parse("hashToPoint(bytes32 domain,bytes message) returns (uint256[2])")


class Refused(Exception):
    """The node refused a question; `data` is the revert's."""

    def __init__(self, message: str, data: bytes) -> None:
        super().__init__(message)
        self.data = data


@dataclass(frozen=True, slots=True, kw_only=True)
class Mined:
    """A mined transaction."""

    succeeded: bool
    gas_used: int
    logs: list[tuple[Address, list[bytes], bytes]]

    def events(self, wanted: Event, address: Address) -> list[dict[str, Any]]:
        return [
            wanted.decode(topics, data)
            for source, topics, data in self.logs
            if (source, topics[0]) == (address, wanted.topic)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeper:
    """An operator with both of its keys."""

    key: PrivateKey
    bls: BlsKey
    operator_id: int
    power: int

    @property
    def address(self) -> Address:
        return self.key.address

    @classmethod
    def of(cls, key: PrivateKey, operator_id: int, power: int) -> "Keeper":
        return cls(key=key, bls=BlsKey.from_private_key(key.reveal()), operator_id=operator_id, power=power)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is submitted; `votes_on_approval` lets a test sign something else than what it submits."""

    performer: Keeper
    proof_of_task: str = "proofhash"
    data: bytes = b"bafyCID"
    definition: int = 1
    is_approved: bool = True
    votes_on_approval: bool | None = None
    voted_proof: str | None = None


class Bare:
    """A chain with its accounts and nothing on it; every method is one thing a test does to it."""

    def __init__(self, chain: DevelopmentChain) -> None:
        self.chain = chain
        self.kind: Kind = chain.kind
        self.chain_id = ChainId(chain.chain_id)
        self.keys = [PrivateKey(account.private_key) for account in chain.accounts]
        self.deployer = self.keys[0]

    async def request(self, method: str, params: Sequence[object]) -> object:
        """Ask as `deploy` does."""
        return self.ask(method, *params)

    def ask(self, method: str, *params: object) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        request = urllib.request.Request(self.chain.rpc_url, body, {"Content-Type": "application/json"})  # noqa: S310
        with urllib.request.urlopen(request, timeout=RPC_TIMEOUT_S) as response:  # noqa: S310 - loopback, ours
            answer = json.load(response)
        if "error" in answer:
            data = answer["error"].get("data")
            raise Refused(answer["error"]["message"], from_hex(data) if isinstance(data, str) else b"")
        return answer["result"]

    def call(
        self, to: Address, data: bytes, *, sender: PrivateKey | None = None, value: int = 0, gas: int = GAS
    ) -> bytes:
        question = {"to": to_hex(to), "data": to_hex(data), "gas": hex(gas), "value": hex(value)}
        if sender is not None:
            question["from"] = to_hex(sender.address)
        return from_hex(self.ask("eth_call", question, "latest"))

    def read(self, to: Address, function: Function, *args: object) -> Any:
        found = function.decode_output(self.call(to, function.encode(*args)))
        return found[0] if len(found) == 1 else found

    def refusal(self, sender: PrivateKey, to: Address, data: bytes, *, value: int = 0, gas: int = GAS) -> str:
        """The named error with which a call is refused; the empty text when it is not."""
        try:
            self.call(to, data, sender=sender, value=value, gas=gas)
        except Refused as error:
            return decode_revert(error.data)
        return ""

    def send(self, sender: PrivateKey, to: Address | None, data: bytes, *, value: int = 0, gas: int = GAS) -> Mined:
        unsigned = Unsigned(
            chain_id=self.chain_id,
            nonce=int(self.ask("eth_getTransactionCount", to_hex(sender.address), "latest"), 16),
            to=to,
            data=data,
            value=Wei(value),
            gas=gas,
            fees=Fees(max_wei=50 * GWEI, priority_wei=GWEI),
        )
        tx_hash, raw = sign(sender, unsigned)
        self.ask("eth_sendRawTransaction", to_hex(raw))
        receipt = None
        deadline = time.monotonic() + RPC_TIMEOUT_S  # anvil answers the sending before the block is whole
        while receipt is None:
            assert time.monotonic() < deadline, f"{to_hex(tx_hash)} is not mined"
            receipt = self.ask("eth_getTransactionReceipt", to_hex(tx_hash))
        logs = [
            (Address(from_hex(log["address"])), [from_hex(topic) for topic in log["topics"]], from_hex(log["data"]))
            for log in receipt["logs"]
        ]
        return Mined(succeeded=receipt["status"] == "0x1", gas_used=int(receipt["gasUsed"], 16), logs=logs)

    def do(self, sender: PrivateKey, to: Address, data: bytes, *, value: int = 0, gas: int = GAS) -> Mined:
        mined = self.send(sender, to, data, value=value, gas=gas)
        assert mined.succeeded, self.refusal(sender, to, data, value=value, gas=gas)
        return mined

    def now(self) -> int:
        return int(self.ask("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def wait(self, seconds: int) -> int:
        """Let time pass on the chain; return the new head's time."""
        self.ask("evm_setNextBlockTimestamp", hex(self.now() + seconds))
        self.ask("evm_mine")
        return self.now()

    def balance(self, address: Address) -> int:
        return int(self.ask("eth_getBalance", to_hex(address), "latest"), 16)

    def create(self, name: str, arguments: bytes = b"") -> Address:
        """Create one of our contracts by the deployer."""
        return self.create_from(load(name).bytecode + arguments)

    def create_from(self, code: bytes) -> Address:
        """Create a contract of any code by the deployer."""
        nonce = int(self.ask("eth_getTransactionCount", to_hex(self.deployer.address), "latest"), 16)
        assert self.send(self.deployer, None, code, gas=8 * 10**6).succeeded
        return created_address(self.deployer.address, nonce)


class System(Bare):
    """A chain with everything deployed and four keepers registered."""

    def __init__(self, chain: DevelopmentChain) -> None:
        super().__init__(chain)
        self.engine, self.messenger, self.owner, self.stranger = self.keys[1:5]
        self.keepers = [Keeper.of(key, index + 1, POWERS[index]) for index, key in enumerate(self.keys[5:9])]
        self.at: Deployment = asyncio.run(
            deploy(self.request, self.deployer.reveal(), engine=self.engine.address, messenger=self.messenger.address)
        )
        for keeper in self.keepers:
            self.register(keeper)

    def register(self, keeper: Keeper) -> Mined:
        call = AttestationCenter.registerOperator.encode(
            keeper.address, keeper.bls.public, keeper.power, keeper.address
        )
        return self.do(self.messenger, self.at.attestation_center, call)

    def vote(self, keeper: Keeper, task: Task) -> tuple[int, int]:
        return keeper.bls.sign(TASKS_DOMAIN, vote_message(self.vote_hash(task)))

    def vote_hash(self, task: Task) -> Hash32:
        return vote_hash(
            task.voted_proof or task.proof_of_task,
            task.data,
            task.performer.address,
            task.definition,
            self.at.attestation_center,
            self.chain_id,
            task.is_approved if task.votes_on_approval is None else task.votes_on_approval,
        )

    def submission(
        self,
        task: Task,
        attesters: Sequence[Keeper],
        *,
        ids: Sequence[int] | None = None,
        signer: PrivateKey | None = None,
        signature: tuple[int, int] | None = None,
    ) -> bytes:
        """The calldata of submitTask, with the votes of these attesters."""
        performer_signature = (signer or task.performer.key).sign_digest(
            task_hash(task.proof_of_task, task.data, task.performer.address, task.definition)
        )
        if signature is None:
            signature = aggregate_signatures([self.vote(keeper, task) for keeper in attesters]) if attesters else (0, 0)
        chosen = [keeper.operator_id for keeper in attesters] if ids is None else list(ids)
        return AttestationCenter.submitTask.encode(
            (task.proof_of_task, task.data, task.performer.address, task.definition),
            (task.is_approved, performer_signature, signature, chosen),
        )


@contextmanager
def running(kind: Kind, chain_id: int = 31337) -> Iterator[DevelopmentChain]:
    """Start a chain that mines at once, and end it with the block."""
    with asyncio.Runner() as runner:
        context = development_chain(kind, block_time_s=0, chain_id=chain_id)
        chain = runner.run(context.__aenter__())
        try:
            yield chain
        finally:
            runner.run(context.__aexit__(None, None, None))
