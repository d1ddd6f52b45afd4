from collections.abc import Callable
from importlib.metadata import EntryPoint
from typing import ClassVar, NoReturn

import pytest

from triggerx.core.errors import ConfigurationError
from triggerx.node import discovery
from triggerx.role import RoleConfig, Services

HERE = "tests.unit.node.test_discovery"


class GoodRole:
    name: ClassVar[str] = "good"
    config_type: ClassVar[type[RoleConfig]] = RoleConfig

    def __init__(self, services: Services, config: RoleConfig) -> None:
        raise NotImplementedError

    async def run(self, *, started: Callable[[], None]) -> NoReturn:
        raise NotImplementedError


class OtherRole(GoodRole):
    name: ClassVar[str] = "other"


class Shapeless:
    name = "shapeless"


def install(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    found = [EntryPoint(name.partition("__")[0], value, discovery.GROUP) for name, value in values.items()]
    monkeypatch.setattr(discovery, "entry_points", lambda group: found)


def test_names_when_ours_are_installed_then_they_come_in_the_order_of_their_start() -> None:
    assert discovery.role_names() == ("librarian", "sentinel", "pulse", "keeper", "engine")


def test_names_when_a_stranger_is_installed_then_it_starts_before_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, engine="a:B", zebra="c:D", librarian="e:F")
    assert discovery.role_names() == ("librarian", "zebra", "engine")


def test_roles_when_asked_for_then_only_those_are_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, good=f"{HERE}:GoodRole", broken="no.such.module:Role")
    assert [role.name for role in discovery.load_roles(["good", "good"])] == ["good"]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("goood", 'unknown role "goood"; did you mean "good"? Known: absent, good, misnamed, missing, shapeless.'),
        ("absent", 'the installed role "absent" (no.such.module:Role) cannot be imported: No module'),
        ("missing", f'the installed role "missing" ({HERE}:Nothing) cannot be imported'),
        ("shapeless", "is no role: it has no config_type that is a RoleConfig"),
        ("misnamed", 'is no role: it has no run(), or its name is not "misnamed"'),
    ],
)
def test_role_when_it_cannot_be_had_then_the_refusal_says_why(
    monkeypatch: pytest.MonkeyPatch, asked: str, message: str
) -> None:
    install(
        monkeypatch,
        good=f"{HERE}:GoodRole",
        absent="no.such.module:Role",
        missing=f"{HERE}:Nothing",
        shapeless=f"{HERE}:Shapeless",
        misnamed=f"{HERE}:OtherRole",
    )
    with pytest.raises(ConfigurationError) as caught:
        discovery.load_roles([asked])
    assert message in str(caught.value)


def test_roles_when_two_have_one_name_then_both_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, good="a:B", good__2="c:D")
    with pytest.raises(ConfigurationError, match='two roles are installed as "good": a:B and c:D'):
        discovery.role_names()


def test_role_when_it_has_the_name_of_a_table_then_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, peers="a:B")
    with pytest.raises(ConfigurationError, match="has the name of a table"):
        discovery.role_names()
