"""Canonical JSON and content ids: one byte string for one value, and the ids that IPFS would give."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triggerx.core.canonical import SAFE_INTEGER_MAX, Json, canonical_json, cid_of

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-SAFE_INTEGER_MAX, SAFE_INTEGER_MAX)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=4)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("content", "cid"),
    [
        (b"hello world", "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"),
        (b"", "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"),
    ],
)
def test_cid_of_when_the_content_is_known_then_it_is_the_id_ipfs_gives(content: bytes, cid: str) -> None:
    assert cid_of(content) == cid


def test_canonical_json_when_keys_stand_in_any_order_then_the_bytes_are_one() -> None:
    first = canonical_json({"b": [1, {"d": None, "c": True}], "a": "ü"})
    second = canonical_json({"a": "ü", "b": [1, {"c": True, "d": None}]})
    assert first == second == '{"a":"ü","b":[1,{"c":true,"d":null}]}'.encode()


@given(values)
def test_canonical_json_when_it_is_read_back_then_the_value_and_the_bytes_are_the_same(value: Json) -> None:
    encoded = canonical_json(value)
    assert json.loads(encoded) == value
    assert canonical_json(json.loads(encoded)) == encoded


@pytest.mark.parametrize("value", [1.0, 0.5, float("nan"), float("inf"), {"a": [1.5]}, [{"a": 0.0}]])
def test_canonical_json_when_a_float_is_anywhere_then_it_is_refused(value: Json) -> None:
    with pytest.raises(ValueError, match="float"):
        canonical_json(value)


@pytest.mark.parametrize("number", [SAFE_INTEGER_MAX + 1, -SAFE_INTEGER_MAX - 1, 2**256])
def test_canonical_json_when_an_integer_is_not_safe_then_it_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="not safe"):
        canonical_json({"a": [number]})


@pytest.mark.parametrize("number", [SAFE_INTEGER_MAX, -SAFE_INTEGER_MAX, 0])
def test_canonical_json_when_an_integer_is_safe_then_it_is_written(number: int) -> None:
    assert canonical_json(number) == str(number).encode()


def test_canonical_json_when_a_key_is_no_text_then_it_is_refused() -> None:
    keyed: Json = {1: "a"}  # type: ignore[dict-item]  # what a careless caller would hand over
    with pytest.raises(ValueError, match="must be a string"):
        canonical_json(keyed)


def test_canonical_json_when_a_text_is_no_unicode_then_it_is_refused() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        canonical_json("\ud800")
