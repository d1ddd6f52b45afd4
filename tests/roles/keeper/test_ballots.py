"""The ballot box: one vote an operator and hash is kept; what is no vote is ignored; an own vote binds."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.roles.keeper.acts import identity
from tests.roles.scene import Node, Scene, open_scene, running
from tests.unit.core.sample import DUE, STRANGER
from triggerx.core.errors import InvalidInput, UnrecoverableError
from triggerx.core.messages import Vote, VotesCast
from triggerx.evm.keccak import keccak256
from triggerx.evm.tasks import TASKS_DOMAIN
from triggerx.ports.store.peering import OwnVote
from triggerx_keeper.attester import PHASE
from triggerx_keeper.ballots import BallotBox, point_of

KEY, HASH, OTHER_HASH = keccak256(b"task key"), keccak256(b"task hash"), keccak256(b"another task hash")
INFINITY = bytes(64)
OFF_THE_CURVE = b"\x01" * 64
TOO_LARGE = b"\xff" * 64


@dataclass
class Hall:
    """The keeper whose box it is, and another one who votes."""

    scene: Scene
    own: Node
    other: Node

    async def heard(self) -> list[tuple[int, bool]]:
        return [(share.operator_id, share.is_approved) for share in await self.own.store.votes.shares(HASH)]


@asynccontextmanager
async def open_hall(tmp_path: Path) -> AsyncIterator[Hall]:
    async with open_scene(tmp_path, now=DUE) as scene:
        yield Hall(scene, await scene.keeper(0), await scene.keeper(1))


def vote(node: Node, *, is_approved: bool = True, signature: bytes | None = None) -> Vote:
    x, y = identity(node).signer.sign_bls(TASKS_DOMAIN, b"a message")
    return Vote(
        task_key=KEY,
        task_hash=HASH,
        cid="b" + "a" * 58,
        is_approved=is_approved,
        code="ok" if is_approved else "wrong_fee",
        signature=signature or x.to_bytes(32, "big") + y.to_bytes(32, "big"),
    )


async def cast(node: Node, *votes: Vote) -> None:
    await node.peers.announce(VotesCast(votes=votes), lifetime_s=600)


async def test_run_when_an_operator_votes_then_its_first_vote_on_the_hash_is_kept(tmp_path: Path) -> None:
    async with open_hall(tmp_path) as hall, running(BallotBox(hall.own.services).run()):
        await cast(hall.other, vote(hall.other))
        await cast(hall.other, vote(hall.other, is_approved=False))
        await hall.scene.settle()
        assert await hall.heard() == [(2, True)]


@pytest.mark.parametrize("signature", [INFINITY, OFF_THE_CURVE, TOO_LARGE])
async def test_run_when_the_signature_is_no_point_then_the_vote_is_ignored_and_the_next_is_kept(
    tmp_path: Path, signature: bytes
) -> None:
    async with open_hall(tmp_path) as hall, running(BallotBox(hall.own.services).run()):
        await cast(hall.other, vote(hall.other, signature=signature))
        await hall.scene.settle()
        assert await hall.heard() == []
        assert "vote ignored" in hall.own.log.events("warning")
        await cast(hall.other, vote(hall.other))
        await hall.scene.settle()
        assert await hall.heard() == [(2, True)]


async def test_run_when_one_of_several_votes_is_bad_then_those_beside_it_are_kept(tmp_path: Path) -> None:
    async with open_hall(tmp_path) as hall, running(BallotBox(hall.own.services).run()):
        other = replace(vote(hall.other), task_hash=OTHER_HASH)
        await cast(hall.other, vote(hall.other, signature=INFINITY), other, vote(hall.other))
        await hall.scene.settle()
        assert await hall.heard() == [(2, True)]
        assert len(await hall.own.store.votes.shares(OTHER_HASH)) == 1


async def test_run_when_the_voter_is_no_operator_any_more_then_the_vote_is_ignored(tmp_path: Path) -> None:
    async with open_hall(tmp_path) as hall, running(BallotBox(hall.own.services).run()):
        await cast(hall.other, vote(hall.other))
        hall.scene.operators.operators[1] = STRANGER.address  # unregistered while the vote was on its way
        await hall.scene.settle()
        assert await hall.heard() == []


async def test_run_when_an_own_vote_is_heard_that_the_store_lost_then_it_binds_again(tmp_path: Path) -> None:
    async with open_hall(tmp_path) as hall, running(BallotBox(hall.own.services).run()):
        await cast(hall.own, vote(hall.own))
        await hall.scene.settle()
        assert await hall.heard() == [(1, True)]
        (bound,) = await hall.own.store.votes.own(PHASE, KEY)
        assert (bound.task_hash, bound.is_approved) == (HASH, True)


async def test_run_when_an_own_vote_contradicts_the_store_then_the_keeper_stops(tmp_path: Path) -> None:
    async with open_hall(tmp_path) as hall:
        bound = OwnVote(
            phase=PHASE, task_key=KEY, attempt=1, task_hash=HASH, is_approved=False, code="wrong_fee", recorded_at=DUE
        )
        await hall.own.store.votes.bind(bound)
        await cast(hall.own, vote(hall.own))
        with pytest.raises(UnrecoverableError, match="Another keeper runs with the same key"):
            await BallotBox(hall.own.services).run()


def test_point_of_when_the_length_is_wrong_then_it_is_refused() -> None:
    with pytest.raises(InvalidInput, match="has 63 bytes"):
        point_of(bytes(63))
