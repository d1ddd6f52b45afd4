"""What becomes of due seconds that come late: each has one outcome, and the policy says which."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triggerx.core.job import Misfire, ScheduleType, TimeTrigger
from triggerx.core.ledger import Outcome, Reason
from triggerx.triggers.misfire import FIRE_LATE_MAX, SlotRange, Slots, settle_slots
from triggerx.triggers.time import dues, next_due

CREATED_AT = 1_711_800_000  # the clocks of Berlin change half a day later
EXPIRES_AT = CREATED_AT + 200_000


def every_10(misfire: Misfire, within_s: int = 0) -> TimeTrigger:
    return TimeTrigger(schedule_type=ScheduleType.INTERVAL, interval_s=10, misfire=misfire, misfire_within_s=within_s)


def left_out(first: int, last: int, count: int, outcome: Outcome) -> SlotRange:
    return SlotRange(first=first, last=last, count=count, outcome=outcome, reason=Reason.MISFIRE)


def settle(trigger: TimeTrigger, *, first: int, now: int, expires_at: int = 2_000) -> Slots:
    return settle_slots(trigger, created_at=1_000, expires_at=expires_at, first=first, until=now, now=now, on_time_s=15)


@pytest.mark.parametrize("misfire", Misfire)
def test_settle_when_on_time_then_it_is_fired_whatever_the_policy(misfire: Misfire) -> None:
    trigger = every_10(misfire, within_s=1)
    assert settle(trigger, first=1_010, now=1_012) == Slots(fire=(1_010,), left_out=(), next_due=1_020)
    assert settle(trigger, first=1_010, now=1_025) == Slots(fire=(1_010, 1_020), left_out=(), next_due=1_030)
    assert settle(trigger, first=2_000, now=2_001) == Slots(fire=(2_000,), left_out=(), next_due=None)


@pytest.mark.parametrize(
    ("trigger", "fire", "ranges"),
    [
        (every_10(Misfire.ALL), (1_010, 1_020, 1_030, 1_040, 1_050), ()),
        (every_10(Misfire.ONE), (1_040, 1_050), (left_out(1_010, 1_030, 3, Outcome.MISSED),)),
        (every_10(Misfire.SKIP), (1_040, 1_050), (left_out(1_010, 1_030, 3, Outcome.SKIPPED),)),
        (every_10(Misfire.WITHIN, 34), (1_020, 1_030, 1_040, 1_050), (left_out(1_010, 1_010, 1, Outcome.SKIPPED),)),
        (every_10(Misfire.WITHIN, 33), (1_030, 1_040, 1_050), (left_out(1_010, 1_020, 2, Outcome.SKIPPED),)),
        (every_10(Misfire.WITHIN, 44), (1_010, 1_020, 1_030, 1_040, 1_050), ()),
        (every_10(Misfire.WITHIN, 3), (1_040, 1_050), (left_out(1_010, 1_030, 3, Outcome.SKIPPED),)),
    ],
)
def test_settle_when_late_then_the_policy_says_which_are_fired(
    trigger: TimeTrigger, fire: tuple[int, ...], ranges: tuple[SlotRange, ...]
) -> None:
    # Two are on time (1,040 and 1,050); one more than 15 s ago is late, one exactly 15 s ago would not be.
    assert settle(trigger, first=1_010, now=1_054) == Slots(fire=fire, left_out=ranges, next_due=1_060)


def test_settle_when_exactly_at_the_bound_then_it_is_on_time() -> None:
    assert settle(every_10(Misfire.SKIP), first=1_010, now=1_025).fire == (1_010, 1_020)
    assert settle(every_10(Misfire.SKIP), first=1_010, now=1_026).fire == (1_020,)


def test_settle_when_all_are_asked_for_then_the_oldest_beyond_the_bound_are_missed() -> None:
    first, now = CREATED_AT + 10, CREATED_AT + 10_020
    slots = settle_slots(
        every_10(Misfire.ALL),
        created_at=CREATED_AT,
        expires_at=EXPIRES_AT,
        first=first,
        until=now,
        now=now,
        on_time_s=0,
    )
    assert slots.fire == tuple(range(now - 10 * FIRE_LATE_MAX, now + 1, 10))
    assert slots.left_out == (left_out(first, now - 1_010, 901, Outcome.MISSED),)


def test_settle_when_more_are_within_than_the_bound_then_skipped_comes_before_missed() -> None:
    now = CREATED_AT + 10_005
    slots = settle_slots(
        every_10(Misfire.WITHIN, 5_000),
        created_at=CREATED_AT,
        expires_at=EXPIRES_AT,
        first=CREATED_AT + 10,
        until=now,
        now=now,
        on_time_s=0,
    )
    skipped, missed = slots.left_out
    assert (skipped.outcome, missed.outcome) == (Outcome.SKIPPED, Outcome.MISSED)
    assert (skipped.last, missed.first) == (now - 5_005, now - 4_995)
    assert (skipped.count, missed.count, len(slots.fire)) == (500, 400, FIRE_LATE_MAX)


def test_settle_when_the_time_frame_ends_then_nothing_after_it_is_due() -> None:
    slots = settle(every_10(Misfire.ONE), first=1_010, now=5_000, expires_at=1_035)
    assert slots == Slots(fire=(1_030,), left_out=(left_out(1_010, 1_020, 2, Outcome.MISSED),), next_due=None)


def test_settle_when_the_clock_went_back_before_the_first_then_nothing_is_settled() -> None:
    assert settle(every_10(Misfire.ONE), first=1_010, now=400) == Slots(fire=(), left_out=(), next_due=1_010)


def test_settle_when_a_minutely_cron_job_was_away_for_years_then_one_range_says_so() -> None:
    minutely = TimeTrigger(schedule_type=ScheduleType.CRON, cron_expression="* * * * *", timezone="Europe/Berlin")
    first, minutes = CREATED_AT + 60, 3 * 365 * 1_440
    now = first + minutes * 60
    slots = settle_slots(
        minutely, created_at=CREATED_AT, expires_at=now + 60, first=first, until=now, now=now, on_time_s=30
    )
    assert slots.fire == (now,)
    assert slots.left_out == (left_out(first, now - 60, minutes, Outcome.MISSED),)
    assert slots.next_due == now + 60


SCHEDULES = st.one_of(
    st.builds(
        TimeTrigger,
        schedule_type=st.just(ScheduleType.INTERVAL),
        interval_s=st.integers(min_value=1, max_value=20_000),
        misfire=st.sampled_from(Misfire),
        misfire_within_s=st.integers(min_value=1, max_value=100_000),
    ),
    st.builds(
        TimeTrigger,
        schedule_type=st.just(ScheduleType.CRON),
        cron_expression=st.sampled_from(["* * * * *", "*/7 * * * *", "0 */2 * * *", "*/10 1-3 * * *", "30 2 * * *"]),
        timezone=st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe"]),
        misfire=st.sampled_from(Misfire),
        misfire_within_s=st.integers(min_value=1, max_value=100_000),
    ),
    st.builds(
        TimeTrigger,
        schedule_type=st.just(ScheduleType.SPECIFIC),
        specific=st.sets(st.integers(min_value=CREATED_AT + 1, max_value=EXPIRES_AT), min_size=1, max_size=300).map(
            lambda moments: tuple(sorted(moments))
        ),
        misfire=st.sampled_from(Misfire),
        misfire_within_s=st.integers(min_value=1, max_value=100_000),
    ),
)


@given(
    trigger=SCHEDULES,
    start=st.integers(min_value=CREATED_AT, max_value=EXPIRES_AT - 1),
    length=st.integers(min_value=0, max_value=30_000),
    since=st.integers(min_value=0, max_value=30_000) | st.just(0),
    on_time_s=st.integers(min_value=0, max_value=5_000),
)
def test_settle_when_anything_then_every_due_second_has_exactly_one_outcome(
    trigger: TimeTrigger, start: int, length: int, since: int, on_time_s: int
) -> None:
    frame = {"created_at": CREATED_AT, "expires_at": EXPIRES_AT}
    first = next_due(trigger, **frame, after=start)
    if first is None:
        return
    until, now = first + length, first + length + since
    slots = settle_slots(trigger, **frame, first=first, until=until, now=now, on_time_s=on_time_s)
    every = list(dues(trigger, **frame, after=first - 1, until=until))

    in_ranges: list[int] = []
    for left in slots.left_out:
        members = list(dues(trigger, **frame, after=left.first - 1, until=left.last))
        assert (members[0], members[-1], len(members)) == (left.first, left.last, left.count)
        assert left.outcome in {Outcome.MISSED, Outcome.SKIPPED}
        assert left.reason is Reason.MISFIRE
        in_ranges += members
    assert in_ranges + list(slots.fire) == every
    assert slots.next_due == next_due(trigger, **frame, after=until)

    late = [due for due in every if now - due > on_time_s]
    late_fired = [due for due in slots.fire if now - due > on_time_s]
    wanted = {
        Misfire.ALL: late[-FIRE_LATE_MAX:],
        Misfire.ONE: late[-1:] if late_fired == list(slots.fire) else [],
        Misfire.SKIP: [],
        Misfire.WITHIN: [due for due in late if now - due <= trigger.misfire_within_s][-FIRE_LATE_MAX:],
    }
    assert late_fired == wanted[trigger.misfire]
