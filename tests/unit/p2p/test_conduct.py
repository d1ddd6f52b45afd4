"""Faults are counted by peer and forgotten with time."""

from tests.fakes.clock import VirtualClock
from triggerx.p2p.conduct import FAULTS_MAX, UNREGISTERED, WINDOW_S, Conduct, Quiet


def test_count_when_faults_come_at_once_then_the_last_is_too_many() -> None:
    conduct = Conduct(VirtualClock())
    verdicts = [conduct.count("peer") for _ in range(int(FAULTS_MAX))]
    assert verdicts == [False] * (int(FAULTS_MAX) - 1) + [True]
    assert not conduct.count("peer")


def test_count_when_the_sender_is_merely_unregistered_then_five_times_as_much_is_borne() -> None:
    conduct = Conduct(VirtualClock())
    verdicts = [conduct.count("peer", UNREGISTERED) for _ in range(110)]
    assert 90 <= verdicts.index(True) <= 101


def test_count_when_faults_are_of_different_peers_then_nobody_is_blamed_for_another() -> None:
    conduct = Conduct(VirtualClock())
    assert not any(conduct.count(f"peer {number}") for number in range(3 * int(FAULTS_MAX)))


async def test_count_when_time_passes_then_old_faults_are_forgotten() -> None:
    clock = VirtualClock()
    conduct = Conduct(clock)
    for _ in range(3 * int(FAULTS_MAX)):
        assert not conduct.count("peer")
        await clock.advance(WINDOW_S / FAULTS_MAX)


async def test_quiet_when_a_subject_repeats_then_it_is_said_once_an_interval() -> None:
    clock = VirtualClock()
    quiet = Quiet(clock, interval_s=10)
    assert quiet.may_say("a")
    assert quiet.may_say("b")
    assert not quiet.may_say("a")
    await clock.advance(9)
    assert not quiet.may_say("a")
    await clock.advance(1)
    assert quiet.may_say("a")
