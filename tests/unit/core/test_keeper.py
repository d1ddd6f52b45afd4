"""When a keeper counts as online."""

import pytest

from triggerx.core.keeper import OFFLINE_ALERT_AFTER_S, is_online


@pytest.mark.parametrize(
    ("checked_in_at", "expected"), [(None, False), (1000, True), (940, True), (939, False), (1030, True)]
)
def test_is_online_when_the_last_check_in_is_so_old_then_an_epoch_decides(
    checked_in_at: int | None, expected: bool
) -> None:
    assert is_online(checked_in_at, now=1000, epoch_s=60) is expected


def test_offline_alert_when_asked_then_it_comes_after_ten_minutes() -> None:
    assert OFFLINE_ALERT_AFTER_S == 600
