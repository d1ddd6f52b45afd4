"""The index against brute force, and what it asks nodes for."""

from collections.abc import Sequence
from random import Random

import pytest

from tests.unit.triggers.events import ALICE, BOB, TRANSFER, log, trigger, word, words
from triggerx.evm.abi.events import parse_event
from triggerx.evm.types import Address
from triggerx.ports.chain import Log, LogFilter
from triggerx.triggers.event import EventSpec, event_spec
from triggerx.triggers.event_index import FILTER_TOPICS_MAX, NOTHING, EventIndex

CONTRACTS = [Address(bytes([number]) * 20) for number in range(2)]
PEOPLE = ["0x" + person.hex() for person in (ALICE, BOB)]
EVENTS = {
    TRANSFER: {"from": PEOPLE, "to": PEOPLE, "value": ["0", "1"]},
    "Transfer(address indexed from, address indexed to, uint256 indexed id)": {"from": PEOPLE, "id": ["0", "1"]},
    "Transfer(address,address,uint256)": {},
    "Said(string text, (uint8 a, bytes b) raw, bool indexed on)": {
        "text": ["", "x"],
        "raw.b": ["0x", "0x01"],
        "raw": ['[1, "0x"]', '{"a": 1, "b": "0x01"}'],
        "on": ["0", "1"],
    },
    "Note(address indexed by) anonymous": {"by": PEOPLE},
    "Pause()": {},
}
TRANSFER_TOPIC, SAID_TOPIC, PAUSE_TOPIC = (parse_event(list(EVENTS)[place]).topic for place in (0, 3, 5))


def some_spec(chance: Random) -> EventSpec:
    event = chance.choice(sorted(EVENTS))
    values = EVENTS[event]
    names = chance.sample(sorted(values), chance.randint(0, min(2, len(values))))
    filters = [(name, chance.choice(values[name])) for name in names]
    return event_spec(trigger(event, *filters, contract=chance.choice(CONTRACTS)))


def some_log(chance: Random) -> Log:
    """A log of one of the events, or one whose topics or data are nobody's."""
    people, bit = (word(chance.choice((ALICE, BOB))), word(chance.choice((ALICE, BOB)))), word(chance.randint(0, 1))
    raw = chance.choice([(1, b""), (1, b"\1"), (2, b"\1")])
    said = words(["string", "(uint8,bytes)"], chance.choice(["", "x"]), raw)
    topics, data = chance.choice(
        [
            ((TRANSFER_TOPIC, *people), bit),
            ((TRANSFER_TOPIC, *people, bit), bit),
            ((SAID_TOPIC, bit), said),
            ((SAID_TOPIC, bit), said[: chance.randrange(len(said))]),
            ((SAID_TOPIC, bit), b"".join(chance.choices([bit, word(64), word(2**255)], k=9))),
            ((people[0],), bit),
            ((PAUSE_TOPIC,), b""),
            ((TRANSFER_TOPIC,), b""),
            ((), bit),
        ]
    )
    return log(*topics, data=data, address=chance.choice([*CONTRACTS, Address(ALICE)]))


def brute_force(jobs: dict[int, EventSpec], logs: Sequence[Log]) -> list[tuple[Log, int]]:
    return [(each, number) for each in logs for number in sorted(jobs) if jobs[number].matches(each)]


@pytest.mark.parametrize("seed", range(20))
def test_index_when_jobs_come_change_and_go_then_matches_as_brute_force_does(seed: int) -> None:
    chance = Random(seed)  # noqa: S311 - scenes, not secrets
    index, jobs = EventIndex(), dict[int, EventSpec]()
    logs = [some_log(chance) for _ in range(100)]
    for _ in range(200):
        number = chance.randrange(80)
        if chance.random() < 0.3:
            index.remove(number)
            jobs.pop(number, None)
        else:
            jobs[number] = some_spec(chance)
            index.put(number, jobs[number])
    found = list(index.match(logs))
    assert found == brute_force(jobs, logs)
    assert len(found) > len(logs)
    assert (len(index), {number for number in range(80) if number in index}) == (len(jobs), set(jobs))
    asked = index.filter()
    assert all(each.address in asked.addresses for each, _ in found)
    assert all(not asked.topics or each.topics[0] in (asked.topics[0] or ()) for each, _ in found)
    for number in range(80):
        index.remove(number)
    assert (index.filter(), len(index), list(index.match(logs))) == (NOTHING, 0, [])


def test_index_when_ten_thousand_jobs_wait_at_one_contract_then_a_log_meets_few() -> None:
    index = EventIndex()
    asked: list[int] = []

    class Counted(EventSpec):
        __slots__ = ()

        def matches(self, log: Log) -> bool:
            asked.append(1)
            return super().matches(log)

    for number in range(10_000):
        filters = [("from", PEOPLE[0]), ("to", "0x" + number.to_bytes(20, "big").hex()), ("value", str(number % 2_000))]
        spec = event_spec(trigger(TRANSFER, *(filters[:2] if number % 2 else filters[1:]), contract=CONTRACTS[0]))
        fields = {name: getattr(spec, name) for name in EventSpec.__slots__}
        index.put(number, Counted(**fields))
    logs = [
        log(
            TRANSFER_TOPIC,
            word(ALICE),
            word(number.to_bytes(20, "big")),
            data=word(number % 2_000),
            address=CONTRACTS[0],
        )
        for number in range(100)
    ]
    assert [number for _, number in index.match(logs)] == list(range(100))
    assert len(asked) < 20 * len(logs)


def test_filter_when_every_job_names_a_topic_then_asks_for_addresses_and_topics() -> None:
    index = EventIndex()
    assert index.filter() == NOTHING
    index.put(1, event_spec(trigger(TRANSFER, contract=CONTRACTS[1])))
    index.put(2, event_spec(trigger("Pause()", contract=CONTRACTS[0])))
    wanted = index.filter()
    assert wanted == LogFilter(
        addresses=(CONTRACTS[0], CONTRACTS[1]), topics=(tuple(sorted((PAUSE_TOPIC, TRANSFER_TOPIC))),)
    )
    index.put(3, event_spec(trigger(TRANSFER, ("from", PEOPLE[0]), contract=CONTRACTS[1])))
    assert index.filter() is wanted
    index.remove(2)
    assert index.filter() == LogFilter(addresses=(CONTRACTS[1],), topics=((TRANSFER_TOPIC,),))


def test_filter_when_an_event_is_anonymous_then_leaves_topics_open() -> None:
    index = EventIndex()
    index.put(1, event_spec(trigger(TRANSFER, contract=CONTRACTS[1])))
    index.put(2, event_spec(trigger("Note(uint8) anonymous", contract=CONTRACTS[0])))
    assert index.filter() == LogFilter(addresses=(CONTRACTS[0], CONTRACTS[1]))


def test_filter_when_there_are_more_topics_than_nodes_take_then_leaves_them_open() -> None:
    index = EventIndex()
    for number in range(FILTER_TOPICS_MAX + 1):
        index.put(number, event_spec(trigger(f"Pause{number}()", contract=CONTRACTS[0])))
    assert index.filter() == LogFilter(addresses=(CONTRACTS[0],))
    index.remove(0)
    assert len(index.filter().topics[0] or ()) == FILTER_TOPICS_MAX
