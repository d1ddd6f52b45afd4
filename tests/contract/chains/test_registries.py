"""The job registry binds a job to its hash and version; the gas registry keeps every owner's wei the owner's."""

import pytest

from tests.contract.chains.deployed import Bare, System, running
from triggerx.chains.development import Kind
from triggerx.evm.abi import Function
from triggerx.evm.contracts import GasRegistry, JobRegistry
from triggerx.evm.keys import PrivateKey
from triggerx.evm.registry import job_hash, pack_job_id
from triggerx.evm.types import ZERO_ADDRESS, ZERO_HASH, ChainId

CREDIT = Function.parse("creditETH(address user) payable")
SET_HUB = Function.parse("setHub(address hub)")
USER_JOBS = Function.parse("getUserJobIds(address user) returns (uint256[])")
USER_ACTIVE_JOBS = Function.parse("getUserActiveJobIds(address user) returns (uint256[])")
BY_COUNTER = Function.parse(
    "getJobByCounter(uint256 counter) returns"
    " ((uint256 jobId,address jobOwner,bytes32 jobHash,uint256 lastUpdatedAt,bool isActive) job)"
)
ETHER = 10**18
DATA = (60).to_bytes(32, "big")


def create(system: System, name: str = "job", owner: PrivateKey | None = None) -> int:
    registry = system.at.job_registry
    call = JobRegistry.createJob.encode(name, 1, 3600, system.at.example_target, DATA)
    (event,) = system.do(owner or system.owner, registry, call).events(JobRegistry.JobCreated, registry)
    return int(event["jobId"])


def update(system: System, job_id: int, old: str, new: str) -> bytes:
    return JobRegistry.updateJob.encode(job_id, old, 1, 3600, system.at.example_target, DATA, new, 7200, DATA + DATA)


def test_job_when_created_then_has_our_hash_and_id(system: System) -> None:
    registry, target = system.at.job_registry, system.at.example_target
    job_id, created_at = create(system), system.now()
    assert job_id == pack_job_id(system.chain_id, created_at, 1)
    expected = (job_id, system.owner.address, job_hash("job", 1, 3600, target, DATA), created_at, True)
    assert tuple(system.read(registry, JobRegistry.getJob, job_id)) == expected
    assert tuple(system.read(registry, BY_COUNTER, 1)) == expected
    assert system.read(registry, JobRegistry.getJobOwner, job_id) == system.owner.address
    assert system.read(registry, JobRegistry.isJobActive, job_id)
    assert system.read(registry, JobRegistry.unpackJobId, job_id) == (ChainId(31337), created_at, 1)


def test_job_when_there_is_none_then_reads_as_zeros(system: System) -> None:
    registry = system.at.job_registry
    assert tuple(system.read(registry, JobRegistry.getJob, 5)) == (0, ZERO_ADDRESS, ZERO_HASH, 0, False)
    assert system.read(registry, JobRegistry.getJobOwner, 5) == ZERO_ADDRESS
    assert not system.read(registry, JobRegistry.isJobActive, 5)


def test_job_when_updated_then_has_a_new_hash_and_a_later_version(system: System) -> None:
    registry, target = system.at.job_registry, system.at.example_target
    job_id = create(system)
    before = system.read(registry, JobRegistry.getJob, job_id)[3]
    mined = system.do(system.owner, registry, update(system, job_id, "job", "new"))
    hashed = job_hash("new", 1, 7200, target, DATA + DATA)
    (event,) = mined.events(JobRegistry.JobUpdated, registry)
    assert (event["jobId"], event["jobOwner"], event["newJobHash"]) == (job_id, system.owner.address, hashed)
    job = system.read(registry, JobRegistry.getJob, job_id)
    assert job[2] == hashed
    assert job[3] == event["timestamp"] > before


def test_job_when_deleted_then_is_inactive_for_good(system: System) -> None:
    registry = system.at.job_registry
    job_id, kept = create(system), create(system, "kept")
    mined = system.do(system.owner, registry, JobRegistry.deleteJob.encode(job_id))
    assert len(mined.events(JobRegistry.JobDeleted, registry)) == 1
    assert not system.read(registry, JobRegistry.isJobActive, job_id)
    assert list(system.read(registry, USER_JOBS, system.owner.address)) == [job_id, kept]
    assert list(system.read(registry, USER_ACTIVE_JOBS, system.owner.address)) == [kept]
    gone = f"JobAlreadyInactive({job_id})"
    assert system.refusal(system.owner, registry, JobRegistry.deleteJob.encode(job_id)) == gone
    assert system.refusal(system.owner, registry, update(system, job_id, "job", "new")) == gone


def test_job_when_changed_by_another_then_is_refused(system: System) -> None:
    registry, job_id = system.at.job_registry, create(system)
    error = f"UnauthorizedJobAccess({job_id}, 0x{system.stranger.address.hex()})"
    assert system.refusal(system.stranger, registry, JobRegistry.deleteJob.encode(job_id)) == error
    assert system.refusal(system.stranger, registry, update(system, job_id, "job", "new")) == error
    assert system.refusal(system.stranger, registry, JobRegistry.deleteJob.encode(7)) == "JobNotFound(7)"


def test_job_when_its_description_is_wrong_then_is_refused(system: System) -> None:
    registry, target, job_id = system.at.job_registry, system.at.example_target, create(system)

    def refused(name: str, job_type: int, where: bytes) -> str:
        call = JobRegistry.createJob.encode(name, job_type, 1, where, DATA)
        return system.refusal(system.owner, registry, call)

    assert refused("", 1, target) == "EmptyJobName()"
    assert refused("job", 0, target) == refused("job", 8, target) == "InvalidJobParameters()"
    assert refused("job", 1, ZERO_ADDRESS) == "InvalidTargetContract()"
    assert refused("job", 7, ZERO_ADDRESS) == ""
    assert system.refusal(system.owner, registry, update(system, job_id, "other", "new")) == "InvalidJobParameters()"
    assert system.refusal(system.owner, registry, update(system, job_id, "job", "")) == "EmptyJobName()"


def test_job_when_the_chain_id_does_not_fit_its_id_then_is_refused(kind: Kind) -> None:
    with running(kind, 2**32) as chain:
        bare = Bare(chain)
        registry = bare.create("JobRegistry")
        call = JobRegistry.createJob.encode("job", 1, 1, registry, DATA)
        assert bare.refusal(bare.deployer, registry, call) == f"ChainIdOverflow({2**32}, {2**32 - 1})"


@pytest.fixture
def deposited(system: System) -> System:
    system.do(system.owner, system.at.gas_registry, GasRegistry.depositETH.encode(ETHER), value=ETHER)
    return system


def test_deposit_when_made_then_is_the_owners_balance(deposited: System) -> None:
    gas_registry = deposited.at.gas_registry
    call = GasRegistry.depositETH.encode(5)
    mined = deposited.do(deposited.owner, gas_registry, call, value=5)
    assert mined.events(GasRegistry.ETHDeposited, gas_registry) == [{"user": deposited.owner.address, "ethAmount": 5}]
    assert deposited.read(gas_registry, GasRegistry.getBalance, deposited.owner.address) == ETHER + 5
    assert deposited.balance(gas_registry) == ETHER + 5


def test_deposit_when_the_amount_is_not_what_is_sent_then_is_refused(system: System) -> None:
    for amount, value in ((1, 0), (2, 1), (1, 2), (0, 0)):
        call = GasRegistry.depositETH.encode(amount)
        assert system.refusal(system.owner, system.at.gas_registry, call, value=value) == "InvalidAmount()"


def test_withdrawal_then_pays_the_owner_and_no_more_than_the_balance(deposited: System) -> None:
    gas_registry, owner = deposited.at.gas_registry, deposited.owner
    withdraw = GasRegistry.withdrawETHBalance
    assert deposited.refusal(owner, gas_registry, withdraw.encode(ETHER + 1)) == "InsufficientBalance()"
    assert deposited.refusal(owner, gas_registry, withdraw.encode(0)) == "InvalidAmount()"
    assert deposited.refusal(deposited.stranger, gas_registry, withdraw.encode(1)) == "InsufficientBalance()"
    before = deposited.balance(owner.address)
    deposited.do(owner, gas_registry, withdraw.encode(ETHER))
    assert before + ETHER - deposited.balance(owner.address) < ETHER // 100  # the gas it paid itself
    assert deposited.read(gas_registry, GasRegistry.getBalance, owner.address) == 0
    assert deposited.balance(gas_registry) == 0


def test_deduction_and_credit_when_not_by_the_hub_then_are_refused(deposited: System) -> None:
    gas_registry, victim = deposited.at.gas_registry, deposited.owner.address
    for sender in (deposited.deployer, deposited.owner, deposited.keepers[0].key):
        assert deposited.refusal(sender, gas_registry, GasRegistry.deductETHBalance.encode(victim, 1)) == "NotHub()"
        assert deposited.refusal(sender, gas_registry, CREDIT.encode(victim), value=1) == "NotHub()"


def test_hub_when_set_a_second_time_then_is_refused(system: System) -> None:
    call = SET_HUB.encode(system.stranger.address)
    assert system.refusal(system.deployer, system.at.gas_registry, call) == "AlreadySet()"
    assert system.refusal(system.stranger, system.at.gas_registry, call) == "NotOwner()"
