"""Deployment puts a wired system on one chain or on two, and says what went wrong when it cannot."""

import asyncio
import re
from collections.abc import Sequence

import pytest

from tests.contract.chains.deployed import Bare, running
from triggerx.chains import deploy as deploying
from triggerx.chains.accounts import derive_accounts
from triggerx.chains.deploy import Deployment, Terms, created_address, deploy
from triggerx.chains.development import Kind
from triggerx.core.errors import RecoverableError, UnavailableError
from triggerx.evm.abi import Function
from triggerx.evm.bn254.bls import REGISTRATION_DOMAIN, BlsKey, registration_message
from triggerx.evm.contracts import AvsGovernance, TaskExecutionHub
from triggerx.evm.types import ZERO_ADDRESS, to_hex

ACCOUNTS = derive_accounts(3)
FEES = Function.parse(
    "getTaskDefinitionFees(uint16 id) returns ((uint256 performer,uint256 attester,uint256 aggregator))"
)
WIRED = {
    "attestation_center": {"obls()": "obls", "owner()": "owner", "messageHandler()": "messenger"},
    "obls": {"getOblsManager()": "attestation_center"},
    "avs_governance": {"obls()": "avs_obls", "owner()": "owner"},
    "gas_registry": {"hub()": "task_execution_hub", "owner()": "owner"},
    "task_execution_hub": {
        "attestationCenter()": "attestation_center",
        "jobRegistry()": "job_registry",
        "gasRegistry()": "gas_registry",
        "owner()": "owner",
    },
}


def deployed_on(chain: Bare, l1: Bare | None = None, terms: Terms | None = None) -> Deployment:
    return asyncio.run(
        deploy(
            chain.request,
            chain.deployer.reveal(),
            engine=chain.keys[1].address,
            messenger=chain.keys[2].address,
            l1_request=None if l1 is None else l1.request,
            terms=terms,
        )
    )


def assert_wired(name: str, at: Deployment, chain: Bare) -> None:
    for getter, expected in WIRED[name].items():
        outsiders = {"owner": chain.deployer.address, "messenger": chain.keys[2].address}
        wanted = outsiders[expected] if expected in outsiders else getattr(at, expected)
        assert chain.read(getattr(at, name), Function.parse(f"{getter} returns (address)")) == wanted, (name, getter)


def test_deployment_on_one_chain_then_is_wired(kind: Kind) -> None:
    with running(kind) as chain:
        bare = Bare(chain)
        at = deployed_on(bare)
        for name in WIRED:
            assert_wired(name, at, bare)
        assert at.avs_obls == at.obls
        assert at.l1_chain_id == at.l2_chain_id == bare.chain_id
        assert at.l1_start_block == at.l2_start_block == 1
        assert bare.read(at.task_execution_hub, TaskExecutionHub.isEngine, bare.keys[1].address)
        assert tuple(bare.read(at.attestation_center, FEES, 7)) == (100, 10, 20)


def test_deployment_when_repeated_then_is_another_system(kind: Kind) -> None:
    with running(kind) as chain:
        bare = Bare(chain)
        first = deployed_on(bare)
        second = deployed_on(bare, terms=Terms(performer_fee=0, attester_fee=0, aggregator_fee=0))
        assert first.task_execution_hub != second.task_execution_hub
        assert second.l2_start_block > first.l2_start_block
        assert tuple(bare.read(second.attestation_center, FEES, 1)) == (0, 0, 0)


def test_deployment_on_two_chains_then_governance_is_on_the_first_and_binds_its_id(kind: Kind) -> None:
    with running(kind, 31338) as first, running(kind) as second:
        l1, l2 = Bare(first), Bare(second)
        at = deployed_on(l2, l1)
        assert (at.l1_chain_id, at.l2_chain_id) == (31338, 31337)
        for name in WIRED:
            assert_wired(name, at, l1 if name == "avs_governance" else l2)
        operator = l1.keys[3]
        l1.do(l1.deployer, at.avs_governance, AvsGovernance.setVotingPower.encode(operator.address, 1))
        key = BlsKey.from_private_key(operator.reveal())
        for chain_id, error in ((l2.chain_id, "InvalidAuthSignature()"), (l1.chain_id, "")):
            message = registration_message(operator.address, at.avs_governance, chain_id)
            proof = key.sign(REGISTRATION_DOMAIN, message)
            call = AvsGovernance.registerAsOperator.encode((key.public, ZERO_ADDRESS, (proof,), b""))
            assert l1.refusal(operator, at.avs_governance, call) == error


def test_created_address_then_is_what_chains_compute() -> None:
    expected = "0x5fbdb2315678afecb367f032d93f642f64180aa3"
    assert to_hex(created_address(ACCOUNTS[0].address, 0)) == expected
    assert len({created_address(ACCOUNTS[0].address, nonce) for nonce in (0, 1, 127, 128, 256)}) == 5


class Canned:
    """A node that says what it is told to say."""

    def __init__(self, receipt: object, chain_id: object = "0x1") -> None:
        self._answers = {
            "eth_chainId": chain_id,
            "eth_getTransactionCount": "0x0",
            "eth_gasPrice": "0x1",
            "eth_sendRawTransaction": "0x00",
            "eth_getTransactionReceipt": receipt,
        }

    async def request(self, method: str, params: Sequence[object]) -> object:
        assert params is not None
        return self._answers[method]


def deployment_from(node: Canned) -> None:
    asyncio.run(
        deploy(node.request, ACCOUNTS[0].private_key, engine=ACCOUNTS[1].address, messenger=ACCOUNTS[2].address)
    )


def test_deployment_when_a_creation_fails_then_says_which() -> None:
    with pytest.raises(RecoverableError, match=r"the creation of Obls .* failed on chain 1: has the deployer the gas"):
        deployment_from(Canned({"status": "0x0", "blockNumber": "0x1"}))


def test_deployment_when_nothing_is_mined_then_ends_at_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deploying, "DEADLINE_S", 0.01)
    with pytest.raises(RecoverableError, match=re.escape("does the chain make blocks?")):
        deployment_from(Canned(None))


@pytest.mark.parametrize("chain_id", [None, 1, "one"])
def test_deployment_when_the_node_answers_nonsense_then_is_unavailable(chain_id: object) -> None:
    with pytest.raises(UnavailableError, match="eth_chainId"):
        deployment_from(Canned({"status": "0x1", "blockNumber": "0x1"}, chain_id))


def test_deployment_when_a_receipt_is_nonsense_then_is_unavailable() -> None:
    with pytest.raises(UnavailableError, match="eth_getTransactionReceipt"):
        deployment_from(Canned("mined"))
