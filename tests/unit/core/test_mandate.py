"""The mandate's JSON form: exact both ways, and every wrong field refused by its name."""

import pytest
from hypothesis import given

from tests.unit.core.sample import HUB, OWNER, job_body
from tests.unit.core.strategies import mandates
from triggerx.core.canonical import Json, canonical_json
from triggerx.core.errors import InvalidInput
from triggerx.core.mandate import SignedMandate, dump_mandate, parse_mandate
from triggerx.evm.types import checksum

SIGNED = job_body().mandate
assert SIGNED is not None
FIELDS = sorted(dump_mandate(SIGNED))


def dumped(**changes: object) -> dict[str, object]:
    assert SIGNED is not None
    return {**dump_mandate(SIGNED), **changes}


@given(mandates)
def test_parse_mandate_when_it_was_dumped_then_it_is_the_same_again(signed: SignedMandate) -> None:
    raw = dump_mandate(signed)
    assert parse_mandate(raw) == signed
    assert canonical_json(dump_mandate(parse_mandate(raw))) == canonical_json(raw)


def test_dump_mandate_when_integers_are_wide_then_they_are_decimal_texts() -> None:
    raw = dumped()
    assert raw["feeMax"] == str(10**15)
    assert raw["owner"] == checksum(OWNER.address)


def test_parse_mandate_when_integers_come_as_numbers_then_they_count_the_same() -> None:
    assert parse_mandate(dumped(runsMax=10, expiry=int(str(dumped()["expiry"])))) == SIGNED


@pytest.mark.parametrize("name", FIELDS)
def test_parse_mandate_when_a_field_is_missing_then_it_is_named(name: str) -> None:
    raw = dumped()
    del raw[name]
    with pytest.raises(InvalidInput) as refused:
        parse_mandate(raw)
    assert refused.value.field == f"mandate.{name}"


def test_parse_mandate_when_a_field_is_unknown_then_it_is_named() -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_mandate(dumped(nonce="1"))
    assert refused.value.field == "mandate.nonce"


@pytest.mark.parametrize("value", [None, "0x", 7, [], [("jobId", "1")]])
def test_parse_mandate_when_it_is_no_object_then_it_is_refused(value: Json) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_mandate(value, "body.mandate")
    assert refused.value.field == "body.mandate"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("runsMax", str(2**32)),
        ("runsMax", 2**32),
        ("spacing", "-1"),
        ("spacing", -1),
        ("attemptsMax", "256"),
        ("security", True),
        ("feeMax", 1.0),
        ("feeMax", "1.0"),
        ("feeMax", "0x10"),
        ("feeMax", " 1"),
        ("feeMax", "+1"),
        ("feeMax", "\u0661"),
        ("feeMax", ""),
        ("feeMax", None),
        ("feeMax", str(2**256)),
        ("feeMax", "1" * 5000),
        ("expiry", str(2**64)),
        ("jobHash", "0x" + "00" * 31),
        ("jobHash", 5),
        ("calldataHash", "00" * 32),
        ("selector", "0x000000"),
        ("selector", "0x0000000g"),
        ("owner", "0x00"),
        ("owner", 1),
        ("target", HUB),
        ("signature", "0x" + "00" * 64),
        ("signature", None),
    ],
)
def test_parse_mandate_when_a_value_does_not_fit_then_its_field_is_named(name: str, value: object) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_mandate(dumped(**{name: value}))
    assert refused.value.field == f"mandate.{name}"
