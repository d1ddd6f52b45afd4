"""What makes a job fire, by every kind of trigger, and what a lying engine may say did: a body and the evidence."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from tests.roles.scene import Scene, wish
from tests.unit.core.sample import BALANCE_ABOVE_100, DUE, PAID, STRANGER, job_body
from triggerx.core.evidence import ConditionEvidence, Evidence, TimeEvidence
from triggerx.core.job import ConditionTrigger, JobBody
from triggerx.triggers.sources import name_of, source_of

PRICE_URL = "https://prices.example/eth"
Occur = Callable[[Scene], Awaitable[tuple[JobBody, Evidence]]]


async def on_time(scene: Scene) -> tuple[JobBody, Evidence]:
    """The schedule's second has come."""
    return job_body(), TimeEvidence(due=DUE)


async def paid(scene: Scene) -> tuple[JobBody, Evidence]:
    """The event has happened, and has its confirmation."""
    evidence = await scene.pay()
    await scene.pass_time(1)
    return job_body(trigger=PAID), evidence


async def long_ago(scene: Scene) -> tuple[JobBody, Evidence]:
    """The job wants so many confirmations that they took far longer than the seed's lag."""
    evidence = await scene.pay()
    await scene.pass_time(15)
    return job_body(trigger=replace(PAID, confirmations=15)), evidence


async def by_hand(scene: Scene) -> tuple[JobBody, Evidence]:
    """The owner has signed a run."""
    return job_body(), wish(job_body(), at=DUE - 5)


async def above_limit(scene: Scene) -> tuple[JobBody, Evidence]:
    """The condition holds at the newest block."""
    return job_body(trigger=BALANCE_ABOVE_100), await scene.balance_of(101)


KINDS: list[Occur] = [on_time, paid, long_ago, by_hand, above_limit]


async def price_below(scene: Scene) -> tuple[JobBody, Evidence]:
    """A price off chain is below 2000, as whoever asks `PRICE_URL` sees too."""
    trigger = ConditionTrigger(
        condition_type="less_than",
        source_type="api",
        source_url=PRICE_URL,
        selected_key_route="price",
        upper_limit="2000",
    )
    source = name_of(source_of(trigger))
    return job_body(trigger=trigger), ConditionEvidence(
        edge=1, source=source, value="1990.5", observed_at_ms=scene.clock.now_ms()
    )


async def paid_to_another(scene: Scene) -> tuple[JobBody, Evidence]:
    """A lie: the transfer is there, but not to whom the job waits for."""
    evidence = await scene.pay(to=STRANGER.address)
    await scene.pass_time(1)
    return job_body(trigger=PAID), evidence


async def below_limit(scene: Scene) -> tuple[JobBody, Evidence]:
    """A lie: the value at the block is another one."""
    return job_body(trigger=BALANCE_ABOVE_100), replace(await scene.balance_of(99), value="101")


async def by_another_hand(scene: Scene) -> tuple[JobBody, Evidence]:
    """A lie: somebody else has signed the run."""
    return job_body(), wish(job_body(), at=DUE - 5, owner=STRANGER)


async def off_schedule(scene: Scene) -> tuple[JobBody, Evidence]:
    """A lie: the second is not one of the schedule's."""
    return job_body(), TimeEvidence(due=DUE - 3)


LIES: list[Occur] = [paid_to_another, below_limit, by_another_hand, off_schedule]
