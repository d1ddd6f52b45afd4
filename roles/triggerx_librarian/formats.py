"""Times and amounts as the API writes them: ISO 8601 in UTC with milliseconds, exact decimals."""

from datetime import UTC, datetime
from decimal import Decimal

from triggerx.evm.types import Hash32, to_hex

WEI_PER_ETHER = 10**18


def iso(unix_s: int | None) -> str | None:
    """The moment of a unix second; None stays None, a second no calendar has is shown as the calendar's last."""
    return None if unix_s is None else iso_ms(unix_s * 1000)


def iso_ms(unix_ms: int | None) -> str | None:
    """The moment of a unix millisecond."""
    if unix_ms is None:
        return None
    seconds, milliseconds = divmod(min(unix_ms, 253_402_300_799_999), 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{milliseconds:03d}Z"


def ether(wei: int) -> Decimal:
    """The amount in ether, exact."""
    return Decimal(f"{wei // WEI_PER_ETHER}.{wei % WEI_PER_ETHER:018d}")


def optional_hex(value: Hash32 | bytes | None) -> str | None:
    """Bytes as hexadecimal; None stays None."""
    return None if value is None else to_hex(value)
