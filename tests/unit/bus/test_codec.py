import json
from dataclasses import replace
from typing import get_args

import pytest

from triggerx import events
from triggerx.bus.codec import EVENT_BYTES_MAX, decode_event, encode_event
from triggerx.core.errors import InvalidInput
from triggerx.core.job import JobId
from triggerx.core.task import TaskStatus
from triggerx.events import (
    AssignmentReceived,
    DepositChanged,
    DocumentAnnounced,
    Event,
    JobChanged,
    JobCreated,
    KeeperCheckedIn,
    KeeperRegistered,
    OccurrenceQueued,
    TaskChanged,
    TaskCreated,
    TaskEnded,
    VoteHeard,
)
from triggerx.evm.types import Address, Hash32

HASH = Hash32(bytes(range(32)))
HASH_TEXT = "0x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
ADDRESS = Address(bytes(19) + b"\xff")
ADDRESS_TEXT = "0x" + "00" * 19 + "ff"
GOLDEN: list[tuple[Event, str]] = [
    (JobCreated(JobId(2**256 - 1)), f'["JobCreated","{2**256 - 1}"]'),
    (JobChanged(JobId(0)), '["JobChanged","0"]'),
    (OccurrenceQueued(JobId(7)), '["OccurrenceQueued","7"]'),
    (DepositChanged(ADDRESS), f'["DepositChanged","{ADDRESS_TEXT}"]'),
    (TaskCreated(HASH), f'["TaskCreated","{HASH_TEXT}"]'),
    (TaskChanged(HASH, TaskStatus.ASSIGNED), f'["TaskChanged","{HASH_TEXT}","assigned"]'),
    (TaskEnded(HASH, TaskStatus.ATTESTED), f'["TaskEnded","{HASH_TEXT}","attested"]'),
    (AssignmentReceived(HASH), f'["AssignmentReceived","{HASH_TEXT}"]'),
    (DocumentAnnounced(HASH, "bafkrei"), f'["DocumentAnnounced","{HASH_TEXT}","bafkrei"]'),
    (VoteHeard(HASH), f'["VoteHeard","{HASH_TEXT}"]'),
    (KeeperCheckedIn(ADDRESS), f'["KeeperCheckedIn","{ADDRESS_TEXT}"]'),
    (KeeperRegistered(ADDRESS), f'["KeeperRegistered","{ADDRESS_TEXT}"]'),
]


def test_page_of_events_when_compared_with_the_union_then_every_class_of_it_travels() -> None:
    page = {each for each in vars(events).values() if isinstance(each, type) and each.__module__ == events.__name__}
    assert page == set(get_args(Event)) == {type(event) for event, _ in GOLDEN}


@pytest.mark.parametrize(("event", "text"), GOLDEN)
def test_event_when_written_and_read_then_it_is_the_golden_text_and_the_same_event(event: Event, text: str) -> None:
    assert encode_event(event) == text
    decoded = decode_event(json.loads(text))
    assert decoded == event
    assert type(decoded) is type(event)


def test_event_when_it_is_of_an_unknown_type_then_there_is_none() -> None:
    assert decode_event(["JobForgotten", "7"]) is None


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (None, "an array of texts"),
        ([], "an array of texts"),
        ({}, "an array of texts"),
        (["JobCreated", 7], "an array of texts"),
        (["JobCreated"], "expected 1 fields, got 0"),
        (["JobCreated", "7", "8"], "expected 1 fields, got 2"),
        (["JobCreated", "-1"], "JobCreated.job_id: expected a decimal number"),
        (["JobCreated", "\u0667"], "JobCreated.job_id: expected a decimal number"),
        (["JobCreated", str(2**256)], "JobCreated.job_id: expected a decimal number"),
        (["JobCreated", "9" * 5000], "JobCreated.job_id: expected a decimal number"),
        (["TaskCreated", "0x00"], "TaskCreated.task_key: expected a 32-byte hash"),
        (["KeeperCheckedIn", "0x" + "zz" * 20], "KeeperCheckedIn.operator: expected hexadecimal digits"),
        (["TaskEnded", HASH_TEXT, "lost"], "TaskEnded.status: 'lost' is not a valid TaskStatus"),
    ],
)
def test_event_when_it_is_malformed_then_type_and_field_are_named(raw: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        decode_event(raw)


def test_event_when_it_is_longer_than_ids_are_then_it_is_refused() -> None:
    event = DocumentAnnounced(HASH, "")
    room = EVENT_BYTES_MAX - len(encode_event(event))
    assert len(encode_event(replace(event, cid="c" * room))) == EVENT_BYTES_MAX
    with pytest.raises(InvalidInput, match=f"at most {EVENT_BYTES_MAX} travel"):
        encode_event(replace(event, cid="c" * (room + 1)))
