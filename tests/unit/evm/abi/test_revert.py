import pytest

from triggerx.evm.abi import Function, decode_revert
from triggerx.evm.abi.revert import REASON_CHARS_MAX


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "reverted without a reason"),
        (Function.parse("Error(string)").encode("too late"), "too late"),
        (Function.parse("Panic(uint256)").encode(0x11), "panic 0x11: arithmetic overflow or underflow"),
        (Function.parse("Panic(uint256)").encode(0x99), "panic 0x99: unknown code"),
        (Function.parse("InactiveAggregator()").encode(), "InactiveAggregator()"),
        (
            Function.parse("ERC20InsufficientBalance(address,uint256,uint256)").encode(b"\x11" * 20, 1, 2),
            "ERC20InsufficientBalance(0x" + "11" * 20 + ", 1, 2)",
        ),
        (b"\xde\xad\xbe\xef\x01", "0xdeadbeef01"),
        (b"\x08\xc3\x79\xa0", "0x08c379a0"),
        (b"\x01", "0x01"),
        (Function.parse("Error(string)").encode("line\nred\x1b[31m"), "line red [31m"),
    ],
)
def test_revert_when_decoded_then_reads_as_one_line(data: bytes, reason: str) -> None:
    assert decode_revert(data) == reason


def test_revert_when_its_reason_is_long_then_is_cut() -> None:
    assert len(decode_revert(Function.parse("Error(string)").encode("x" * 10_000))) == REASON_CHARS_MAX
    assert len(decode_revert(b"\x01" * 1_000_000)) == REASON_CHARS_MAX
