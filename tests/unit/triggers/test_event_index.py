"""The index against brute force, and what it asks nodes for."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.triggers.events import ALICE, BOB, TRANSFER, log, trigger, word, words
from triggerx.evm.abi.events import parse_event
from triggerx.evm.types import Address
from triggerx.ports.chain import Log, LogFilter
from triggerx.triggers.event import EventSpec, event_spec
from triggerx.triggers.event_index import FILTER_VALUES_MAX, NOTHING, EventIndex

CONTRACTS = [Address(bytes([number]) * 20) for number in range(2)]
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
TRANSFER_TOPIC, SAID_TOPIC, PAUSE_TOPIC = (parse_event(list(EVENTS)[place]).topic for place in (0, 3, 5))


@st.composite
def specs(draw: st.DrawFn) -> EventSpec:
    event = draw(st.sampled_from(sorted(EVENTS)))
    values = EVENTS[event]
    names = draw(st.lists(st.sampled_from(sorted(values)), unique=True, max_size=3)) if values else []
    filters = [(name, draw(st.sampled_from(values[name]))) for name in names]
    return event_spec(trigger(event, *filters, contract=draw(st.sampled_from(CONTRACTS))))


people = st.sampled_from([word(ALICE), word(BOB)])
bits = st.sampled_from([word(0), word(1)])
spoken = st.builds(
    words,
    st.just(["string", "(uint8,bytes)"]),
    st.sampled_from(["", "x"]),
    st.sampled_from([(1, b""), (1, b"\1"), (2, b"\1")]),
)
honest = st.one_of(
    st.tuples(st.tuples(st.just(TRANSFER_TOPIC), people, people), bits),
    st.tuples(st.tuples(st.just(TRANSFER_TOPIC), people, people, bits), bits),
    st.tuples(st.tuples(st.just(SAID_TOPIC), bits), spoken),
    st.tuples(st.tuples(people), bits),
    st.tuples(st.tuples(st.just(PAUSE_TOPIC)), st.just(b"")),
)
random_logs = st.tuples(
    st.lists(st.sampled_from([TRANSFER_TOPIC, SAID_TOPIC, PAUSE_TOPIC, word(ALICE)]), max_size=4).map(tuple),
    st.lists(st.sampled_from([word(number) for number in (0, 1, 64, 96, 2**255)]), max_size=9).map(b"".join),
)
logs_seen = st.tuples(st.one_of(honest, random_logs), st.sampled_from([*CONTRACTS, Address(ALICE)])).map(
    lambda each: log(*each[0][0], data=each[0][1], address=each[1])
)
changes = st.lists(st.tuples(st.integers(0, 29), st.one_of(specs(), specs(), specs(), st.none())), max_size=60)


def brute_force(jobs: dict[int, EventSpec], logs: Sequence[Log]) -> list[tuple[Log, int]]:
    return [(each, number) for each in logs for number in sorted(jobs) if jobs[number].matches(each)]


@settings(max_examples=300, deadline=None)
@given(changes, st.lists(logs_seen, max_size=12))
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
    assert (len(index), [number in index for number in range(30)]) == (len(jobs), [n in jobs for n in range(30)])
    asked = index.filter()
    for each, _ in index.match(logs):
        assert not asked.addresses or each.address in asked.addresses
        assert not asked.topics or each.topics[0] in (asked.topics[0] or ())
    for number in range(30):
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


def test_filter_when_there_are_more_contracts_than_nodes_take_then_leaves_them_open() -> None:
    index = EventIndex()
    for number in range(FILTER_VALUES_MAX + 1):
        index.put(number, event_spec(trigger("Pause()", contract=Address(number.to_bytes(20, "big")))))
    assert index.filter() == LogFilter(topics=((PAUSE_TOPIC,),))
    index.remove(0)
    assert len(index.filter().addresses) == FILTER_VALUES_MAX
