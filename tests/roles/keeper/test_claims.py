"""Claims: what a keeper says to evidence of each kind, by its own endpoints alone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.fakes.chain import FakeChain
from tests.fakes.mining import mine_transaction, transaction
from tests.roles.scene import HUB, Scene, open_scene, wish
from tests.unit.core.sample import (
    CHAIN,
    CREATED_AT,
    DUE,
    OTHER_HASH,
    OWNER,
    PAID,
    STRANGER,
    TOKEN,
    job_body,
)
from triggerx.core.errors import RecoverableError
from triggerx.core.evidence import RUN_AGE_S_MAX, EventEvidence, Evidence, TimeEvidence
from triggerx.core.job import JobBody
from triggerx.core.job_body import expected_job_hash
from triggerx.core.validation import RegistryEntry, Ruling, Verdict
from triggerx.evm.types import ChainId, Hash32
from triggerx.ports.chain import Receipt
from triggerx_keeper.claims import Claims

PAID_BODY = job_body(trigger=PAID)
REGISTERED = RegistryEntry(
    owner=OWNER.address, job_hash=expected_job_hash(job_body()), version=CREATED_AT, is_active=True
)


@dataclass
class Clerk:
    """A keeper's claims, and the scene it looks at."""

    scene: Scene
    claims: Claims

    async def says(self, evidence: Evidence, body: JobBody = PAID_BODY) -> tuple[Ruling, str]:
        """Ruling and sentence; the yes is an approval without words."""
        verdict = await self.claims.check(body, evidence, REGISTERED, acted_at=self.scene.clock.now())
        return ruling_of(verdict)


def ruling_of(verdict: Verdict | None) -> tuple[Ruling, str]:
    if verdict is None:
        return Ruling.APPROVE, ""
    codes = {
        Ruling.REJECT: "trigger_false",
        Ruling.WAIT: "trigger_unknown",
        Ruling.ABSTAIN: "trigger_unproven",
    }
    assert verdict.code == codes[verdict.ruling]
    return verdict.ruling, verdict.message


@asynccontextmanager
async def open_clerk(tmp_path: Path) -> AsyncIterator[Clerk]:
    async with open_scene(tmp_path, now=DUE) as scene:
        yield Clerk(scene, Claims((await scene.keeper(0)).services))


async def test_check_when_the_second_is_the_schedules_then_it_is_true_and_else_false(tmp_path: Path) -> None:
    async with open_clerk(tmp_path) as clerk:
        assert await clerk.says(TimeEvidence(due=DUE), job_body()) == (Ruling.APPROVE, "")
        ruling, words = await clerk.says(TimeEvidence(due=DUE - 3), job_body())
        assert (ruling, words) == (Ruling.REJECT, f"second {DUE - 3} is not one of the schedule's")
        assert await clerk.says(TimeEvidence(due=DUE)) == (Ruling.REJECT, "the job has no schedule")


async def test_check_when_the_event_is_there_and_confirmed_then_it_is_true(tmp_path: Path) -> None:
    async with open_clerk(tmp_path) as clerk:
        evidence = await clerk.scene.pay()
        assert await clerk.says(evidence) == (Ruling.WAIT, "the event has 0 of 1 confirmations here")
        await clerk.scene.pass_time(1)
        assert await clerk.says(evidence) == (Ruling.APPROVE, "")


async def test_check_when_the_job_wants_its_own_confirmations_then_they_count_instead_of_the_chains(
    tmp_path: Path,
) -> None:
    async with open_clerk(tmp_path) as clerk:
        evidence = await clerk.scene.pay()
        at_once, later = (job_body(trigger=replace(PAID, confirmations=number)) for number in (0, 3))
        assert await clerk.says(evidence, at_once) == (Ruling.APPROVE, "")
        await clerk.scene.pass_time(2)
        assert await clerk.says(evidence, later) == (Ruling.WAIT, "the event has 2 of 3 confirmations here")
        await clerk.scene.pass_time(1)
        assert await clerk.says(evidence, later) == (Ruling.APPROVE, "")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"block_timestamp": DUE}, "is of second"),
        ({"tx_hash": OTHER_HASH}, "holds no successful transaction"),
        ({"ordinal": 0}, "is not the job's event"),
        ({"ordinal": 2}, "the transaction has 2 logs"),
        ({"chain_id": ChainId(5)}, "waits for no event of chain 5"),
    ],
)
async def test_check_when_the_event_is_not_what_is_claimed_then_it_is_false_whatever_is_confirmed(
    tmp_path: Path, changes: dict[str, object], words: str
) -> None:
    async with open_clerk(tmp_path) as clerk:
        evidence = replace(await clerk.scene.pay(), **changes)  # type: ignore[arg-type]  # by field name
        ruling, said = await clerk.says(evidence)
        assert ruling is Ruling.REJECT
        assert words in said


@pytest.mark.parametrize(
    "body",
    [
        job_body(),
        job_body(trigger=replace(PAID, contract=HUB)),
        job_body(trigger=replace(PAID, event="Approval(address,address,uint256)", filters=())),
        job_body(trigger=replace(PAID, filter_name="value", filter_value="6")),
        job_body(trigger=replace(PAID, event="Transfer(", filters=())),
    ],
    ids=["no event job", "other contract", "other event", "other value", "no event"],
)
async def test_check_when_the_job_asks_for_something_else_then_it_is_false(tmp_path: Path, body: JobBody) -> None:
    async with open_clerk(tmp_path) as clerk:
        evidence = await clerk.scene.pay()
        await clerk.scene.pass_time(1)
        assert (await clerk.says(evidence, body))[0] is Ruling.REJECT


async def test_check_when_the_transaction_failed_then_it_is_false(tmp_path: Path) -> None:
    async with open_clerk(tmp_path) as clerk:
        sent = transaction(OTHER_HASH, sender=HUB, to=TOKEN, data=b"")
        receipt = await mine_transaction(clerk.scene.chain, sent, is_success=False)
        evidence = EventEvidence(
            chain_id=CHAIN,
            tx_hash=OTHER_HASH,
            ordinal=0,
            block_number=receipt.block_number,
            block_hash=receipt.block_hash,
            block_timestamp=(await clerk.scene.chain.head()).timestamp,
        )
        assert (await clerk.says(evidence))[0] is Ruling.REJECT


async def test_check_when_the_event_is_older_than_the_job_or_after_its_end_then_it_is_false(tmp_path: Path) -> None:
    for now in (CREATED_AT - 2, CREATED_AT + 60):
        async with open_scene(tmp_path / str(now), now=now) as scene:
            clerk = Clerk(scene, Claims((await scene.keeper(0)).services))
            evidence = await scene.pay()
            await scene.pass_time(1)
            ruling, words = await clerk.says(evidence)
            assert ruling is Ruling.REJECT
            assert "outside of the job's time" in words


async def test_check_when_the_block_is_not_known_or_another_one_then_it_waits(tmp_path: Path) -> None:
    async with open_clerk(tmp_path) as clerk:
        evidence = await clerk.scene.pay()
        ahead = replace(evidence, block_number=evidence.block_number + 9)
        ruling, words = await clerk.says(ahead)
        assert (ruling, words.endswith("is not known here yet")) == (Ruling.WAIT, True)
        forked = replace(evidence, block_hash=OTHER_HASH)
        ruling, words = await clerk.says(forked)
        assert (ruling, words.endswith("has another hash here")) == (Ruling.WAIT, True)


async def test_check_when_a_reorg_takes_the_event_away_then_it_waits_and_the_renewed_evidence_is_true(
    tmp_path: Path,
) -> None:
    async with open_clerk(tmp_path) as clerk:
        evidence = await clerk.scene.pay()
        await clerk.scene.chain.reorganise(1)
        assert (await clerk.says(evidence))[0] is Ruling.WAIT
        again = await clerk.scene.pay()
        await clerk.scene.pass_time(1)
        assert (again.tx_hash, again.ordinal) == (evidence.tx_hash, evidence.ordinal)
        assert again.block_hash != evidence.block_hash
        assert (await clerk.says(evidence))[0] is Ruling.WAIT
        assert await clerk.says(again) == (Ruling.APPROVE, "")


async def test_check_when_the_endpoint_lacks_the_receipt_alone_then_the_blocks_receipts_decide(
    tmp_path: Path,
) -> None:
    async with open_clerk(tmp_path) as clerk:
        evidence = await clerk.scene.pay()
        await clerk.scene.pass_time(1)

        async def missing(tx_hash: bytes) -> None:
            return None

        clerk.scene.chain.receipt = missing  # type: ignore[method-assign]  # an index that lags behind
        assert await clerk.says(evidence) == (Ruling.APPROVE, "")


async def test_check_when_this_node_has_no_endpoint_of_the_chain_then_it_leaves_the_vote_to_others(
    tmp_path: Path,
) -> None:
    async with open_clerk(tmp_path) as clerk:
        elsewhere = replace(await clerk.scene.pay(), chain_id=ChainId(5))
        body = job_body(trigger=replace(PAID, chain_id=ChainId(5)))
        assert await clerk.says(elsewhere, body) == (Ruling.ABSTAIN, "chain 5 is not one of this node's")


async def test_check_when_the_chain_is_away_then_it_says_so(tmp_path: Path) -> None:
    async with open_clerk(tmp_path) as clerk:
        evidence = await clerk.scene.pay()
        clerk.scene.chain.fault = RecoverableError("no endpoint answers")
        with pytest.raises(RecoverableError, match="no endpoint answers"):
            await clerk.says(evidence)


async def test_check_when_the_owner_signed_the_run_then_it_is_true_for_an_hour(tmp_path: Path) -> None:
    async with open_clerk(tmp_path) as clerk:
        for body in (job_body(), PAID_BODY):
            assert await clerk.says(wish(body), body) == (Ruling.APPROVE, "")
        for age_s, ruling in ((RUN_AGE_S_MAX, Ruling.APPROVE), (RUN_AGE_S_MAX + 1, Ruling.REJECT)):
            verdict = await clerk.claims.check(job_body(), wish(job_body()), REGISTERED, acted_at=DUE + age_s)
            assert ruling_of(verdict)[0] is ruling


@pytest.mark.parametrize(
    ("changes", "ruling"),
    [
        ({"owner": STRANGER}, Ruling.REJECT),
        ({"version": CREATED_AT - 1}, Ruling.REJECT),
        ({"at": CREATED_AT - 1}, Ruling.REJECT),
        ({"at": CREATED_AT + 61}, Ruling.REJECT),
    ],
)
async def test_check_when_the_run_is_not_the_owners_present_wish_then_it_is_false(
    tmp_path: Path, changes: dict[str, object], ruling: Ruling
) -> None:
    async with open_clerk(tmp_path) as clerk:
        evidence = wish(job_body(), **changes)  # type: ignore[arg-type]  # by name
        assert (await clerk.says(evidence, job_body()))[0] is ruling
        moved = replace(wish(job_body()), nonce=2)
        assert (await clerk.says(moved, job_body()))[0] is Ruling.REJECT
        unsigned = replace(wish(job_body()), signature=bytes(65))
        assert (await clerk.says(unsigned, job_body()))[0] is Ruling.REJECT


async def test_check_again_when_nothing_was_reorganised_then_nothing_speaks_against_it(tmp_path: Path) -> None:
    async with open_clerk(tmp_path) as clerk:
        evidence = await clerk.scene.pay()
        await clerk.scene.pass_time(1)
        for each in (evidence, TimeEvidence(due=DUE), wish(PAID_BODY)):
            assert await clerk.claims.check_again(PAID_BODY, each) is None
        await clerk.scene.chain.reorganise(2)
        assert ruling_of(await clerk.claims.check_again(PAID_BODY, evidence))[0] is Ruling.WAIT


async def test_check_again_when_the_events_block_is_the_newest_or_its_parent_then_nothing_more_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_clerk(tmp_path) as clerk:
        evidence = await clerk.scene.pay()
        reads = 0

        async def counted(tx_hash: Hash32) -> Receipt | None:
            nonlocal reads
            reads += 1
            return await FakeChain.receipt(clerk.scene.chain, tx_hash)

        monkeypatch.setattr(clerk.scene.chain, "receipt", counted)
        for expected in (0, 0, 1):
            assert await clerk.claims.check_again(PAID_BODY, evidence) is None
            assert reads == expected
            await clerk.scene.pass_time(1)
