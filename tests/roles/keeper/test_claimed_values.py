"""Claimed values: on chain the block decides, off chain one observation of this keeper's own, and it is remembered."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.fakes.pages import Pages
from tests.fakes.scripts import FakeScripts, FakeScriptSources
from tests.roles.scene import BALANCE_OF, Scene, open_scene
from tests.unit.core.sample import BALANCE_ABOVE_100, CHAIN, CREATED_AT, DUE, OTHER_HASH, TOKEN, job_body
from triggerx.core.errors import RecoverableError
from triggerx.core.evidence import ConditionEvidence, TimeEvidence
from triggerx.core.job import ConditionTrigger, Trigger
from triggerx.core.job_body import expected_job_hash
from triggerx.core.validation import RegistryEntry, Ruling
from triggerx.evm.abi import Function
from triggerx.evm.types import ChainId
from triggerx.ports.chain import Block, CallReverted
from triggerx.ports.scripts import (
    NoScripts,
    ScriptFailed,
    Scripts,
)
from triggerx.triggers.sources import name_of, source_of
from triggerx_keeper.claimed_values import AGAIN_S, AHEAD_S_MAX, FAILURES_MAX
from triggerx_keeper.claims import Claims

URL = "https://prices.example/eth"
STREAM = "wss://prices.example/eth"
PRICE_BELOW_2000 = ConditionTrigger(
    condition_type="less_than",
    source_type="api",
    source_url=URL,
    selected_key_route="price",
    upper_limit="2000",
    tolerance="5",
)
PRICE_HEARD = replace(PRICE_BELOW_2000, source_type="websocket", source_url=STREAM)
TRUE = (Ruling.APPROVE, "")


class Web(Pages):
    """Pages, and a WebSocket that says `said` and ends."""

    said: Sequence[bytes] = ()

    @asynccontextmanager
    async def messages(self, url: str, *, bytes_max: int) -> AsyncGenerator[AsyncIterator[bytes]]:
        self.asked.append(url)

        async def heard() -> AsyncIterator[bytes]:
            for message in self.said:
                yield message

        yield heard()


@dataclass
class Clerk:
    """A keeper's claims, with a chain and a web that say what the test wants."""

    scene: Scene
    web: Web
    claims: Claims

    async def says(self, evidence: ConditionEvidence | TimeEvidence, trigger: Trigger) -> tuple[Ruling, str]:
        """Ruling and sentence; the yes is an approval without words."""
        body = job_body(trigger=trigger)
        entry = RegistryEntry(owner=body.owner, job_hash=expected_job_hash(body), version=CREATED_AT, is_active=True)
        verdict = await self.claims.check(body, evidence, entry, acted_at=self.scene.clock.now())
        return TRUE if verdict is None else (verdict.ruling, verdict.message)


@asynccontextmanager
async def open_clerk(tmp_path: Path) -> AsyncIterator[Clerk]:
    async with open_scene(tmp_path, now=DUE) as scene:
        web = Web()
        yield Clerk(scene, web, Claims(replace((await scene.keeper(0)).services, fetch=web)))


SCRIPTED = ConditionTrigger(
    condition_type="equals",
    source_type="script",
    source_url="ipfs://script",
    script_function="should_run",
    upper_limit="1",
)


@asynccontextmanager
async def open_script_clerk(tmp_path: Path, sandbox: Scripts) -> AsyncIterator[Clerk]:
    """A clerk with a sandbox."""
    async with open_scene(tmp_path, now=DUE) as scene:
        services = replace((await scene.keeper(0)).services, scripts=sandbox, script_sources=FakeScriptSources())
        yield Clerk(scene, Web(), Claims(services))


def seen(trigger: ConditionTrigger, value: str, *, at_s: int = DUE) -> ConditionEvidence:
    """An engine's word that it saw this value of a source off chain."""
    return ConditionEvidence(edge=1, source=name_of(source_of(trigger)), value=value, observed_at_ms=at_s * 1000 + 250)


async def test_check_when_the_value_at_the_block_is_the_claimed_one_then_it_is_true_at_that_block(
    tmp_path: Path,
) -> None:
    async with open_clerk(tmp_path) as clerk:
        evidence = await clerk.scene.balance_of(2**200 + 1)
        assert await clerk.says(evidence, BALANCE_ABOVE_100) == TRUE
        assert {call.block for call in clerk.scene.chain.calls} == {evidence.block_number}
        close = replace(evidence, value=str(2**200))
        ruling, words = await clerk.says(close, BALANCE_ABOVE_100)
        assert (ruling, words.endswith(f"is {2**200 + 1}, not {2**200}")) == (Ruling.REJECT, True)


async def test_check_when_a_feed_answers_the_claimed_price_then_it_is_true(tmp_path: Path) -> None:
    feed = ConditionTrigger(
        condition_type="less_equal",
        source_type="oracle",
        source_url="0x" + TOKEN.hex(),
        upper_limit="0.5",
        chain_id=CHAIN,
    )
    round_data = Function.parse(
        "latestRoundData() returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 round)"
    )
    async with open_clerk(tmp_path) as clerk:
        block = await clerk.scene.balance_of(0)
        clerk.scene.chain.answer(TOKEN, round_data, lambda: (7, 49_000_000, DUE, DUE, 7))
        clerk.scene.chain.answer(TOKEN, Function.parse("decimals() returns (uint8)"), lambda: 8)
        evidence = replace(block, source=name_of(source_of(feed)), value="0.49")
        assert await clerk.says(evidence, feed) == TRUE
        assert (await clerk.says(replace(evidence, value="0.4900001"), feed))[0] is Ruling.REJECT


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"source": "view:other"}, "another source"),
        ({"block_hash": None}, "exactly when it lies on chain"),
        ({"block_number": None, "block_hash": None}, "exactly when it lies on chain"),
        ({"value": "100"}, "does not satisfy"),
        ({"observed_at_ms": (CREATED_AT - 1) * 1000}, "outside of the job's time"),
        ({"observed_at_ms": (CREATED_AT + 61) * 1000}, "outside of the job's time"),
        ({"observed_at_ms": DUE * 1000}, "is of second"),
    ],
)
async def test_check_when_the_claim_contradicts_the_job_or_its_block_then_it_is_false(
    tmp_path: Path, changes: dict[str, object], words: str
) -> None:
    async with open_clerk(tmp_path) as clerk:
        evidence = replace(await clerk.scene.balance_of(101), **changes)  # type: ignore[arg-type]  # by field name
        ruling, said = await clerk.says(evidence, BALANCE_ABOVE_100)
        assert ruling is Ruling.REJECT
        assert words in said


async def test_check_when_the_job_waits_for_no_condition_or_for_none_that_makes_sense_then_it_is_false(
    tmp_path: Path,
) -> None:
    async with open_clerk(tmp_path) as clerk:
        evidence = await clerk.scene.balance_of(101)
        assert await clerk.says(evidence, job_body().trigger) == (Ruling.REJECT, "the job waits for no condition")
        for nonsense in (
            replace(BALANCE_ABOVE_100, function="balanceOf("),
            replace(BALANCE_ABOVE_100, condition_type="nearly"),
        ):
            ruling, words = await clerk.says(evidence, nonsense)
            assert (ruling, words.startswith("the job's condition is none")) == (Ruling.REJECT, True)


async def test_check_when_the_block_is_not_canonical_here_then_it_waits(tmp_path: Path) -> None:
    async with open_clerk(tmp_path) as clerk:
        evidence = await clerk.scene.balance_of(101)
        ahead = replace(evidence, block_number=10_000)
        assert (await clerk.says(ahead, BALANCE_ABOVE_100))[0] is Ruling.WAIT
        assert (await clerk.says(replace(evidence, block_hash=OTHER_HASH), BALANCE_ABOVE_100))[0] is Ruling.WAIT
        await clerk.scene.chain.reorganise(1)
        assert (await clerk.says(evidence, BALANCE_ABOVE_100))[0] is Ruling.WAIT
        body = job_body(trigger=BALANCE_ABOVE_100)
        verdict = await clerk.claims.check_again(body, evidence)
        assert verdict is not None and verdict.ruling is Ruling.WAIT


async def test_check_when_a_reorg_comes_between_block_and_value_then_it_waits_and_says_no_no(tmp_path: Path) -> None:
    async with open_clerk(tmp_path) as clerk:
        evidence, chain = await clerk.scene.balance_of(101), clerk.scene.chain
        asked: list[int] = []
        block_of = chain.block

        async def block(number: int) -> Block | None:
            asked.append(number)
            if len(asked) == 2:
                await chain.reorganise(1)
            return await block_of(number)

        chain.answer(TOKEN, BALANCE_OF, lambda _: 7)
        chain.block = block  # type: ignore[method-assign]  # a reorg at the worst moment
        assert (await clerk.says(evidence, BALANCE_ABOVE_100))[0] is Ruling.WAIT


async def test_check_when_the_state_of_the_block_is_gone_then_it_waits(tmp_path: Path) -> None:
    async with open_clerk(tmp_path) as clerk:
        evidence = await clerk.scene.balance_of(101)

        def gone(_: object) -> int:
            raise CallReverted("missing trie node")

        clerk.scene.chain.answer(TOKEN, BALANCE_OF, gone)
        ruling, words = await clerk.says(evidence, BALANCE_ABOVE_100)
        assert (ruling, "missing trie node" in words) == (Ruling.WAIT, True)


async def test_check_when_this_node_has_no_endpoint_of_the_chain_then_it_leaves_the_vote_to_others(
    tmp_path: Path,
) -> None:
    async with open_clerk(tmp_path) as clerk:
        elsewhere = replace(BALANCE_ABOVE_100, chain_id=ChainId(5))
        evidence = replace(await clerk.scene.balance_of(101), source=name_of(source_of(elsewhere)))
        assert await clerk.says(evidence, elsewhere) == (Ruling.ABSTAIN, "chain 5 is not one of this node's")


async def test_check_when_the_value_is_static_then_the_jobs_own_number_decides(tmp_path: Path) -> None:
    static = ConditionTrigger(condition_type="equals", source_type="static", source_url="7", upper_limit="7")
    async with open_clerk(tmp_path) as clerk:
        assert await clerk.says(seen(static, "7"), static) == TRUE
        above = replace(static, condition_type="greater_equal")
        assert await clerk.says(seen(above, "8"), above) == (Ruling.REJECT, "the job's own value is 7")


@pytest.mark.parametrize(("own", "is_true"), [(b"1999.9", True), (b"1800", True), (b"2004.9", True), (b"2005", False)])
async def test_check_when_the_source_can_stand_for_the_claim_then_it_is_true_and_else_others_vote(
    tmp_path: Path, own: bytes, is_true: bool
) -> None:
    async with open_clerk(tmp_path) as clerk:
        clerk.web.pages[URL] = b'{"price":' + own + b"}"
        ruling, words = await clerk.says(seen(PRICE_BELOW_2000, "1999.9"), PRICE_BELOW_2000)
        assert ruling is (Ruling.APPROVE if is_true else Ruling.ABSTAIN)
        assert is_true or words == "the source says 2005 here, not 1999.9"


async def test_check_when_the_source_has_answered_a_claim_then_it_is_not_asked_until_it_says_otherwise(
    tmp_path: Path,
) -> None:
    async with open_clerk(tmp_path) as clerk:
        clerk.web.pages[URL] = b'{"price":1990}'
        claim = seen(PRICE_BELOW_2000, "1990")
        for _ in range(3):
            assert await clerk.says(claim, PRICE_BELOW_2000) == TRUE
        clerk.web.pages[URL] = b'{"price":2500}'
        assert await clerk.says(claim, PRICE_BELOW_2000) == TRUE
        assert await clerk.claims.check_again(job_body(trigger=PRICE_BELOW_2000), claim) is None
        assert clerk.web.asked == [URL]
        other = replace(claim, edge=2)
        assert (await clerk.says(other, PRICE_BELOW_2000))[0] is Ruling.ABSTAIN
        clerk.web.pages[URL] = b'{"price":1990}'
        assert (await clerk.says(other, PRICE_BELOW_2000))[0] is Ruling.ABSTAIN
        assert clerk.web.asked == [URL, URL]


@pytest.mark.parametrize("page", [503, b"<html>", b'{"rate":7}', RecoverableError("no route to host")])
async def test_check_when_the_source_fails_then_it_waits_a_few_times_and_then_leaves_the_vote_to_others(
    tmp_path: Path, page: bytes | int | Exception
) -> None:
    async with open_clerk(tmp_path) as clerk:
        clerk.web.pages[URL] = page
        claim = seen(PRICE_BELOW_2000, "1990")
        rulings = []
        for _ in range(FAILURES_MAX + 2):
            rulings.append((await clerk.says(claim, PRICE_BELOW_2000))[0])
            assert (await clerk.says(claim, PRICE_BELOW_2000))[0] is rulings[-1]
            await clerk.scene.clock.advance(AGAIN_S)
        assert rulings == [Ruling.WAIT] * (FAILURES_MAX - 1) + [Ruling.ABSTAIN] * 3
        assert len(clerk.web.asked) == FAILURES_MAX


async def test_check_when_the_source_comes_back_then_it_is_asked_once_more_and_decides(tmp_path: Path) -> None:
    async with open_clerk(tmp_path) as clerk:
        claim = seen(PRICE_BELOW_2000, "1990")
        assert (await clerk.says(claim, PRICE_BELOW_2000))[0] is Ruling.WAIT
        clerk.web.pages[URL] = b'{"price":1990}'
        assert (await clerk.says(claim, PRICE_BELOW_2000))[0] is Ruling.WAIT
        await clerk.scene.clock.advance(AGAIN_S)
        assert await clerk.says(claim, PRICE_BELOW_2000) == TRUE
        assert len(clerk.web.asked) == 2


async def test_check_when_the_claim_is_false_by_itself_then_nobody_is_asked(tmp_path: Path) -> None:
    async with open_clerk(tmp_path) as clerk:
        clerk.web.pages[URL] = b'{"price":2000}'
        for claim in (
            seen(PRICE_BELOW_2000, "2000"),
            replace(seen(PRICE_BELOW_2000, "1990"), source="api:other"),
            replace(seen(PRICE_BELOW_2000, "1990"), block_number=7, block_hash=OTHER_HASH),
            replace(seen(PRICE_BELOW_2000, "1990"), block_number=7),
            seen(PRICE_BELOW_2000, "1990", at_s=CREATED_AT - 1),
        ):
            assert (await clerk.says(claim, PRICE_BELOW_2000))[0] is Ruling.REJECT
        ahead = seen(PRICE_BELOW_2000, "1990", at_s=DUE + AHEAD_S_MAX + 1)
        assert (await clerk.says(ahead, PRICE_BELOW_2000))[0] is Ruling.WAIT
        assert clerk.web.asked == []


async def test_check_when_a_message_with_a_value_comes_then_it_decides(tmp_path: Path) -> None:
    async with open_clerk(tmp_path) as clerk:
        clerk.web.said = (b'{"hello":"there"}', b'{"price":1991}', b'{"price":3000}')
        assert await clerk.says(seen(PRICE_HEARD, "1990"), PRICE_HEARD) == TRUE
        clerk.web.said = (b'{"price":3000}',)
        ruling, words = await clerk.says(seen(PRICE_HEARD, "1980"), PRICE_HEARD)
        assert (ruling, words) == (Ruling.ABSTAIN, "the source says 3000 here, not 1980")
        clerk.web.said = (b'{"hello":"there"}',)
        ruling, words = await clerk.says(seen(PRICE_HEARD, "1970"), PRICE_HEARD)
        assert (ruling, "the connection ended" in words) == (Ruling.WAIT, True)


async def test_check_when_a_script_says_the_same_then_it_is_true_and_was_run_once_at_the_moment_of_the_claim(
    tmp_path: Path,
) -> None:
    sandbox = FakeScripts(value=True)
    async with open_script_clerk(tmp_path, sandbox) as clerk:
        for _ in range(2):
            assert await clerk.says(seen(SCRIPTED, "1", at_s=DUE - 2), SCRIPTED) == TRUE
        ((source, call),) = sandbox.runs
        assert (source, call.language, call.function, call.now) == (b"ipfs://script", "python", "should_run", DUE - 2)
        sandbox.value = "0"
        assert (await clerk.says(seen(SCRIPTED, "1"), SCRIPTED))[0] is Ruling.ABSTAIN


async def test_check_when_a_script_fails_then_it_waits_a_few_times_and_then_leaves_the_vote_to_others(
    tmp_path: Path,
) -> None:
    sandbox = FakeScripts(failure=ScriptFailed("time", "took longer than 2 s"))
    async with open_script_clerk(tmp_path, sandbox) as clerk:
        rulings = []
        for _ in range(FAILURES_MAX):
            rulings.append((await clerk.says(seen(SCRIPTED, "1"), SCRIPTED))[0])
            await clerk.scene.clock.advance(AGAIN_S)
        assert rulings == [Ruling.WAIT] * (FAILURES_MAX - 1) + [Ruling.ABSTAIN]


async def test_check_when_this_machine_has_no_sandbox_then_it_waits_however_often_it_is_asked(tmp_path: Path) -> None:
    async with open_script_clerk(tmp_path, NoScripts()) as clerk:
        for _ in range(FAILURES_MAX + 1):
            ruling, words = await clerk.says(seen(SCRIPTED, "1"), SCRIPTED)
            assert (ruling, words.startswith("the script cannot be run here")) == (Ruling.WAIT, True)
