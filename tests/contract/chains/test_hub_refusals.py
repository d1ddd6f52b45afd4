"""The hub refuses by name every run that owner or engine did not ask for exactly so."""

from dataclasses import replace

import pytest

from tests.contract.chains.deployed import System
from tests.contract.chains.runs import DEPOSIT, FEE, INCREMENT, LONG_S, Change, Guarded
from triggerx.evm.abi import Function
from triggerx.evm.contracts import AttestationCenter, GasRegistry, TaskExecutionHub
from triggerx.evm.hub import Firing, mandate_digest
from triggerx.evm.keccak import keccak256
from triggerx.evm.types import ZERO_HASH, ChainId, Hash32

OTHER_HASH = Hash32(b"\x09" * 32)


@pytest.fixture
def guarded(system: System) -> Guarded:
    return Guarded(system)


CHANGES: list[tuple[str, Change, str]] = [
    ("owner forged", lambda at, run: run.but(owner=at.system.stranger), "InvalidMandateSignature()"),
    ("no job", lambda _at, run: run.but(mandate__job_id=7).fired(run.firing), "JobNotFound()"),
    (
        "not the job's owner",
        lambda at, run: run.but(mandate__owner=at.system.stranger.address, owner=at.system.stranger),
        "WrongJobOwner()",
    ),
    ("another hash", lambda _at, run: run.but(mandate__job_hash=OTHER_HASH), "JobHashMismatch()"),
    ("another version", lambda _at, run: run.but(mandate__version=run.mandate.version + 1), "JobVersionMismatch()"),
    ("not yet valid", lambda at, run: run.but(mandate__not_before=at.system.now() + LONG_S), "MandateNotYetValid()"),
    ("expired", lambda at, run: run.but(mandate__expiry=at.system.now() - 1), "MandateExpired()"),
    ("no security", lambda _at, run: run.but(mandate__security=0), "InvalidSecurity()"),
    ("unknown security", lambda _at, run: run.but(mandate__security=5), "InvalidSecurity()"),
    ("fee above the cap", lambda _at, run: run.but(fee=FEE + 1), "FeeAboveCap()"),
    ("value above the cap", lambda _at, run: run.but(value=FEE + 1), "ValueAboveCap()"),
    ("other calldata", lambda _at, run: run.but(data=INCREMENT.encode(6)), "CalldataMismatch()"),
    ("calldata longer", lambda _at, run: run.but(data=run.data + b"\0"), "CalldataMismatch()"),
    (
        "other selector",
        lambda _at, run: run.but(data=Function.parse("calls()").encode(), mandate__calldata_hash=ZERO_HASH),
        "SelectorMismatch()",
    ),
    ("no selector", lambda _at, run: run.but(data=b"", mandate__calldata_hash=ZERO_HASH), "SelectorMismatch()"),
    (
        "half a selector",
        lambda _at, run: run.but(data=b"\0\0", mandate__selector=bytes(4), mandate__calldata_hash=ZERO_HASH),
        "SelectorMismatch()",
    ),
    (
        "target without code",
        lambda at, run: run.but(mandate__target=at.system.stranger.address),
        "TargetHasNoCode()",
    ),
    ("gas registry", lambda at, run: run.but(mandate__target=at.system.at.gas_registry), "ForbiddenTarget()"),
    ("hub itself", lambda at, run: run.but(mandate__target=at.hub), "ForbiddenTarget()"),
    (
        "another performer",
        lambda at, run: run.but(assignment__performer=at.system.keepers[1].address),
        "WrongPerformer()",
    ),
    ("engine forged", lambda at, run: run.but(engine=at.system.stranger), "InvalidAssignmentSignature()"),
    ("owner as engine", lambda at, run: run.but(engine=at.system.owner), "InvalidAssignmentSignature()"),
    (
        "too early",
        lambda at, run: run.but(assignment__not_before=at.system.now() + LONG_S),
        "OutsideAssignmentWindow()",
    ),
    ("too late", lambda at, run: run.but(assignment__not_after=at.system.now() - 1), "OutsideAssignmentWindow()"),
    ("assigned to another key", lambda _at, run: run.but(assignment__task_key=OTHER_HASH), "TaskKeyMismatch()"),
    ("another firing", lambda _at, run: run.but(firing=Firing.condition(1)), "TaskKeyMismatch()"),
    ("due later", lambda at, run: run.fired(Firing.time(at.system.now() + LONG_S)), "FiringInFuture()"),
    ("unknown kind", lambda _at, run: run.fired(replace(run.firing, kind=0)), "InvalidFiring()"),
    ("fifth kind", lambda _at, run: run.fired(replace(run.firing, kind=5)), "InvalidFiring()"),
    (
        "run by hand of a chain",
        lambda _at, run: run.fired(replace(Firing.manual(1), chain_id=ChainId(1))),
        "InvalidFiring()",
    ),
    ("time of a chain", lambda _at, run: run.fired(replace(run.firing, chain_id=ChainId(1))), "InvalidFiring()"),
    ("time of a transaction", lambda _at, run: run.fired(replace(run.firing, tx_hash=OTHER_HASH)), "InvalidFiring()"),
    (
        "edge of a chain",
        lambda _at, run: run.fired(replace(Firing.condition(1), chain_id=ChainId(1))),
        "InvalidFiring()",
    ),
    ("event of no chain", lambda _at, run: run.fired(Firing.event(ChainId(0), OTHER_HASH, 1)), "InvalidFiring()"),
    ("event of nothing", lambda _at, run: run.fired(Firing.event(ChainId(1), ZERO_HASH, 1)), "InvalidFiring()"),
    ("no attempts", lambda _at, run: run.but(mandate__attempts_max=0), "AttemptsExhausted()"),
    ("no runs", lambda _at, run: run.but(mandate__runs_max=0), "MandateExhausted()"),
    (
        "more than the deposit",
        lambda _at, run: run.but(mandate__value_max=2 * DEPOSIT, value=2 * DEPOSIT),
        "InsufficientBalance()",
    ),
]


@pytest.mark.parametrize(("change", "error"), [pytest.param(*rest, id=name) for name, *rest in CHANGES])
def test_run_when_one_thing_is_wrong_then_is_refused_by_name(guarded: Guarded, change: Change, error: str) -> None:
    assert guarded.refusal(change(guarded, guarded.run)) == error


def test_run_when_it_is_of_any_kind_of_firing_then_is_accepted(guarded: Guarded) -> None:
    for firing in (guarded.run.firing, Firing.event(ChainId(10), OTHER_HASH, 0), Firing.condition(0)):
        assert guarded.refusal(guarded.run.fired(firing)) == ""


def test_run_when_sent_by_another_than_its_performer_then_is_refused(guarded: Guarded) -> None:
    assert guarded.refusal(guarded.run, sender=guarded.system.keepers[1].key) == "WrongPerformer()"


def test_run_when_the_performer_is_no_active_keeper_then_is_refused(guarded: Guarded) -> None:
    system = guarded.system
    assigned = guarded.run.but(assignment__performer=system.stranger.address)
    assert guarded.refusal(assigned, sender=system.stranger) == "InactiveKeeper()"
    leave = AttestationCenter.unregisterOperator.encode(guarded.performer.address)
    system.do(system.messenger, system.at.attestation_center, leave)
    assert guarded.refusal(guarded.run) == "InactiveKeeper()"


def test_mandate_when_signed_for_another_hub_or_chain_then_is_refused(guarded: Guarded) -> None:
    run, system = guarded.run, guarded.system
    call = TaskExecutionHub.executeTask.decode_input(guarded.encoded(run))
    for chain_id, hub in ((ChainId(1), guarded.hub), (system.chain_id, system.at.obls)):
        signature = system.owner.sign_digest(mandate_digest(run.mandate, chain_id, hub))
        forged = TaskExecutionHub.executeTask.encode(call[0], signature, *call[2:])
        assert system.refusal(guarded.performer.key, guarded.hub, forged) == "InvalidMandateSignature()"


@pytest.mark.parametrize("signature", [b"", bytes(65), b"\x01" * 64, bytes(128)])
def test_signature_when_it_has_another_form_then_is_refused(guarded: Guarded, signature: bytes) -> None:
    call = TaskExecutionHub.executeTask.decode_input(guarded.encoded(guarded.run))
    forged = TaskExecutionHub.executeTask.encode(call[0], signature, *call[2:])
    assert guarded.system.refusal(guarded.performer.key, guarded.hub, forged) == "InvalidMandateSignature()"
    forged = TaskExecutionHub.executeTask.encode(*call[:4], signature, *call[5:])
    assert guarded.system.refusal(guarded.performer.key, guarded.hub, forged) == "InvalidAssignmentSignature()"


def test_engine_when_rotated_then_only_the_new_one_assigns(guarded: Guarded) -> None:
    system = guarded.system
    assert system.refusal(system.stranger, guarded.hub, _set_engine(guarded, True)) == "NotOwner()"
    mined = system.do(system.deployer, guarded.hub, _set_engine(guarded, True))
    assert mined.events(TaskExecutionHub.EngineSet, guarded.hub) == [
        {"engine": system.stranger.address, "active": True}
    ]
    gone = TaskExecutionHub.setEngine.encode(system.engine.address, False)
    system.do(system.deployer, guarded.hub, gone)
    assert guarded.refusal(guarded.run) == "InvalidAssignmentSignature()"
    assert guarded.refusal(guarded.run.but(engine=system.stranger)) == ""


def _set_engine(guarded: Guarded, active: bool) -> bytes:
    return TaskExecutionHub.setEngine.encode(guarded.system.stranger.address, active)


def test_hub_when_sent_money_by_others_than_the_gas_registry_then_refuses(guarded: Guarded) -> None:
    assert guarded.system.refusal(guarded.system.owner, guarded.hub, b"", value=1) == "NotGasRegistry()"


# Calls the address in the first 20 bytes of its calldata with the rest, and fails as that fails.
FORWARDER = bytes.fromhex("6021600a5f3960215ff3601436038060145f375f5f825f345f3560601c5af13d5f5f3e601f573d5ffd5b00")


def test_hub_when_entered_again_by_a_target_then_refuses(guarded: Guarded) -> None:
    system = guarded.system
    forwarder = system.create_from(FORWARDER)
    register = AttestationCenter.registerOperator.encode(forwarder, system.keepers[0].bls.public, 1, forwarder)
    system.do(system.messenger, system.at.attestation_center, register)
    inner = guarded.run.but(assignment__performer=forwarder, fee=0)
    call = guarded.hub + guarded.encoded(inner)
    # From outside the keeper that is a contract may run it …
    assert system.refusal(system.stranger, forwarder, call) == ""
    paid = guarded.hub + guarded.encoded(inner.but(fee=1))
    assert system.refusal(system.stranger, forwarder, paid) == "TransferFailed()"  # it takes no money
    # … but not within another run.
    outer = guarded.run.fired(
        Firing.condition(1),
        mandate__target=forwarder,
        mandate__selector=call[:4],
        mandate__calldata_hash=keccak256(call),
        data=call,
    )
    event = guarded.execute(outer)
    assert event["success"] is False
    assert not guarded.of(TaskExecutionHub.taskDone, inner.key)


def test_deposit_when_a_run_is_refused_then_is_untouched(guarded: Guarded) -> None:
    system, wrong = guarded.system, guarded.run.but(data=INCREMENT.encode(6))
    assert not system.send(guarded.performer.key, guarded.hub, guarded.encoded(wrong)).succeeded
    assert system.read(system.at.gas_registry, GasRegistry.getBalance, system.owner.address) == DEPOSIT
