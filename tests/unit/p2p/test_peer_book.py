"""The book of peers: newest check-in wins, bounded, kept over restarts, never a reason not to start."""

from pathlib import Path

import pytest

from tests.fakes.log import RecordingLog
from triggerx.evm.types import Address
from triggerx.p2p.peer_book import Contact, PeerBook
from triggerx.p2p.settings import KNOWN_PEERS_MAX

PEER_ID = "12D3KooWGzxzKZYveHXtpG6AsrUJBcWxHBFS2HsEoGTxrMLvKXtf"


def contact(number: int, *, issued_at: int = 1, address: str = "/ip4/192.0.2.1/tcp/1") -> Contact:
    return Contact(
        operator=Address(number.to_bytes(20, "big")), peer_id=PEER_ID, addresses=(address,), issued_at=issued_at
    )


def test_note_when_an_older_check_in_comes_late_then_the_newer_stays() -> None:
    book = PeerBook(None, RecordingLog())
    assert book.note(contact(1, issued_at=5, address="/new"))
    assert not book.note(contact(1, issued_at=5, address="/same"))
    assert not book.note(contact(1, issued_at=4, address="/old"))
    assert [found.addresses for found in book] == [("/new",)]


def test_note_when_somebody_is_new_or_has_moved_then_that_is_news_and_a_repetition_is_none() -> None:
    book = PeerBook(None, RecordingLog())
    for issued_at, address, is_news in [(1, "/here", True), (2, "/here", False), (3, "/there", True)]:
        book.note(contact(1, issued_at=issued_at, address=address))
        assert book.news.is_set() is is_news
        book.news.clear()


def test_note_when_full_then_the_one_silent_longest_makes_room() -> None:
    book = PeerBook(None, RecordingLog())
    for number in range(KNOWN_PEERS_MAX + 1):
        book.note(contact(number, issued_at=number))
    assert len(list(book)) == KNOWN_PEERS_MAX
    assert book.find(contact(0).operator) is None


def test_load_when_saved_before_then_has_the_same_contacts(tmp_path: Path) -> None:
    book = PeerBook(tmp_path / "peers.json", RecordingLog())
    book.note(contact(1))
    book.note(contact(2))
    book.save()
    again = PeerBook(tmp_path / "peers.json", RecordingLog())
    again.load()
    assert list(again) == list(book)
    assert [path.name for path in tmp_path.iterdir()] == ["peers.json"]


@pytest.mark.parametrize("text", ["", "{}", "[1]", "[" * 100_000, '[{"operator": "0x1"}]', '{"a": 1}'])
def test_load_when_the_file_is_damaged_then_begins_anew_and_says_so(tmp_path: Path, text: str) -> None:
    path = tmp_path / "peers.json"
    path.write_text(text)
    log = RecordingLog()
    book = PeerBook(path, log)
    book.load()
    assert list(book) == []
    assert log.events() == ([] if text == "{}" else ["peer book is unreadable and begun anew"])


def test_save_when_the_folder_is_gone_then_says_so_and_goes_on(tmp_path: Path) -> None:
    log = RecordingLog()
    book = PeerBook(tmp_path / "gone" / "peers.json", log)
    book.note(contact(1))
    book.save()
    assert log.events() == ["peer book could not be written"]
