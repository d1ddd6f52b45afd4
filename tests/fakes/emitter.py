"""A contract of 36 bytes for tests of chains: it emits what it is called with, or reverts with it.

Calldata is a 32-byte topic and then data: a topic other than zero emits LOG1(topic, data), the zero topic reverts with
the data.
"""

from typing import Final

_RUNTIME: Final = bytes.fromhex(
    "600035801560165760203603806020600037"  # topic; when zero go to 0x16; copy calldata[32:] to memory
    "6000a100"  # LOG1, stop
    "5b60203603806020600037"  # 0x16: copy calldata[32:] to memory
    "6000fd"  # revert with it
)
INIT_CODE: Final = bytes.fromhex(f"60{len(_RUNTIME):02x}80600b6000396000f3") + _RUNTIME


def emit(number: int, data: bytes = b"") -> bytes:
    """Calldata that emits topic `number` (not 0) with `data`."""
    return number.to_bytes(32, "big") + data


def revert(data: bytes = b"") -> bytes:
    """Calldata that reverts with `data`."""
    return bytes(32) + data
