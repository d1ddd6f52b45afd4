"""The contract ABI: types, values, functions, events, textual arguments and revert reasons.

Written here because the usual package takes 330 ms to import; it stays the oracle of the tests.
"""

from triggerx.evm.abi.codec import DecodeError, decode, encode
from triggerx.evm.abi.interface import Event, Function
from triggerx.evm.abi.revert import decode_revert
from triggerx.evm.abi.text import ArgumentError, argument_texts, encode_arguments, function_from_abi

__all__ = [
    "ArgumentError",
    "DecodeError",
    "Event",
    "Function",
    "argument_texts",
    "decode",
    "decode_revert",
    "encode",
    "encode_arguments",
    "function_from_abi",
]
