"""Selectors and topics as the deployed contracts have them, and interfaces that import fast."""

import json
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from triggerx.evm.abi import Event, Function, encode, function_from_abi
from triggerx.evm.abi.revert import CUSTOM_ERRORS
from triggerx.evm.contracts import AttestationCenter, AvsGovernance, GasRegistry, JobRegistry, TaskExecutionHub
from triggerx.evm.hub import ASSIGNMENT_TYPE, FIRING_TYPE, MANDATE_TYPE, Assignment, Firing, Mandate
from triggerx.evm.types import Address, ChainId, Hash32, Wei

SOURCES = Path(__file__).parents[3] / "triggerx" / "chains" / "contracts"
CONTRACTS = [AttestationCenter, AvsGovernance, GasRegistry, JobRegistry, TaskExecutionHub]

IMPORT_CHECK = """
import sys
import triggerx.evm.contracts, triggerx.evm.hub, triggerx.evm.tasks, triggerx.evm.registry, triggerx.evm.keys
heavy = {"web3", "eth_abi", "eth_account", "eth_utils", "pydantic", "py_ecc", "gmpy2", "Crypto"} & set(sys.modules)
sys.exit(repr(heavy) if heavy else 0)
"""


@pytest.mark.parametrize(
    ("function", "selector"),
    [
        (JobRegistry.updateJob, "91461d0a"),
        (JobRegistry.getJob, "bf22c457"),
        (JobRegistry.unpackJobId, "bf8e9d53"),
        (AttestationCenter.getActiveOperatorsDetails, "9878eccb"),
        (AttestationCenter.operatorsIdsByAddress, "5b15c568"),
        (AttestationCenter.taskNumber, "72d18e8d"),
    ],
)
def test_function_then_has_the_deployed_selector(function: Function, selector: str) -> None:
    assert function.selector.hex() == selector


@pytest.mark.parametrize(
    ("event", "topic"),
    [
        (JobRegistry.JobUpdated, "7dac5d7787afd94b2012ccf48531da941b75ac7e9cfc8b6ea0b55cb3a93dbd13"),
        (JobRegistry.JobDeleted, "8bc0131dae2d0cbc363614dfcf9653c32125d8fe69ea2cc1f6be9bc430198537"),
        (GasRegistry.ETHBalanceDeducted, "cb86089062e14afd83ae7cdae0be8f14e3cc48bcb2dd2b09bf2e56c2fdee8fee"),
        (TaskExecutionHub.FunctionExecuted, "f4448cdaf10358453fa19b2e0363f44780277619bd9bb676eef79d7488a7d274"),
    ],
)
def test_event_then_has_the_deployed_topic(event: Event, topic: str) -> None:
    assert event.topic.hex() == topic


@pytest.mark.parametrize("contract", CONTRACTS)
def test_constant_then_bears_its_contracts_name(contract: type) -> None:
    constants = {name: value for name, value in vars(contract).items() if isinstance(value, Function | Event)}
    assert constants
    assert {name: value.name for name, value in constants.items() if name != value.name} == {}


@pytest.mark.parametrize("contract", CONTRACTS)
def test_function_then_is_the_compiled_contracts(contract: type) -> None:
    abi = json.dumps(json.loads((SOURCES / "artifacts" / f"{contract.__name__}.json").read_text())["abi"])
    for function in vars(contract).values():
        if isinstance(function, Function):
            compiled = function_from_abi(abi, function.signature)
            assert compiled.outputs.text == function.outputs.text, function.signature


@pytest.mark.parametrize("contract", CONTRACTS)
def test_event_then_is_the_compiled_contracts(contract: type) -> None:
    abi = json.loads((SOURCES / "artifacts" / f"{contract.__name__}.json").read_text())["abi"]
    compiled = {
        entry["name"]: [(parameter["type"], parameter["indexed"]) for parameter in entry["inputs"]]
        for entry in abi
        if entry["type"] == "event"
    }
    for event in vars(contract).values():
        if isinstance(event, Event):
            assert compiled[event.name] == [(p.type.text, p.indexed) for p in event.parameters]


def test_custom_errors_then_are_all_that_our_contracts_raise() -> None:
    source = "\n".join(path.read_text() for path in SOURCES.rglob("*.vy") if path.stem != "ExampleTarget")
    raised = set(re.findall(r'method_id\(\s*"([A-Z][^"]*)"', source))
    assert raised
    assert raised <= set(CUSTOM_ERRORS.split())


def test_structs_then_have_the_fields_of_their_signed_types() -> None:
    mandate, _, firing, assignment = TaskExecutionHub.executeTask.inputs.components[:4]
    for kind, type_string, domain_type in (
        (mandate, MANDATE_TYPE, Mandate),
        (firing, FIRING_TYPE, Firing),
        (assignment, ASSIGNMENT_TYPE, Assignment),
    ):
        signed = type_string.partition("(")[2].rstrip(")").split(",")
        assert kind.text == f"({','.join(field.partition(' ')[0] for field in signed)})"
        assert len(fields(domain_type)) == len(signed)


def test_execute_task_when_called_then_reads_back() -> None:
    mandate = Mandate(
        job_id=1,
        job_hash=Hash32(bytes(32)),
        version=2,
        owner=Address(b"\x01" * 20),
        target=Address(b"\x02" * 20),
        selector=b"\x01\x02\x03\x04",
        calldata_hash=Hash32(bytes(32)),
        value_max=Wei(3),
        fee_max=Wei(4),
        inner_gas_min=5,
        runs_max=6,
        spacing=7,
        attempts_max=8,
        security=2,
        not_before=9,
        expiry=10,
    )
    order = Assignment(
        task_key=Hash32(b"\x09" * 32), performer=Address(b"\x03" * 20), attempt=1, not_before=1, not_after=2
    )
    firing = Firing.event(ChainId(1), Hash32(b"\x08" * 32), 0)
    arguments = (
        mandate.as_tuple(),
        b"m" * 65,
        firing.as_tuple(),
        order.as_tuple(),
        b"a" * 65,
        4,
        3,
        b"call",
        ((1, 2), (0, 0)),
    )
    calldata = TaskExecutionHub.executeTask.encode(*arguments)
    assert TaskExecutionHub.executeTask.decode_input(calldata) == arguments


def test_job_when_read_then_comes_as_one_struct() -> None:
    row = (5, b"\x01" * 20, b"\x02" * 32, 1_800_000_000, True)
    data = encode(["uint256", "address", "bytes32", "uint256", "bool"], row)
    assert JobRegistry.getJob.decode_output(data) == (row,)


def test_interfaces_when_imported_then_load_nothing_heavy() -> None:
    command = [sys.executable, "-c", IMPORT_CHECK]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
