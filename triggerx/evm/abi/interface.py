"""Functions and events of a contract: what their selectors and topics are, and how their data reads.

Both are parsed from the text that a contract's source would write; hashing is left to the first use.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from triggerx.evm.abi.codec import DecodeError, decode_tuple, encode_type
from triggerx.evm.abi.types import Elementary, Parameter, Tuple, parse_signature, tuple_of
from triggerx.evm.keccak import keccak256
from triggerx.evm.types import Hash32


@dataclass(frozen=True, kw_only=True)
class Function:
    """A contract's function: `inputs` and `outputs` are tuple types."""

    name: str
    inputs: Tuple
    outputs: Tuple

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `name(types) returns (types)`; names, locations and modifiers may stand in it and do not count."""
        signature = parse_signature(text)
        return cls(name=signature.name, inputs=tuple_of(signature.parameters), outputs=tuple_of(signature.results))

    @cached_property
    def signature(self) -> str:
        """The canonical text that the selector hashes."""
        return self.name + self.inputs.text

    @cached_property
    def selector(self) -> bytes:
        """The first 4 bytes of the signature's hash."""
        return keccak256(self.signature.encode())[:4]

    def encode(self, *args: object) -> bytes:
        """Calldata: the selector and the encoded arguments; `ValueError` when they do not fit the types."""
        return self.selector + encode_type(self.inputs, args)

    def decode_input(self, calldata: bytes) -> tuple[object, ...]:
        """The arguments in calldata; `DecodeError` when the selector is another's or the data does not fit."""
        if calldata[:4] != self.selector:
            raise DecodeError(f"expected calldata of {self.signature}, got selector 0x{calldata[:4].hex()}")
        return decode_tuple(self.inputs, calldata[4:])

    def decode_output(self, data: bytes) -> tuple[object, ...]:
        """The results in returned data, always a tuple; `DecodeError` when it does not fit, as an empty answer."""
        return decode_tuple(self.outputs, data)


@dataclass(frozen=True, kw_only=True)
class Event:
    """A contract's event; its parameters keep their names, because a decoded log is read by them."""

    name: str
    parameters: tuple[Parameter, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `Name(type indexed name, …)`; an unnamed parameter gets the name `argN` by its place."""
        signature = parse_signature(text)
        named = tuple(
            Parameter(type=p.type, name=p.name or f"arg{place}", indexed=p.indexed)
            for place, p in enumerate(signature.parameters)
        )
        if sum(p.indexed for p in named) > 3:
            raise ValueError(f"expected at most 3 indexed parameters in {text[:120]!r}")
        if len({p.name for p in named}) != len(named):
            raise ValueError(f"expected parameters of different names in {text[:120]!r}")
        return cls(name=signature.name, parameters=named)

    @cached_property
    def signature(self) -> str:
        """The canonical text that the topic hashes."""
        return self.name + tuple_of(self.parameters).text

    @cached_property
    def topic(self) -> Hash32:
        """The first topic of every log of this event."""
        return keccak256(self.signature.encode())

    def decode(self, topics: Sequence[bytes], data: bytes) -> dict[str, object]:
        """A log's values by name, in the parameters' order.

        Indexed values of a dynamic or composite type come back as their 32-byte hash, which is all a log holds of
        them. `DecodeError` when the log is another event's, or indexes other parameters than this one says.
        """
        if not topics or topics[0] != self.topic:
            raise DecodeError(f"expected a log of {self.signature}, got topic {topics[0].hex() if topics else 'none'}")
        indexed = self._indexed
        if len(topics) != len(indexed) + 1:
            raise DecodeError(f"expected {len(indexed) + 1} topics for {self.signature}, got {len(topics)}")
        found: dict[str, object] = {}
        for parameter, topic in zip(indexed, topics[1:], strict=True):
            if len(topic) != 32:
                raise DecodeError(f"expected topics of 32 bytes for {self.signature}, got {len(topic)}")
            if isinstance(parameter.type, Elementary) and not parameter.type.dynamic:
                found[parameter.name] = decode_tuple(tuple_of((parameter,)), topic)[0]
            else:
                found[parameter.name] = bytes(topic)
        found.update(zip(self._body.names, decode_tuple(self._body, data), strict=True))
        return {parameter.name: found[parameter.name] for parameter in self.parameters}

    @cached_property
    def _indexed(self) -> tuple[Parameter, ...]:
        return tuple(parameter for parameter in self.parameters if parameter.indexed)

    @cached_property
    def _body(self) -> Tuple:
        return tuple_of(tuple(parameter for parameter in self.parameters if not parameter.indexed))
