"""Time zones come from the database that is installed with triggerx, whatever the machine has."""

import zoneinfo
from datetime import UTC, datetime, timedelta
from importlib import resources

import pytest

from triggerx.core.errors import InvalidInput
from triggerx.core.timezones import zone_of


def test_zone_when_the_machine_has_no_database_then_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zoneinfo, "TZPATH", ())
    zone_of.cache_clear()
    assert datetime(2024, 7, 1, tzinfo=zone_of("Europe/Berlin")).utcoffset() == timedelta(hours=2)
    assert zone_of("UTC") is UTC


def test_zone_when_its_name_is_in_the_database_then_it_is_known() -> None:
    names = resources.files("tzdata").joinpath("zones").read_text().split()
    assert len(names) > 500
    assert all(datetime(2024, 7, 1, tzinfo=zone_of(name)).utcoffset() is not None for name in names)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "",
            "Europe",
            "Europe/Nowhere",
            "Mars/Olympus",
            "localtime",
            "right/Europe/Berlin",
            "leapseconds",
            "zone.tab",
        ),
        *("../zones", "Europe/../Europe/Berlin", "/etc/localtime", "Europe//Berlin", "Europe/Berlin/", "a" * 300),
    ],
)
def test_zone_when_its_name_is_none_of_the_database_then_it_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        zone_of(name)
    assert caught.value.field == "timezone"
    assert len(caught.value.message) < 200
