"""Polls: one request an address however many jobs look at it, and a failing one holds up no other."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.pages import Pages
from tests.roles.engine.test_slots import another
from tests.roles.engine.test_values import FailingAt
from tests.roles.scene import Node, Scene, open_scene, running
from tests.unit.core.sample import job_body
from triggerx.core.job import ConditionTrigger, Job
from triggerx.core.ledger import Outcome
from triggerx.events import JobCreated
from triggerx.ports.fetch import Fetched
from triggerx.ports.store.ledger import Observation
from triggerx.triggers.sources import name_of, source_of
from triggerx_engine import polls
from triggerx_engine import values as values_module
from triggerx_engine.polls import Polls
from triggerx_engine.prices import Prices
from triggerx_engine.values import ConditionJobs

URL = "https://prices.example/all"
BELOW = ConditionTrigger(
    condition_type="less_than",
    source_type="api",
    source_url=URL,
    selected_key_route="eth.usd",
    upper_limit="2000",
)


def polls_of(node: Node, pages: Pages) -> Polls:
    services = replace(node.services, fetch=pages)
    values = ConditionJobs(services, Prices(services, user_runs_per_day_max=100))
    return Polls(services, values, source_poll_s=1.0, script_poll_s=10.0)


async def condition_job(scene: Scene, node: Node, number: int, trigger: ConditionTrigger) -> Job:
    body = replace(job_body(trigger=trigger), job_id=another(number).job_id)
    job = await scene.store_job(node, body, next_due_at=None)
    await node.services.bus.publish(JobCreated(job.job_id))
    return job


async def edges(node: Node, job: Job) -> list[tuple[int, Outcome]]:
    entries = await node.store.ledger.list_by_job(job.job_id, since=0, until=1 << 40, limit=100)
    return [(each.entry.firing.index, each.outcome) for each in entries]


def prices(eth: str, btc: str = "60000") -> bytes:
    return json.dumps({"eth": {"usd": eth}, "btc": {"usd": btc}}).encode()


async def test_run_when_jobs_share_an_address_then_it_is_asked_once_a_second_and_all_are_told(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        pages = Pages({URL: prices("2100")})
        jobs = [await condition_job(scene, node, number, BELOW) for number in (1, 2, 3)]
        other = replace(BELOW, selected_key_route="btc.usd", upper_limit="70000")
        bitcoin = await condition_job(scene, node, 4, other)
        async with running(polls_of(node, pages).run()):
            await scene.pass_time(5)
            assert len(pages.asked) == 6
            assert await edges(node, bitcoin) == [(1, Outcome.FIRED)]
            pages.pages[URL] = prices("1999.999999999999999999")
            await scene.pass_time(2)
        assert [await edges(node, job) for job in jobs] == [[(1, Outcome.FIRED)]] * 3


async def test_run_when_a_source_fails_then_it_rests_and_says_why_and_the_others_go_on(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        bad_url = "https://away.example/"
        pages = Pages({URL: prices("1000"), bad_url: 503})
        bad = replace(BELOW, source_url=bad_url)
        await condition_job(scene, node, 1, bad)
        good = await condition_job(scene, node, 2, BELOW)
        async with running(polls_of(node, pages).run()):
            await scene.pass_time(9)
        assert await edges(node, good) == [(1, Outcome.FIRED)]
        assert pages.asked.count(bad_url) == 3
        latest = await node.store.conditions.latest(name_of(source_of(bad)))
        assert latest is not None
        assert "503" in latest.fault


async def test_run_when_an_answer_never_comes_then_the_others_are_asked_on_time(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        stuck = "https://stuck.example/"
        pages = Pages({URL: prices("1000")})
        pages.stuck.add(stuck)
        await condition_job(scene, node, 1, replace(BELOW, source_url=stuck))
        good = await condition_job(scene, node, 2, BELOW)
        async with running(polls_of(node, pages).run()):
            await scene.pass_time(4)
        assert pages.asked.count(stuck) == 1
        assert pages.asked.count(URL) == 5
        assert await edges(node, good) == [(1, Outcome.FIRED)]


class SlowPages(Pages):
    """Each answer takes a while."""

    def __init__(self, scene: Scene, pages: dict[str, bytes | int | Exception], *, answer_s: float) -> None:
        super().__init__(pages)
        self._clock = scene.clock
        self._answer_s = answer_s

    async def get(self, url: str, *, timeout_s: float, bytes_max: int) -> Fetched:
        await self._clock.sleep(self._answer_s)
        return await super().get(url, timeout_s=timeout_s, bytes_max=bytes_max)


async def test_run_when_sources_wait_for_their_turn_then_each_is_asked_every_second_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polls, "FETCHES_AT_ONCE", 1)
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        urls = [f"https://prices.example/{number}" for number in range(3)]
        pages = SlowPages(scene, dict.fromkeys(urls, prices("3000")), answer_s=0.25)
        for number, url in enumerate(urls):
            await condition_job(scene, node, number, replace(BELOW, source_url=url))
        async with running(polls_of(node, pages).run()):
            await scene.pass_time(5)
        assert {url: pages.asked.count(url) for url in urls} == dict.fromkeys(urls, 5)


async def test_run_when_the_job_ends_then_its_address_is_asked_no_more(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        pages = Pages({URL: prices("3000")})
        job = await condition_job(scene, node, 1, BELOW)
        async with running(polls_of(node, pages).run()):
            await scene.pass_time(2)
            await node.store.jobs.set_status(job.job_id, job.status.COMPLETED, reason="")
            await node.services.bus.publish(JobCreated(job.job_id))
            await scene.pass_time(1)
            pages.asked.clear()
            await scene.pass_time(3)
        assert pages.asked == []


async def test_run_when_the_store_refuses_the_third_of_three_values_then_the_first_two_are_not_told_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(values_module, "CHANGES_PER_TRANSACTION", 1)
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await condition_job(scene, node, 1, BELOW)
        services = replace(node.services, store=FailingAt(node.store, 3))  # type: ignore[arg-type]  # it delegates
        values = ConditionJobs(services, Prices(services, user_runs_per_day_max=100))
        await values.refresh()
        polls = Polls(services, values, source_poll_s=1.0, script_poll_s=10.0)
        (source,) = values.sources()
        now_ms = scene.clock.now_ms()
        polls._hand_on(
            [
                Observation(source=source, value=value, observed_at_ms=now_ms + place)
                for place, value in enumerate(("1999", "2001", "1998"))
            ]
        )
        async with running(polls._hand_over()):
            await scene.pass_time(3)
        assert await edges(node, job) == [(1, Outcome.FIRED), (2, Outcome.FIRED)]
