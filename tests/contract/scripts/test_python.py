"""What an honest script gets: its arguments, the moment, its requests, and an exact answer."""

import hashlib

import pytest

from tests.contract.scripts.conftest import NOW, Bench
from triggerx.core.canonical import Json
from triggerx.core.computation import RequestMade
from triggerx.core.errors import InvalidInput
from triggerx.core.script_value import number_from
from triggerx.ports.fetch import FetchRefused
from triggerx.ports.scripts import ScriptFailed, ScriptLimits

PRICE = "https://api.example/price"
BEYOND_A_WORD = 2**255 + 1


@pytest.mark.parametrize(
    ("expression", "value", "number"),
    [
        ("42", 42, "42"),
        ("2**255 + 1", BEYOND_A_WORD, str(BEYOND_A_WORD)),
        ("-(2**256) + 1", -(2**256) + 1, str(-(2**256) + 1)),
        ("'1.50'", "1.50", "1.5"),
        ("True", True, "1"),
        ("0.1 + 0.2", "0.30000000000000004", "0.30000000000000004"),
        ("1e16", "1e+16", "10000000000000000"),
        ("__import_decimal('1.50')", "1.50", "1.5"),
    ],
)
async def test_answer_when_it_is_a_number_then_it_comes_exactly(
    bench: Bench, expression: str, value: Json, number: str
) -> None:
    source = f"from decimal import Decimal as __import_decimal\ndef f():\n    return {expression}"
    answer = (await bench.run(source)).value
    assert answer == value
    assert type(answer) is type(value)
    assert number_from(answer) == number


async def test_answer_when_it_is_a_structure_then_it_comes_as_json(bench: Bench) -> None:
    run = await bench.run("def f():\n    return {'a': (1, None, [False, 'é', 0.5])}")
    assert run.value == {"a": [1, None, [False, "é", "0.5"]]}


async def test_argument_when_it_is_beyond_a_word_then_it_arrives_exactly(bench: Bench) -> None:
    source = "def f(a, b):\n    return [a + 1, a == 2**255 + 1, b['list'][0]]"
    run = await bench.run(source, arguments={"a": BEYOND_A_WORD, "b": {"list": ["x"]}})
    assert run.value == [BEYOND_A_WORD + 1, True, "x"]


@pytest.mark.parametrize("head", ["f(now)", "f( now )", "f(now: int)", "f(now=5)", "f(now, other=1)"])
async def test_moment_when_the_first_parameter_is_called_now_then_it_is_given(bench: Bench, head: str) -> None:
    assert (await bench.run(f"def {head}:\n    return now")).value == NOW


async def test_moment_when_an_argument_has_its_name_then_the_argument_is_given(bench: Bench) -> None:
    assert (await bench.run("def f(now):\n    return now", arguments={"now": 5})).value == 5


async def test_output_when_a_script_prints_then_it_is_kept_in_order(bench: Bench) -> None:
    run = await bench.run("print('first')\ndef f():\n    print('é', 2)\n    return 1")
    assert run.output == "first\né 2\n"


async def test_run_when_it_is_repeated_then_clock_and_chance_are_the_same(bench: Bench) -> None:
    source = """
import random, time
from datetime import datetime
def f():
    time.sleep(3600)
    return [time.time(), time.monotonic(), str(datetime.now()), random.random(), hash('a'), list({'x', 'yy', 'zzz'})]
"""
    first, second = await bench.run(source), await bench.run(source)
    assert first == second
    assert isinstance(first.value, list)
    assert first.value[0] == f"{NOW}.0"


async def test_fetch_when_a_page_is_there_then_its_text_comes_and_is_recorded(bench: Bench) -> None:
    bench.pages.pages[PRICE] = b'{"price": "1.25"}'
    source = f"import json\ndef f():\n    return json.loads(fetch('{PRICE}'))['price']"
    run = await bench.run(source)
    assert run.value == "1.25"
    digest = hashlib.sha256(b'{"price": "1.25"}').hexdigest()
    assert run.requests == (RequestMade(url=PRICE, status=200, response_hash=digest),)


async def test_fetch_when_a_page_is_no_text_then_it_comes_with_replacements(bench: Bench) -> None:
    bench.pages.pages[PRICE] = b"a\xffb"
    assert (await bench.run(f"def f():\n    return fetch('{PRICE}')")).value == "a\ufffdb"


@pytest.mark.parametrize(
    ("page", "says"),
    [
        (
            FetchRefused("private_address", "127.0.0.1 is this machine"),
            "private_address: https://api.example/price may",
        ),
        (b"x" * (256 * 1024 + 1), "too_large: https://api.example/price may not be fetched"),
        (503, "status: https://api.example/price gave 503"),
    ],
)
async def test_fetch_when_it_cannot_be_then_the_script_may_catch_it(
    bench: Bench, page: bytes | int | Exception, says: str
) -> None:
    bench.pages.pages[PRICE] = page
    source = (
        f"def f():\n    try:\n        return fetch('{PRICE}')\n    except OSError as error:\n        return str(error)"
    )
    answer = (await bench.run(source)).value
    assert isinstance(answer, str)
    assert answer.startswith(says)
    assert "127.0.0.1" not in answer
    with pytest.raises(ScriptFailed, match="line 2: OSError") as failed:
        await bench.run(f"def f():\n    return fetch('{PRICE}')")
    assert failed.value.code == "error"


async def test_fetch_when_a_status_is_an_error_then_it_is_recorded_all_the_same(bench: Bench) -> None:
    bench.pages.pages[PRICE] = 404
    run = await bench.run(f"def f():\n    try:\n        fetch('{PRICE}')\n    except OSError:\n        return 0")
    assert [request.status for request in run.requests] == [404]


async def test_fetch_when_nothing_answers_then_the_script_is_told_so(bench: Bench) -> None:
    source = f"def f():\n    try:\n        fetch('{PRICE}')\n    except OSError as error:\n        return str(error)"
    assert (await bench.run(source)).value == f"unreachable: {PRICE} gave no answer"


@pytest.mark.parametrize(
    "call", ["fetch()", "fetch(1)", "fetch('a', 'b')", "fetch(url='a')", "fetch('a' * 3000)", "fetch({1})"]
)
async def test_fetch_when_it_is_called_wrongly_then_nothing_is_asked(bench: Bench, call: str) -> None:
    with pytest.raises(ScriptFailed, match="TypeError: fetch"):
        await bench.run(f"def f():\n    return {call}")
    assert bench.pages.asked == []


async def test_limits_when_requests_are_allowed_then_so_many_are_made_and_no_more(bench: Bench) -> None:
    bench.pages.pages[PRICE] = b"1"
    source = f"def f(n):\n    return sum(int(fetch('{PRICE}')) for _ in range(n))"
    limits = ScriptLimits(requests=3)
    assert (await bench.run(source, arguments={"n": 3}, limits=limits)).value == 3
    with pytest.raises(ScriptFailed) as failed:
        await bench.run(source, arguments={"n": 4}, limits=limits)
    assert failed.value.code == "requests"
    assert len(bench.pages.asked) == 6


@pytest.mark.parametrize("now", [-1, 253_402_300_800])
async def test_moment_when_no_calendar_has_it_then_it_is_refused(bench: Bench, now: int) -> None:
    with pytest.raises(InvalidInput, match="now"):
        await bench.run("def f():\n    return 1", now=now)
