"""Polls: one request an address however many jobs look at it, and a failing one holds up no other."""

import json
from dataclasses import replace
from pathlib import Path

from tests.fakes.pages import Pages
from tests.roles.engine.test_slots import another
from tests.roles.scene import Node, Scene, open_scene, running
from tests.unit.core.sample import job_body
from triggerx.core.job import ConditionTrigger, Job
from triggerx.core.ledger import Outcome
from triggerx.events import JobCreated
from triggerx.triggers.sources import name_of, source_of
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
