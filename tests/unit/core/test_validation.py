"""An attester's judgement: the honest task is approved, and every single deviation is refused with its own code."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from triggerx.core.evidence import EventEvidence, dump_evidence, firing_of
from triggerx.core.job import JobId
from triggerx.core.validation import (
    Execution,
    Ruling,
    Seed,
    judge,
    trigger_false,
    trigger_unknown,
    trigger_unproven,
)
from triggerx.evm.keccak import keccak256
from triggerx.evm.types import Address, ChainId, Wei

from .sample import (
    CENTER,
    CHAIN,
    DUE,
    HUB,
    KEEPERS,
    NETWORK,
    NOT_AFTER,
    OPERATORS,
    OTHER_HASH,
    OWNER,
    SEED_HASH,
    STRANGER,
    TARGET,
    Sample,
    job_body,
    order_for,
    sample,
    with_mandate,
)

GRACE_S = NETWORK.timing.announce_grace_s
Change = Callable[[Sample], Sample]


def facts(**changes: object) -> Change:
    return lambda s: replace(s, facts=replace(s.facts, **changes))  # type: ignore[arg-type]  # by field name


def done(**changes: object) -> Change:
    def change(s: Sample) -> Sample:
        assert isinstance(s.facts.execution, Execution)
        execution = replace(s.facts.execution, **changes)  # type: ignore[arg-type]  # by field name
        return replace(s, facts=replace(s.facts, execution=execution))

    return change


def document(**changes: object) -> Change:
    return lambda s: replace(s, document=replace(s.document, **changes))  # type: ignore[arg-type]  # by field name


def action(**changes: object) -> Change:
    def change(s: Sample) -> Sample:
        return replace(s, document=replace(s.document, action=replace(s.document.action, **changes)))  # type: ignore[arg-type]  # by field name

    return change


def registry(**changes: object) -> Change:
    def change(s: Sample) -> Sample:
        assert s.facts.registry is not None
        return replace(s, facts=replace(s.facts, registry=replace(s.facts.registry, **changes)))  # type: ignore[arg-type]  # by field name

    return change


def both(*changes: Change) -> Change:
    def change(s: Sample) -> Sample:
        for one in changes:
            s = one(s)
        return s

    return change


def forged_mandate(s: Sample) -> Sample:
    assert s.body.mandate is not None
    return replace(s, body=with_mandate(s.body, s.body.mandate.mandate, STRANGER))


def stale_mandate(s: Sample) -> Sample:
    assert s.body.mandate is not None
    mandate = replace(s.body.mandate.mandate, version=1)
    return replace(s, body=with_mandate(s.body, mandate, OWNER))


def attempt_of_another(s: Sample) -> Sample:
    """An order signed by the engine for somebody whom the draw did not elect."""
    elected = s.document.performer
    other = next(key.address for key in KEEPERS if key.address != elected)
    signed = order_for(1, performer=other)
    return both(
        document(assignment=signed, performer=other),
        action(sender=other),
        done(sender=other, executor_order=signed.assignment),
    )(s)


def too_early(s: Sample) -> Sample:
    """An order that the engine signed for a moment before the firing is due."""
    signed = s.document.assignment
    return document(assignment=replace(signed, assignment=replace(signed.assignment, not_before=DUE - 1)))(s)


def event_sample(*, moment: int) -> Sample:
    """The sample as if an event of this second had fired the job; its order begins at `DUE`."""
    evidence = EventEvidence(
        chain_id=CHAIN,
        tx_hash=OTHER_HASH,
        ordinal=3,
        block_number=95,
        block_hash=OTHER_HASH,
        block_timestamp=moment,
    )
    signed = order_for(1, firing=firing_of(evidence))
    performer = signed.assignment.performer
    return both(
        document(assignment=signed, performer=performer, evidence=dump_evidence(evidence)),
        action(sender=performer),
        done(sender=performer, task_key=signed.assignment.task_key, executor_order=signed.assignment),
    )(sample())


REJECTED: list[tuple[str, Change]] = [
    ("other_network", document(attestation_center=HUB)),
    ("other_network", document(attestation_chain_id=ChainId(1))),
    ("other_hub", action(hub=CENTER)),
    ("other_hub", action(chain_id=ChainId(5))),
    ("task_key", lambda s: replace(s, body=replace(s.body, job_id=JobId(s.body.job_id + 1)))),
    ("assignment_forged", facts(engine=None)),
    ("assignment_forged", facts(engine=STRANGER.address, is_engine=False)),
    ("wrong_performer", document(performer=STRANGER.address)),
    (
        "inactive_performer",
        lambda s: facts(operators=tuple(o for o in OPERATORS if o.address != s.document.performer))(s),
    ),
    ("too_early", too_early),
    ("evidence_malformed", document(evidence={})),
    ("evidence_malformed", document(evidence={"kind": "manual", "due": DUE})),
    ("evidence_malformed", document(evidence={"kind": "time", "due": DUE + 10})),
    ("evidence_malformed", document(evidence={"kind": "time", "due": DUE, "seen": "twice"})),
    ("election", attempt_of_another),
    ("wrong_seed", facts(seed=Seed(block_hash=SEED_HASH, timestamp=DUE - 3, next_timestamp=DUE - 1))),
    ("wrong_seed", facts(seed=Seed(block_hash=SEED_HASH, timestamp=DUE - 9, next_timestamp=DUE - 4))),
    ("wrong_owner", registry(owner=STRANGER.address)),
    ("job_inactive", registry(is_active=False)),
    ("job_hash", registry(job_hash=OTHER_HASH)),
    ("mandate_forged", forged_mandate),
    ("mandate_stale", stale_mandate),
    ("trigger_false", facts(trigger=trigger_false("second 1 is not one of the schedule's"))),
    ("not_executed", done(hub=Address(bytes(20)))),
    ("not_executed", done(task_key=None)),
    ("other_task", done(task_key=OTHER_HASH)),
    ("copied_task", facts(claimed_by=OTHER_HASH)),
    ("inner_call_failed", done(is_success=False)),
    ("wrong_sender", done(sender=STRANGER.address)),
    ("wrong_target", done(target=HUB)),
    ("wrong_arguments", done(data=b"\x00\x00\x00\x01")),
    ("wrong_claim", action(target=HUB)),
    ("wrong_value", done(value=1)),
    ("wrong_value", both(done(value=1), action(value=Wei(1)))),
    ("wrong_fee", done(fee=2000)),
    ("fee_above_cap", both(done(fee=10**15 + 1), action(fee=Wei(10**15 + 1)))),
    ("outside_window", done(block_timestamp=DUE - 1)),
    ("outside_window", done(block_timestamp=NOT_AFTER + 1)),
]

WAITED: list[tuple[str, Change]] = [
    ("seed_unknown", facts(seed=None)),
    ("seed_not_canonical", facts(seed=Seed(block_hash=OTHER_HASH, timestamp=DUE - 5, next_timestamp=None))),
    ("roster_unknown", lambda s: facts(operators=tuple(o for o in OPERATORS if o.address == s.document.performer))(s)),
    ("registry_unknown", facts(registry=None)),
    ("trigger_unknown", facts(trigger=trigger_unknown("block 7 is not known here yet"))),
    ("action_unknown", facts(execution=None)),
    ("unconfirmed", done(confirmations=0)),
]


@pytest.mark.parametrize("is_guarded", [True, False])
def test_judge_when_the_task_is_honest_then_approves(is_guarded: bool) -> None:
    s = sample(is_guarded=is_guarded)
    verdict = judge(s.document, s.body, s.facts, NETWORK)
    assert (verdict.ruling, verdict.code) == (Ruling.APPROVE, "ok")


@pytest.mark.parametrize(("code", "change"), REJECTED, ids=[f"{n}-{code}" for n, (code, _) in enumerate(REJECTED)])
def test_judge_when_one_thing_is_wrong_then_rejects_with_its_code(code: str, change: Change) -> None:
    s = change(sample())
    verdict = judge(s.document, s.body, s.facts, NETWORK)
    assert (verdict.ruling, verdict.code) == (Ruling.REJECT, code)
    assert verdict.message


@pytest.mark.parametrize(("code", "change"), WAITED, ids=[code for code, _ in WAITED])
def test_judge_when_something_is_not_known_yet_then_waits_and_never_rejects(code: str, change: Change) -> None:
    s = change(sample())
    verdict = judge(s.document, s.body, s.facts, NETWORK)
    assert (verdict.ruling, verdict.code) == (Ruling.WAIT, code)


def test_judge_when_it_was_announced_late_then_abstains_whatever_else_is_not_known() -> None:
    late = facts(heard_at=NOT_AFTER + GRACE_S + 1)
    for change in (late, both(late, facts(seed=None)), both(late, done(confirmations=0))):
        s = change(sample())
        verdict = judge(s.document, s.body, s.facts, NETWORK)
        assert (verdict.ruling, verdict.code) == (Ruling.ABSTAIN, "announced_late")
    s = both(late, done(is_success=False))(sample())
    assert judge(s.document, s.body, s.facts, NETWORK).ruling is Ruling.REJECT


def test_judge_when_the_trigger_can_never_be_known_here_then_abstains_unless_something_else_is_wrong() -> None:
    unproven = facts(trigger=trigger_unproven("the source says another value now"))
    s = unproven(sample())
    verdict = judge(s.document, s.body, s.facts, NETWORK)
    assert (verdict.ruling, verdict.code) == (Ruling.ABSTAIN, "trigger_unproven")
    s = both(unproven, done(is_success=False))(sample())
    assert judge(s.document, s.body, s.facts, NETWORK).ruling is Ruling.REJECT


def test_judge_when_the_firing_is_an_event_then_seed_and_window_hang_on_its_block() -> None:
    for late_s, ruling, code in ((0, Ruling.APPROVE, "ok"), (1, Ruling.REJECT, "too_early")):
        s = event_sample(moment=DUE + late_s)
        verdict = judge(s.document, s.body, s.facts, NETWORK)
        assert (verdict.ruling, verdict.code) == (ruling, code)
    s = facts(seed=Seed(block_hash=SEED_HASH, timestamp=DUE - 9, next_timestamp=DUE - 4))(event_sample(moment=DUE))
    assert judge(s.document, s.body, s.facts, NETWORK).code == "wrong_seed"


def test_judge_when_something_waits_and_something_else_is_wrong_then_rejects() -> None:
    s = both(facts(seed=None), done(is_success=False))(sample())
    assert judge(s.document, s.body, s.facts, NETWORK).code == "inner_call_failed"


def adopted(s: Sample) -> Sample:
    """The second performer announces the first one's action."""
    first, second = order_for(1), order_for(2)
    return both(
        document(assignment=second, performer=second.assignment.performer),
        action(sender=first.assignment.performer),
        done(sender=first.assignment.performer, executor_order=first.assignment),
    )(s)


def test_judge_when_a_successor_announces_a_found_action_then_only_after_its_performers_time() -> None:
    early = adopted(sample())
    verdict = judge(early.document, early.body, early.facts, NETWORK)
    assert (verdict.ruling, verdict.code) == (Ruling.ABSTAIN, "adopted_early")
    longer = replace(order_for(2).assignment, not_after=NOT_AFTER + 100)
    late = facts(heard_at=NOT_AFTER + GRACE_S + 1)(early)
    late = replace(
        late, document=replace(late.document, assignment=replace(late.document.assignment, assignment=longer))
    )
    assert judge(late.document, late.body, late.facts, NETWORK).ruling is Ruling.APPROVE


def test_judge_when_unguarded_and_sent_by_somebody_else_then_rejects() -> None:
    s = done(sender=STRANGER.address)(action(sender=STRANGER.address)(sample(is_guarded=False)))
    assert judge(s.document, s.body, s.facts, NETWORK).code == "wrong_sender"


def test_judge_when_the_body_names_another_target_than_the_registry_then_the_hash_differs() -> None:
    body = replace(job_body(), action=replace(job_body().action, target=HUB))
    assert body.action.target != TARGET
    s = replace(sample(), body=body)
    s = facts(registry_hash=keccak256(b"hash of the changed body"))(s)
    assert judge(s.document, s.body, s.facts, NETWORK).code == "job_hash"
