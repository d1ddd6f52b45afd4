"""What an honest WebAssembly program gets: its call, the moment, its requests, and an exact answer."""

import hashlib

import pytest

from tests.contract.scripts.conftest import NOW, Bench
from tests.contract.scripts.programs import BUFFER, DATA, ECHO, answering, fetching, printing, program
from triggerx.core.canonical import Json
from triggerx.core.computation import RequestMade
from triggerx.core.errors import InvalidInput
from triggerx.core.script_value import number_from
from triggerx.ports.fetch import FetchRefused
from triggerx.ports.scripts import ScriptFailed, ScriptLimits

PRICE = "https://api.example/price"
BEYOND_A_WORD = 2**255 + 1
CLOCKS = "".join(
    f"(drop (call $clock_time_get (i32.const {clock}) (i64.const 0) (i32.const 512)))"
    f"(call $print_number (i64.load (i32.const 512)))"
    f"(call $print (i32.const 1) (i32.const {DATA + place}) (i32.const 1))"
    for place, clock in ((1, 0), (1, 1), (1, 2), (2, 3))
)
CHANCE = (
    f"(drop (call $random_get (i32.const 512) (i32.const 8)))"
    f"(call $print_number (i64.load (i32.const 512))) (call $print (i32.const 1) (i32.const {DATA + 1}) (i32.const 1))"
)


@pytest.mark.parametrize(
    ("text", "value", "number"),
    [
        ("42", 42, "42"),
        (str(BEYOND_A_WORD), BEYOND_A_WORD, str(BEYOND_A_WORD)),
        (str(-(2**256) + 1), -(2**256) + 1, str(-(2**256) + 1)),
        ('"1.50"', "1.50", "1.5"),
        ("true", True, "1"),
        ("0.1", "0.1", "0.1"),
        ("1.50", "1.50", "1.5"),
        ("0.1000000000000000000000000000001", "0.1000000000000000000000000000001", "0.1000000000000000000000000000001"),
        ("1e16", "1E+16", "10000000000000000"),
    ],
)
async def test_answer_when_it_is_a_number_then_it_comes_exactly(
    wasm: Bench, text: str, value: Json, number: str
) -> None:
    answer = (await wasm.run(answering(text))).value
    assert answer == value
    assert type(answer) is type(value)
    assert number_from(answer) == number


async def test_answer_when_it_is_a_structure_then_it_comes_as_json(wasm: Bench) -> None:
    run = await wasm.run(answering('{"a": [1, null, [false, "é", 0.5]]}'))
    assert run.value == {"a": [1, None, [False, "é", "0.5"]]}


async def test_call_when_a_program_reads_it_then_function_moment_and_arguments_are_in_it(wasm: Bench) -> None:
    run = await wasm.run(
        ECHO,
        function="amount",
        arguments={"a": BEYOND_A_WORD, "b": {"list": ["é"]}},
        offered={"trigger": {"block": 7}, "b": "hidden"},
    )
    assert run.value == {
        "function": "amount",
        "arguments": {"a": BEYOND_A_WORD, "b": {"list": ["é"]}, "trigger": {"block": 7}, "now": NOW},
        "now": NOW,
    }


async def test_output_when_a_program_prints_on_both_streams_then_all_but_the_answer_is_kept_in_order(
    wasm: Bench,
) -> None:
    run = await wasm.run(printing((1, "first\n"), (2, "é 2\n"), (1, "third\n["), (2, "fourth\n"), (1, "1]\n\n")))
    assert run.value == [1]
    assert run.output == "first\né 2\nthird\nfourth\n"


async def test_run_when_it_is_repeated_then_clocks_and_chance_are_the_same(wasm: Bench) -> None:
    source = program(
        f"(call $print (i32.const 1) (i32.const {DATA}) (i32.const 1)) {CHANCE} {CHANCE} {CLOCKS}", data="[,]"
    )
    first, second = await wasm.run(source), await wasm.run(source)
    assert first == second
    assert isinstance(first.value, list)
    chance, more, *clocks = first.value
    assert chance != more
    assert clocks == [NOW * 10**9, NOW * 10**9, 0, 0]


async def test_sleep_when_a_program_waits_an_hour_then_only_its_monotonic_clock_goes_on(wasm: Bench) -> None:
    hour_ns = 3600 * 10**9
    sleep = f"""
        (i64.store (i32.const 128) (i64.const 77)) (i32.store8 (i32.const 136) (i32.const 0))
        (i32.store (i32.const 144) (i32.const 1)) (i64.store (i32.const 152) (i64.const {hour_ns}))
        (if (call $poll_oneoff (i32.const 128) (i32.const 256) (i32.const 1) (i32.const 512)) (then unreachable))
        (if (i32.ne (i32.load (i32.const 512)) (i32.const 1)) (then unreachable))
        (if (i64.ne (i64.load (i32.const 256)) (i64.const 77)) (then unreachable))"""
    print_first = f"(call $print (i32.const 1) (i32.const {DATA}) (i32.const 1))"
    run = await wasm.run(program(f"{sleep} {print_first} {CLOCKS}", data="[,]"))
    assert run.value == [NOW * 10**9, NOW * 10**9 + hour_ns, 0, 0]


async def test_memory_when_more_is_asked_for_than_a_run_may_have_then_none_comes_and_the_program_goes_on(
    wasm: Bench,
) -> None:
    grown = "(call $print_number (i64.extend_i32_u (memory.grow (i32.const {pages}))))"
    comma = f"(call $print (i32.const 1) (i32.const {DATA + 1}) (i32.const 1))"
    first, last = (f"(call $print (i32.const 1) (i32.const {DATA + place}) (i32.const 1))" for place in (0, 2))
    body = comma.join(grown.format(pages=pages) for pages in (1000, 17, 16, 1))
    run = await wasm.run(program(f"{first} {body} {last}", data="[,]"))
    assert run.value == [8, 2**32 - 1, 1008, 2**32 - 1]


async def test_not_a_number_when_it_is_computed_then_its_bits_are_the_same_everywhere(wasm: Bench) -> None:
    body = """(call $print_number (i64.reinterpret_f64
        (f64.div (f64.const -0) (f64.convert_i32_s (local.get $i)))))"""
    assert (await wasm.run(program(body))).value == 0x7FF8000000000000


async def test_end_when_a_program_says_that_it_went_well_then_its_answer_counts(wasm: Bench) -> None:
    body = f"(call $print (i32.const 1) (i32.const {DATA}) (i32.const 1)) (call $proc_exit (i32.const 0)) unreachable"
    assert (await wasm.run(program(body, data="7"))).value == 7


async def test_end_when_a_program_fails_then_its_status_and_last_words_are_told(wasm: Bench) -> None:
    body = f"(call $print (i32.const 2) (i32.const {DATA}) (i32.const 9)) (call $proc_exit (i32.const 3))"
    with pytest.raises(ScriptFailed) as failed:
        await wasm.run(program(body, data="a\nno luck"))
    assert (failed.value.code, str(failed.value)) == ("error", "the program ended with status 3; it said: no luck")
    assert failed.value.output == "a\nno luck"


async def test_fetch_when_a_page_is_there_then_its_text_comes_and_is_recorded(wasm: Bench) -> None:
    wasm.pages.pages[PRICE] = b'{"price": "1.25"}'
    run = await wasm.run(fetching(PRICE))
    assert run.value == {"price": "1.25"}
    digest = hashlib.sha256(b'{"price": "1.25"}').hexdigest()
    assert run.requests == (RequestMade(url=PRICE, status=200, response_hash=digest),)


async def test_fetch_when_a_page_is_long_then_it_can_be_read_in_parts(wasm: Bench) -> None:
    wasm.pages.pages[PRICE] = b'"' + b"x" * 60_000 + b'"'
    source = program(
        f"""
        (drop (call $fetch (i32.const {DATA}) (i32.const {len(PRICE)})))
        (loop $more
          (local.set $n (call $read (i32.const {BUFFER}) (i32.const 1000)))
          (call $print (i32.const 1) (i32.const {BUFFER}) (local.get $n))
          (br_if $more (local.get $n)))""",
        data=PRICE,
    )
    assert (await wasm.run(source)).value == "x" * 60_000


async def test_fetch_when_a_page_is_no_text_then_it_comes_with_replacements(wasm: Bench) -> None:
    wasm.pages.pages[PRICE] = b'"a\xffb"'
    assert (await wasm.run(fetching(PRICE))).value == "a\ufffdb"


@pytest.mark.parametrize(
    ("page", "says"),
    [
        (FetchRefused("private_address", "127.0.0.1 is this machine"), f"private_address: {PRICE} may not be fetched"),
        (b"x" * (256 * 1024 + 1), f"too_large: {PRICE} may not be fetched"),
        (503, f"status: {PRICE} gave 503"),
        (None, f"unreachable: {PRICE} gave no answer"),
    ],
)
async def test_fetch_when_it_cannot_be_then_the_program_reads_why(
    wasm: Bench, page: bytes | int | Exception | None, says: str
) -> None:
    if page is not None:
        wasm.pages.pages[PRICE] = page
    run = await wasm.run(fetching(PRICE))
    assert run.value == says
    assert [request.status for request in run.requests] == ([503] if page == 503 else [])


async def test_fetch_when_the_text_is_no_url_then_nothing_is_asked(wasm: Bench) -> None:
    assert "at most 2048 characters" in str((await wasm.run(fetching("a" * 3000))).value)
    assert wasm.pages.asked == []


async def test_limits_when_requests_are_allowed_then_so_many_are_made_and_no_more(wasm: Bench) -> None:
    wasm.pages.pages[PRICE] = b"1"
    limits = ScriptLimits(requests=3)

    def asking(times: int) -> bytes:
        calls = f"(drop (call $fetch (i32.const {DATA}) (i32.const {len(PRICE)})))" * times
        return program(f"{calls} (call $print_number (i64.const 5))", data=PRICE)

    assert (await wasm.run(asking(3), limits=limits)).value == 5
    with pytest.raises(ScriptFailed) as failed:
        await wasm.run(asking(4), limits=limits)
    assert failed.value.code == "requests"
    assert len(failed.value.requests) == 3
    assert len(wasm.pages.asked) == 6


@pytest.mark.parametrize("now", [-1, 253_402_300_800])
async def test_moment_when_no_calendar_has_it_then_it_is_refused(wasm: Bench, now: int) -> None:
    with pytest.raises(InvalidInput, match="now"):
        await wasm.run(answering("1"), now=now)


async def test_system_when_a_program_looks_around_then_there_is_nothing(wasm: Bench) -> None:
    opened = "(call $path_open (i32.const 3) (i32.const 0) (i32.const 1024) (i32.const 1) (i32.const 0) (i64.const -1)"
    calls = [
        "(call $fd_prestat_get (i32.const 3) (i32.const 512))",
        f"{opened} (i64.const -1) (i32.const 0) (i32.const 512))",
        "(call $sock_send (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 512))",
        "(call $fd_write (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 512))",
        "(call $fd_read (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 512))",
        "(call $fd_close (i32.const 3))",
        "(call $fd_close (i32.const 2))",
        "(call $fd_fdstat_get (i32.const 3) (i32.const 512))",
        "(call $fd_fdstat_get (i32.const 0) (i32.const 512))",
        "(call $environ_sizes_get (i32.const 512) (i32.const 520))",
        "(i32.load (i32.const 512))",
    ]
    body = f"(call $print (i32.const 1) (i32.const {DATA}) (i32.const 1))" + "".join(
        f"(call $print_number (i64.extend_i32_u {call}))"
        f"(call $print (i32.const 1) (i32.const {DATA + (2 if call is calls[-1] else 1)}) (i32.const 1))"
        for call in calls
    )
    assert (await wasm.run(program(body, data="[,]"))).value == [8, 52, 52, 8, 8, 8, 0, 8, 0, 0, 0]
