"""The stated rule of cron schedules, case by case; `test_time_oracle` holds it against a walk through every minute."""

from datetime import UTC, datetime

import pytest

from triggerx.core.errors import InvalidInput
from triggerx.core.timezones import zone_of
from triggerx.triggers.cron import CRON_END, cron_runs, read_cron

BERLIN = "Europe/Berlin"


def second(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def due_times(expression: str, timezone: str, *, after: str, until: str) -> list[str]:
    """The due seconds after `after`, until `until`, as the zone's clock shows them: day, time and offset."""
    runs = cron_runs(read_cron(expression, timezone), after=second(after), until=second(until))
    zone = zone_of(timezone)
    return [datetime.fromtimestamp(due, tz=zone).strftime("%d %H:%M %z") for run in runs for due in run]


@pytest.mark.parametrize(
    ("expression", "after", "until", "expected"),
    [
        ("30 2 * * *", "2024-03-30T12Z", "2024-04-01T12Z", ["31 03:00 +0200", "01 02:30 +0200"]),
        ("30 2 * * *", "2024-10-26T12Z", "2024-10-28T12Z", ["27 02:30 +0200", "28 02:30 +0100"]),
        ("*/20 2 * * *", "2024-03-30T12Z", "2024-03-31T12Z", ["31 03:00 +0200"]),
        (
            "*/20 2 * * *",
            "2024-10-26T12Z",
            "2024-10-27T12Z",
            [f"27 02:{minute} +0200" for minute in ("00", "20", "40")],
        ),
        ("0 2,3 * * *", "2024-03-30T12Z", "2024-03-31T12Z", ["31 03:00 +0200"]),
        ("0 * * * *", "2024-03-31T00:30Z", "2024-03-31T02Z", ["31 03:00 +0200", "31 04:00 +0200"]),
        ("30 * * * *", "2024-10-27T00Z", "2024-10-27T02Z", ["27 02:30 +0200", "27 02:30 +0100"]),
        ("0 */2 * * *", "2024-03-30T23Z", "2024-03-31T02Z", ["31 04:00 +0200"]),
    ],
)
def test_cron_when_the_clock_changes_in_berlin_then_the_hour_field_decides(
    expression: str, after: str, until: str, expected: list[str]
) -> None:
    assert due_times(expression, BERLIN, after=after, until=until) == expected


def test_cron_when_each_quarter_hour_then_every_real_one_is_due_through_both_changes() -> None:
    for change in (second("2024-03-31T01Z"), second("2024-10-27T01Z")):
        runs = cron_runs(read_cron("*/15 * * * *", BERLIN), after=change - 86_400, until=change + 86_400)
        assert [due for run in runs for due in run] == list(range(change - 86_400 + 900, change + 86_401, 900))


@pytest.mark.parametrize(
    ("expression", "timezone", "after", "until", "expected"),
    [
        # Half an hour: 02:00 +11 becomes 01:30 +1030, and back.
        ("45 1 * * *", "Australia/Lord_Howe", "2024-04-06T12Z", "2024-04-07T12Z", ["07 01:45 +1100"]),
        ("45 * * * *", "Australia/Lord_Howe", "2024-04-06T14Z", "2024-04-06T16Z", ["07 01:45 +1100", "07 01:45 +1030"]),
        ("15 2 * * *", "Australia/Lord_Howe", "2024-10-05T12Z", "2024-10-06T12Z", ["06 02:30 +1100"]),
        ("0 */2 * * *", "Australia/Lord_Howe", "2024-04-06T13Z", "2024-04-06T16Z", ["07 02:00 +1030"]),
        # A day left out is made up for at midnight, together with what is due at midnight.
        (
            "0 9 * * *",
            "Pacific/Apia",
            "2011-12-29T12Z",
            "2011-12-31T12Z",
            ["29 09:00 -1000", "31 00:00 +1400", "31 09:00 +1400"],
        ),
        ("0 0 * * *", "Pacific/Apia", "2011-12-29T12Z", "2011-12-31T09Z", ["31 00:00 +1400"]),
        (
            "0 */6 * * *",
            "Pacific/Apia",
            "2011-12-30T03Z",
            "2011-12-30T17Z",
            ["29 18:00 -1000", "31 00:00 +1400", "31 06:00 +1400"],
        ),
        # The south's spring is in October, and its change at midnight.
        ("0 0 * * *", "America/Santiago", "2024-09-07T12Z", "2024-09-09T12Z", ["08 01:00 -0300", "09 00:00 -0300"]),
        ("30 23 * * *", "America/Santiago", "2024-04-06T12Z", "2024-04-07T12Z", ["06 23:30 -0300"]),
        # 00:01 becomes 23:01 of the day before, which both days' evenings and mornings must survive.
        (
            "0 0,23 * * *",
            "America/St_Johns",
            "2010-11-06T12Z",
            "2010-11-08T02:30Z",
            ["06 23:00 -0230", "07 00:00 -0230", "07 23:00 -0330"],
        ),
        (
            "30 * * * *",
            "America/St_Johns",
            "2010-11-07T01:30Z",
            "2010-11-07T04:30Z",
            ["06 23:30 -0230", "06 23:30 -0330", "07 00:30 -0330"],
        ),
    ],
)
def test_cron_when_a_zone_changes_unusually_then_the_same_rule_holds(
    expression: str, timezone: str, after: str, until: str, expected: list[str]
) -> None:
    assert due_times(expression, timezone, after=after, until=until) == expected


def test_cron_when_asked_between_the_two_passes_then_it_does_not_go_back() -> None:
    again = {"after": "2024-10-27T02:10:00+01:00", "until": "2024-10-28T12Z"}
    assert due_times("30 2 * * *", BERLIN, **again) == ["28 02:30 +0100"]
    assert due_times("30 * * * *", BERLIN, **again)[0] == "27 02:30 +0100"


def test_cron_when_asked_after_a_midnight_that_comes_again_then_the_evening_before_it_is_due_again() -> None:
    again = {"after": "2010-11-07T00:00:30-02:30", "until": "2010-11-07T04:00Z"}
    assert due_times("30 * * * *", "America/St_Johns", **again) == ["06 23:30 -0330", "07 00:30 -0330"]


def test_cron_when_a_day_field_is_a_star_then_both_count_else_one_suffices() -> None:
    june = {"after": "2024-05-31T12Z", "until": "2024-06-30T12Z"}
    assert due_times("0 0 13 * FRI", "UTC", **june) == [f"{day:02d} 00:00 +0000" for day in (7, 13, 14, 21, 28)]
    assert due_times("0 0 */13 * FRI", "UTC", **june) == ["14 00:00 +0000"]
    assert due_times("0 0 L * *", "UTC", **june) == ["30 00:00 +0000"]
    assert due_times("0 0 LW * *", "UTC", **june) == ["28 00:00 +0000"]
    assert due_times("0 0 * * 1#2,5L", "UTC", **june) == ["10 00:00 +0000", "28 00:00 +0000"]


@pytest.mark.parametrize(
    "expression",
    [
        *(
            "",
            "* * * *",
            "* * * * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "* * * * 8",
            "0 0 30 2 *",
        ),
        *("*/0 * * * *", "5-1 * * * *", "a * * * *", "1,,2 * * * *", "* * * * MON#6", "* * * * L", "-1 * * * *"),
    ],
)
def test_cron_when_the_expression_is_none_then_it_is_refused(expression: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_cron(expression, "UTC")
    assert caught.value.field == "cron_expression"


def test_cron_when_the_time_zone_is_none_then_it_is_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        read_cron("* * * * *", "Europe/Nowhere")
    assert caught.value.field == "timezone"


def test_cron_when_no_day_ever_matches_then_it_ends_with_what_was_asked() -> None:
    never = read_cron("0 0 */31 * MON#5", "UTC")  # the first of a month is never its fifth Monday
    assert list(cron_runs(never, after=0, until=10 * 366 * 86_400)) == []


def test_cron_when_asked_beyond_the_calendar_then_there_is_nothing() -> None:
    minutely = read_cron("* * * * *", "Pacific/Kiritimati")
    assert list(cron_runs(minutely, after=2**63, until=2**64)) == []
    last = list(cron_runs(minutely, after=CRON_END - 120, until=2**64))
    assert [due for run in last for due in run] == [CRON_END - 60, CRON_END]


def test_cron_when_ended_or_not_begun_then_there_is_nothing() -> None:
    minutely = read_cron("* * * * *", BERLIN)
    moment = int(datetime(2024, 6, 1, tzinfo=UTC).timestamp())
    assert list(cron_runs(minutely, after=moment, until=moment)) == []
    assert list(cron_runs(minutely, after=moment, until=moment - 600)) == []
    assert [list(run) for run in cron_runs(minutely, after=moment, until=moment + 60)] == [[moment + 60]]
