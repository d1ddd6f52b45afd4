"""Which endpoint is asked next, after failures and after contradictions."""

import pytest

from tests.fakes.log import RecordingLog
from triggerx.chains import endpoints
from triggerx.chains.endpoints import DISTRUST_MAX_S, DISTRUST_MIN_S, PENALTY_MIN_S, Endpoints


class Clock:
    """Stands for the time module."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(endpoints, "time", made)
    return made


def names(of: Endpoints) -> list[str]:
    return [endpoint.name for endpoint in of.in_turn()]


def test_endpoint_when_it_answers_again_then_a_failure_is_forgiven_at_once(clock: Clock) -> None:
    both = Endpoints(["http://a", "http://b"])
    first = both.current
    first.penalise("status 500")
    assert names(both) == ["b", "a"]
    first.restore()
    assert names(both) == ["a", "b"]
    first.penalise("status 500")
    clock.now_s += PENALTY_MIN_S
    assert names(both) == ["a", "b"]


def test_endpoint_when_distrusted_then_answering_does_not_bring_it_back(clock: Clock) -> None:
    log = RecordingLog()
    both = Endpoints(["http://a", "http://b"], log)
    first = both.current
    first.distrust("it leaves out logs")
    first.restore()
    assert names(both) == ["b", "a"]
    assert log.events("warning") == ["rpc endpoint is distrusted"]
    clock.now_s += DISTRUST_MIN_S
    assert names(both) == ["a", "b"]


def test_endpoint_when_distrusted_again_then_for_twice_as_long_until_it_has_behaved(clock: Clock) -> None:
    (only,) = Endpoints(["http://a"]).in_turn()
    waits = []
    for _ in range(7):
        only.distrust("a contradiction")
        waits.append(only.wait_s)
        clock.now_s += only.wait_s
    assert waits == [30, 60, 120, 240, 480, DISTRUST_MAX_S, DISTRUST_MAX_S]
    clock.now_s += DISTRUST_MAX_S + 1
    only.distrust("a contradiction")
    assert only.wait_s == DISTRUST_MIN_S


def test_witness_when_no_other_endpoint_is_in_good_standing_then_there_is_none(clock: Clock) -> None:
    assert Endpoints(["http://a"]).witness() is None
    three = Endpoints(["http://a", "http://b", "http://c"])
    first, second, third = three.in_turn()
    assert three.witness() is second
    second.distrust("a contradiction")
    assert three.witness() is third
    third.penalise("status 500")
    assert three.witness() is None
    first.distrust("a contradiction")
    assert three.current is third
    assert three.witness() is None
