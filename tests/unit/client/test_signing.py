from dataclasses import replace

import pytest

from triggerx.client.signing import MandateTerms, sign_mandate, sign_run
from triggerx.core.errors import InvalidInput
from triggerx.core.job import ConditionTrigger, JobBody, JobId, Limits, TaskDefinition
from triggerx.core.job_body import expected_job_hash, parse_body, static_calldata
from triggerx.core.network import ActionChain
from triggerx.core.validation import RegistryEntry
from triggerx.evm.hub import mandate_digest, run_digest
from triggerx.evm.keccak import keccak256
from triggerx.evm.keys import PrivateKey, recover
from triggerx.evm.registry import pack_job_id
from triggerx.evm.types import ZERO_HASH, Address, ChainId, Wei, checksum

KEY = PrivateKey(b"\7" * 32)
CHAIN = ChainId(31337)
VERSION = 1_800_000_000
HUB = ActionChain(
    chain_id=CHAIN,
    job_registry=Address(b"\1" * 20),
    gas_registry=Address(b"\2" * 20),
    task_execution_hub=Address(b"\3" * 20),
    is_guarded=True,
    confirmations=0,
    block_time_s=1.0,
)
ABI = '[{"type":"function","name":"increment","inputs":[{"name":"amount","type":"uint256"}],"outputs":[]}]'


def body(**more: object) -> JobBody:
    fields: dict[str, object] = {
        "job_id": str(pack_job_id(CHAIN, VERSION, 1)),
        "user_address": checksum(KEY.address),
        "job_title": "a job",
        "task_definition_id": 1,
        "time_frame": 3600,
        "schedule_type": "interval",
        "time_interval": 60,
        "created_chain_id": CHAIN,
        "target_chain_id": CHAIN,
        "target_contract_address": checksum(Address(b"\4" * 20)),
        "target_function": "increment",
        "abi": ABI,
        "arguments": ["7"],
    }
    return parse_body({**fields, **more})


def entry(job: JobBody) -> RegistryEntry:
    return RegistryEntry(owner=KEY.address, job_hash=expected_job_hash(job), version=VERSION, is_active=True)


def test_mandate_when_signed_then_it_allows_exactly_this_call_within_stated_caps() -> None:
    job = body()
    signed = sign_mandate(job, entry(job), MandateTerms(), contracts=HUB, signer=KEY)
    mandate = signed.mandate
    assert (mandate.job_id, mandate.version, mandate.owner, mandate.target) == (
        job.job_id,
        VERSION,
        KEY.address,
        job.action.target,
    )
    assert mandate.calldata_hash == keccak256(static_calldata(job))
    assert mandate.selector == static_calldata(job)[:4]
    assert (mandate.runs_max, mandate.fee_max, mandate.value_max, mandate.attempts_max) == (100, 10**16, 0, 3)
    assert (mandate.security, mandate.expiry) == (4, VERSION + 3600)
    assert recover(mandate_digest(mandate, CHAIN, HUB.task_execution_hub), signed.signature) == KEY.address


def test_mandate_when_terms_are_given_then_they_hold() -> None:
    terms = MandateTerms(runs_max=3, fee_max=Wei(5), attempts_max=1, valid_s=10)
    mandate = sign_mandate(body(), entry(body()), terms, contracts=HUB, signer=KEY).mandate
    assert (mandate.runs_max, mandate.fee_max, mandate.attempts_max, mandate.expiry) == (3, 5, 1, VERSION + 10)


def test_mandate_when_the_time_frame_is_long_then_it_ends_after_thirty_days() -> None:
    job = body(time_frame=10**8)
    mandate = sign_mandate(job, entry(job), MandateTerms(), contracts=HUB, signer=KEY).mandate
    assert mandate.expiry == VERSION + 30 * 86_400


def test_mandate_when_the_job_limits_its_runs_then_so_does_it() -> None:
    job = replace(body(), limits=Limits(runs_max=7))
    assert sign_mandate(job, entry(job), MandateTerms(), contracts=HUB, signer=KEY).mandate.runs_max == 7


def test_mandate_when_the_job_does_not_recur_then_it_allows_one_run() -> None:
    condition = {"condition_type": "equals", "value_source_type": "static", "value_source_url": "1"}
    job = body(task_definition_id=5, **condition)
    assert isinstance(job.trigger, ConditionTrigger)
    assert sign_mandate(job, entry(job), MandateTerms(), contracts=HUB, signer=KEY).mandate.runs_max == 1


def test_mandate_when_a_script_computes_the_arguments_then_it_binds_the_function_alone() -> None:
    job = body(task_definition_id=2, dynamic_arguments_script_url="https://host/script.py", arguments=[])
    mandate = sign_mandate(job, entry(job), MandateTerms(), contracts=HUB, signer=KEY).mandate
    assert (mandate.calldata_hash, mandate.selector) == (ZERO_HASH, static_calldata(body())[:4])


def test_mandate_when_the_body_names_no_function_then_it_is_refused() -> None:
    url = "https://host/script.py"
    job = body(task_definition_id=7, language="python", dynamic_arguments_script_url=url, target_function="", abi="")
    assert job.task_definition_id is TaskDefinition.CUSTOM_SCRIPT
    with pytest.raises(InvalidInput):
        sign_mandate(job, entry(job), MandateTerms(), contracts=HUB, signer=KEY)


def test_run_when_signed_then_the_owner_is_recovered() -> None:
    signature = sign_run(JobId(9), version=VERSION, nonce=4, requested_at=5, contracts=HUB, signer=KEY)
    digest = run_digest(9, VERSION, 4, 5, CHAIN, HUB.task_execution_hub)
    assert recover(digest, signature) == KEY.address
