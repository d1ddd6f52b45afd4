"""The index against brute force, and what it asks nodes for."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.triggers.events import ALICE, BOB, TRANSFER, log, trigger, word
from triggerx.evm.abi.events import parse_event
from triggerx.evm.types import Address
from triggerx.ports.chain import Log, LogFilter
from triggerx.triggers.event import EventSpec, event_spec
from triggerx.triggers.event_index import FILTER_VALUES_MAX, NOTHING, EventIndex

CONTRACTS = [Address(bytes([number]) * 20) for number in range(3)]
PEOPLE = ["0x" + person.hex() for person in (ALICE, BOB)]
EVENTS = {
    TRANSFER: {"from": PEOPLE, "to": PEOPLE, "value": ["0", "1"]},
    "Transfer(address indexed from, address indexed to, uint256 indexed id)": {"from": PEOPLE, "id": ["0", "1"]},
    "Transfer(address,address,uint256)": {},
    "Said(string text, (uint8 a, bytes b) raw, bool indexed on)": {
        "text": ["", "x"],
        "raw.b": ["0x", "0x01"],
        "on": ["0", "1"],
    },
    "Note(address indexed by) anonymous": {"by": PEOPLE},
    "Pause()": {},
}
TOPICS = [parse_event(event).topic for event in EVENTS] + [word(ALICE), word(BOB), word(0), word(1)]


@st.composite
def specs(draw: st.DrawFn) -> EventSpec:
    event = draw(st.sampled_from(sorted(EVENTS)))
    values = EVENTS[event]
    names = draw(st.lists(st.sampled_from(sorted(values)), unique=True, max_size=3)) if values else []
    filters = [(name, draw(st.sampled_from(values[name]))) for name in names]
    return event_spec(trigger(event, *filters, contract=draw(st.sampled_from(CONTRACTS))))


@st.composite
def seen(draw: st.DrawFn) -> Log:
    topics = draw(st.lists(st.sampled_from(TOPICS), max_size=4))
    data = b"".join(draw(st.lists(st.sampled_from([word(number) for number in (0, 1, 64, 96, 128)]), max_size=9)))
    return log(*topics, data=data, address=draw(st.sampled_from([*CONTRACTS, ALICE])))


changes = st.lists(st.tuples(st.integers(0, 11), st.none() | specs()), max_size=40)


def brute_force(jobs: dict[int, EventSpec], logs: Sequence[Log]) -> list[tuple[Log, int]]:
    return [(each, number) for each in logs for number in sorted(jobs) if jobs[number].matches(each)]


@settings(max_examples=300, deadline=None)
@given(changes, st.lists(seen(), max_size=12))
def test_index_when_jobs_come_change_and_go_then_matches_as_brute_force_does(
    steps: list[tuple[int, EventSpec | None]], logs: list[Log]
) -> None:
    index, jobs = EventIndex(), dict[int, EventSpec]()
    for number, spec in steps:
        if spec is None:
            index.remove(number)
            jobs.pop(number, None)
        else:
            index.put(number, spec)
            jobs[number] = spec
    assert list(index.match(logs)) == brute_force(jobs, logs)
    assert (len(index), [number in index for number in range(12)]) == (len(jobs), [n in jobs for n in range(12)])
    asked = index.filter()
    for each, _ in index.match(logs):
        assert not asked.addresses or each.address in asked.addresses
        assert not asked.topics or each.topics[0] in (asked.topics[0] or ())
    for number in range(12):
        index.remove(number)
    assert (index.filter(), len(index)) == (NOTHING, 0)


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
    transfer = parse_event(TRANSFER).topic
    logs = [
        log(transfer, word(ALICE), word(number.to_bytes(20, "big")), data=word(number % 2_000), address=CONTRACTS[0])
        for number in range(100)
    ]
    assert [number for _, number in index.match(logs)] == list(range(100))
    assert len(asked) < 20 * len(logs)


def test_filter_when_every_job_names_a_topic_then_asks_for_addresses_and_topics() -> None:
    index = EventIndex()
    assert index.filter() == NOTHING
    pause, transfer = parse_event("Pause()").topic, parse_event(TRANSFER).topic
    index.put(1, event_spec(trigger(TRANSFER, contract=CONTRACTS[1])))
    index.put(2, event_spec(trigger("Pause()", contract=CONTRACTS[0])))
    wanted = index.filter()
    assert wanted == LogFilter(addresses=(CONTRACTS[0], CONTRACTS[1]), topics=(tuple(sorted((pause, transfer))),))
    index.put(3, event_spec(trigger(TRANSFER, ("from", PEOPLE[0]), contract=CONTRACTS[1])))
    assert index.filter() is wanted
    index.remove(2)
    assert index.filter() == LogFilter(addresses=(CONTRACTS[1],), topics=((transfer,),))


def test_filter_when_an_event_is_anonymous_then_leaves_topics_open() -> None:
    index = EventIndex()
    index.put(1, event_spec(trigger(TRANSFER, contract=CONTRACTS[1])))
    index.put(2, event_spec(trigger("Note(uint8) anonymous", contract=CONTRACTS[0])))
    assert index.filter() == LogFilter(addresses=(CONTRACTS[0], CONTRACTS[1]))


def test_filter_when_there_are_more_contracts_than_nodes_take_then_leaves_them_open() -> None:
    index = EventIndex()
    for number in range(FILTER_VALUES_MAX + 1):
        index.put(number, event_spec(trigger("Pause()", contract=Address(number.to_bytes(20, "big")))))
    assert index.filter() == LogFilter(topics=((parse_event("Pause()").topic,),))
    index.remove(0)
    assert len(index.filter().addresses) == FILTER_VALUES_MAX
