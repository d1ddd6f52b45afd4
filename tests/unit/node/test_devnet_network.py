"""What an earlier development network left is set aside whole; its jobs reach this machine and nothing else private."""

import ipaddress
from pathlib import Path

from triggerx.http.guard import Guard
from triggerx.node.config import FetchConfig
from triggerx.node.devnet.network import reaching_loopback, set_aside


def test_set_aside_when_an_earlier_network_left_its_folders_then_moves_them_and_keeps_the_rest(tmp_path: Path) -> None:
    for name in ("core", "keeper-1", "keeper-2", "mine"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    (tmp_path / "devnet.json").write_text("{}")
    (tmp_path / "notes.txt").write_text("keep")
    target = set_aside(tmp_path, 1234)
    assert target == tmp_path / "before-1234"
    assert sorted(path.name for path in target.iterdir()) == ["core", "devnet.json", "keeper-1", "keeper-2"]
    assert (target / "keeper-2" / "file").read_text() == "keeper-2"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["before-1234", "mine", "notes.txt"]


def test_set_aside_when_there_is_nothing_then_makes_nothing(tmp_path: Path) -> None:
    assert set_aside(tmp_path, 1) is None
    assert list(tmp_path.iterdir()) == []


def test_fetch_when_of_a_development_network_then_it_reaches_loopback_and_what_was_named() -> None:
    guard = Guard(reaching_loopback(FetchConfig(allow_private=("10.1.0.0/16",))).allow_private)
    reached = {
        text: guard.allows(ipaddress.ip_address(text), 8080) for text in ("127.0.0.1", "::1", "10.1.2.3", "10.2.0.1")
    }
    assert reached == {"127.0.0.1": True, "::1": True, "10.1.2.3": True, "10.2.0.1": False}
