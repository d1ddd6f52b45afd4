import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triggerx.evm.nesting import JSON_DEPTH_MAX, shallow_json

VALUES = st.recursive(st.none() | st.integers() | st.text(), lambda v: st.lists(v) | st.dictionaries(st.text(), v))


@given(VALUES)
def test_json_when_shallow_then_is_given_back(value: object) -> None:
    text = json.dumps(value, ensure_ascii=False)
    assert shallow_json(text) == text
    assert shallow_json(text.encode()) == text


@pytest.mark.parametrize("opened", ["[", '{"a":', '["[",', '["\\"]",', '["\\\\",', "[[],"])
def test_json_when_too_deep_then_is_refused_and_at_the_limit_is_not(opened: str) -> None:
    assert shallow_json(opened * (JSON_DEPTH_MAX - 1))
    with pytest.raises(ValueError, match="64 levels"):
        shallow_json(opened * (JSON_DEPTH_MAX + 1))


def test_brackets_when_inside_strings_or_closed_then_do_not_count() -> None:
    for text in ('["' + "[" * 1_000 + '"]', "[]" * 1_000, '"\\"' + "[" * 1_000):
        assert shallow_json(text) == text


@pytest.mark.parametrize("content", [b"\xff", "[".encode("utf-16"), b'"\xed\xa0\x80"'])
def test_bytes_when_no_utf_8_then_are_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="codec"):
        shallow_json(content)


@pytest.mark.parametrize(
    "text", ['"\\' * 300_000, '\\"' * 300_001 + "[" * 70, "[]" * 300_000, '"' * 600_001 + "[" * 65]
)
def test_text_when_crafted_against_the_scan_then_it_still_ends(text: str) -> None:
    assert shallow_json(text) == text
