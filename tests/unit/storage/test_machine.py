from pathlib import Path

from triggerx.storage.machine import machine_identity


def test_a_machine_id_when_present_decides_and_is_not_shown(tmp_path: Path) -> None:
    first, second = tmp_path / "machine-id", tmp_path / "other"
    first.write_text("0123456789abcdef0123456789abcdef\n")
    second.write_text("another\n")
    identity = machine_identity((first, second))
    assert identity == machine_identity((first,))
    assert identity != machine_identity((second,))
    assert "0123456789abcdef" not in identity


def test_a_machine_id_when_absent_or_empty_falls_through_to_the_host(tmp_path: Path) -> None:
    empty, unreadable = tmp_path / "empty", tmp_path / "bytes"
    empty.write_text("\n")
    unreadable.write_bytes(b"\xff\xfe")
    host = machine_identity(())
    assert machine_identity((tmp_path / "absent", empty, unreadable)) == host
    assert len(host) == 32
