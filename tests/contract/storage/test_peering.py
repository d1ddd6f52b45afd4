import asyncio
from dataclasses import replace

import pytest

from tests.contract.storage.nouns import NOW, address, announced, hash32, performance, share, vote
from triggerx.core.errors import NotFound
from triggerx.ports.store import Store
from triggerx.ports.store.peering import DoubleVote, OwnVote, PerformanceStatus, StoredEnvelope, VoteCount


async def test_a_document_when_put_twice_stays_as_it_was(store: Store) -> None:
    assert await store.documents.get("bafk") is None
    await store.documents.put("bafk", b"\x00\xff", now=NOW)
    await store.documents.put("bafk", b"other", now=NOW)
    assert await store.documents.get("bafk") == b"\x00\xff"


async def test_an_envelope_when_seen_before_is_refused_per_sender_and_node(store: Store) -> None:
    assert await store.messages.remember(address(1), b"nonce", node="here", expires_at=NOW)
    assert not await store.messages.remember(address(1), b"nonce", node="here", expires_at=NOW + 9)
    assert await store.messages.remember(address(2), b"nonce", node="here", expires_at=NOW)
    assert await store.messages.remember(address(1), b"nonce", node="there", expires_at=NOW)


async def test_an_envelope_when_fifty_hear_it_counts_once(store: Store) -> None:
    heard = await asyncio.gather(
        *(store.messages.remember(address(1), b"nonce", node="here", expires_at=NOW) for _ in range(50))
    )
    assert heard.count(True) == 1


async def test_kept_envelopes_when_listed_are_unexpired_newest_first(store: Store) -> None:
    for number, expires_at in ((1, NOW), (2, NOW - 1), (3, NOW + 9), (1, NOW + 99)):
        await store.messages.keep(bytes([number]), digest=hash32(number), expires_at=expires_at)
    third, first = (
        StoredEnvelope(envelope=b"\x03", expires_at=NOW + 9),
        StoredEnvelope(envelope=b"\x01", expires_at=NOW),
    )
    assert await store.messages.kept(now=NOW, limit=9) == (third, first)
    assert await store.messages.kept(now=NOW, limit=1) == (third,)


async def test_expired_messages_when_forgotten_are_counted_and_the_others_stay(store: Store) -> None:
    await store.messages.remember(address(1), b"old", node="here", expires_at=NOW - 1)
    await store.messages.remember(address(1), b"new", node="here", expires_at=NOW)
    await store.messages.keep(b"old", digest=hash32(1), expires_at=NOW - 1)
    await store.messages.keep(b"new", digest=hash32(2), expires_at=NOW)
    assert await store.messages.forget_expired(now=NOW) == 2
    assert await store.messages.forget_expired(now=NOW) == 0
    assert await store.messages.remember(address(1), b"old", node="here", expires_at=NOW + 1)
    assert not await store.messages.remember(address(1), b"new", node="here", expires_at=NOW + 1)
    assert len(await store.messages.kept(now=0, limit=9)) == 1


async def test_a_performance_when_inserted_again_is_not_changed(store: Store) -> None:
    assert await store.performances.insert(performance())
    assert not await store.performances.insert(replace(performance(), body=b"{}"))
    assert await store.performances.get(hash32(1), 1) == performance()
    assert await store.performances.get(hash32(1), 2) is None


async def test_a_performance_when_saved_moves_on_and_its_order_stays(store: Store) -> None:
    await store.performances.insert(performance())
    moved = replace(
        performance(),
        status=PerformanceStatus.EXECUTED,
        execution_tx_hash=hash32(50),
        cid="bafk",
        reason="mined",
    )
    await store.performances.save(replace(moved, body=b"never written", evidence={}))
    assert await store.performances.get(hash32(1), 1) == moved
    with pytest.raises(NotFound, match="attempt 2"):
        await store.performances.save(performance(attempt=2))


async def test_open_performances_when_listed_are_those_without_a_final_status(store: Store) -> None:
    for number, status in enumerate(PerformanceStatus, start=1):
        await store.performances.insert(replace(performance(number), status=status))
    assert await store.performances.list_open() == ((hash32(1), 1), (hash32(2), 1))


async def test_performances_when_asked_by_task_are_every_attempt_at_those_oldest_first(store: Store) -> None:
    for one in (performance(2), performance(1), performance(3), performance(1, attempt=2)):
        await store.performances.insert(one)
    found = await store.performances.of_tasks([hash32(1), hash32(2), hash32(9)])
    assert found == (performance(2), performance(1), performance(1, attempt=2))
    assert await store.performances.of_tasks([]) == ()


async def test_a_vote_when_repeated_is_allowed_and_changes_nothing(store: Store) -> None:
    await store.votes.bind(vote())
    await store.votes.bind(replace(vote(), recorded_at=NOW + 9, code="other", attempt=2))
    assert await store.votes.own("attestation", hash32(1)) == (vote(),)
    no = vote(task_hash=11, is_approved=False)
    await store.votes.bind(no)
    await store.votes.bind(no)
    assert await store.votes.own("attestation", hash32(1)) == (vote(), no)


CONTRADICTIONS = {
    "a second yes for another hash of the key": (vote(task_hash=10), vote(task_hash=11)),
    "a no to what had a yes": (vote(), vote(is_approved=False)),
    "a yes to what had a no": (vote(is_approved=False), vote()),
    "a yes to the same hash under another key": (vote(key=1), vote(key=2)),
    "a no to the same hash under another key": (vote(key=1), vote(key=2, is_approved=False)),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
async def test_a_vote_when_it_contradicts_a_record_is_never_bound(store: Store, name: str) -> None:
    bound, second = CONTRADICTIONS[name]
    await store.votes.bind(bound)
    with pytest.raises(DoubleVote, match="bound by its attestation vote"):
        await store.votes.bind(second)
    records = [*await store.votes.own("attestation", hash32(1)), *await store.votes.own("attestation", hash32(2))]
    assert records == [bound]


ALLOWED = {
    "noes to several hashes": (vote(task_hash=10, is_approved=False), vote(task_hash=11, is_approved=False)),
    "a yes beside a no to another hash": (vote(task_hash=10, is_approved=False), vote(task_hash=11)),
    "a no beside a yes to another hash": (vote(task_hash=10), vote(task_hash=11, is_approved=False)),
    "a yes to each key": (vote(key=1, task_hash=10), vote(key=2, task_hash=11)),
    "a yes in each phase": (vote(phase="approval"), vote(task_hash=11)),
}


@pytest.mark.parametrize("name", ALLOWED)
async def test_a_vote_when_it_contradicts_nothing_is_bound(store: Store, name: str) -> None:
    first, second = ALLOWED[name]
    await store.votes.bind(first)
    await store.votes.bind(second)
    assert first in await store.votes.own(first.phase, first.task_key)
    assert second in await store.votes.own(second.phase, second.task_key)


async def test_votes_when_many_bind_yes_to_different_hashes_at_once_are_one(store: Store) -> None:
    async def bind(one: OwnVote) -> bool:
        try:
            await store.votes.bind(one)
        except DoubleVote:
            return False
        return True

    bound = await asyncio.gather(*(bind(vote(task_hash=number)) for number in range(40)))
    assert bound.count(True) == 1
    assert len(await store.votes.own("attestation", hash32(1))) == 1


async def test_votes_when_yes_and_no_to_one_hash_race_are_one_verdict(store: Store) -> None:
    results = await asyncio.gather(
        *(store.votes.bind(vote(is_approved=number % 2 == 0)) for number in range(40)), return_exceptions=True
    )
    (record,) = await store.votes.own("attestation", hash32(1))
    refused = [number for number, result in enumerate(results) if isinstance(result, DoubleVote)]
    assert refused == [number for number in range(40) if (number % 2 == 0) != record.is_approved]


async def test_a_share_when_the_operators_vote_is_known_is_refused_yes_or_no(store: Store) -> None:
    assert await store.votes.add_share(share(operator_id=2))
    assert not await store.votes.add_share(share(operator_id=2))
    assert not await store.votes.add_share(share(operator_id=2, is_approved=False))
    assert await store.votes.add_share(share(operator_id=1, is_approved=False))
    assert await store.votes.add_share(share(task_hash=11, operator_id=2))
    assert await store.votes.shares(hash32(10)) == (
        share(operator_id=1, is_approved=False),
        share(operator_id=2),
    )


async def test_documents_when_announced_stay_open_until_an_outcome_is_known(store: Store) -> None:
    assert await store.votes.announce(announced(10))
    assert not await store.votes.announce(replace(announced(10), cid="bafkother"))
    assert await store.votes.announce(announced(11))
    assert await store.votes.open_documents() == (announced(10), announced(11))
    await store.votes.close(hash32(10), "attested")
    await store.votes.close(hash32(10), "attested")
    assert await store.votes.open_documents() == (announced(11),)
    assert not await store.votes.announce(announced(10))
    assert await store.votes.open_documents() == (announced(11),)


async def test_a_document_when_announced_after_its_outcome_is_not_open(store: Store) -> None:
    await store.votes.close(hash32(10), "rejected")
    assert await store.votes.announce(announced(10))
    assert await store.votes.open_documents() == ()


async def test_documents_when_asked_by_their_action_are_all_that_name_it(store: Store) -> None:
    for number, action in ((10, 50), (11, 51), (12, 50)):
        await store.votes.announce(announced(number, action=action))
    await store.votes.close(hash32(12), "expired")
    assert await store.votes.announced_with(hash32(50)) == (announced(10, action=50), announced(12, action=50))
    assert await store.votes.announced_with(hash32(1)) == ()


async def test_own_votes_when_tallied_are_counted_by_verdict_and_code_of_their_phase(store: Store) -> None:
    assert await store.votes.tally("attestation") == ()
    for number in range(1, 4):
        await store.votes.bind(replace(vote(key=number, task_hash=number), recorded_at=NOW + number))
    for number, code in ((4, "late"), (5, "odd"), (6, "odd")):
        await store.votes.bind(replace(vote(key=number, task_hash=number, is_approved=False), code=code))
    await store.votes.bind(vote(key=1, task_hash=1, phase="approval"))
    assert await store.votes.tally("attestation") == (
        VoteCount(is_approved=True, code="ok", votes=3, last_at=NOW + 3),
        VoteCount(is_approved=False, code="odd", votes=2, last_at=NOW),
        VoteCount(is_approved=False, code="late", votes=1, last_at=NOW),
    )
