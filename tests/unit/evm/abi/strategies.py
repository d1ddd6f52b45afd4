"""Types of the ABI by hypothesis, and the values of each."""

from typing import Any

from hypothesis import strategies as st

from triggerx.evm.abi.types import AbiType, Array, Elementary


def elementary_types() -> st.SearchStrategy[str]:
    bits = st.integers(1, 32).map(lambda n: 8 * n)
    return st.one_of(
        bits.map(lambda n: f"uint{n}"),
        bits.map(lambda n: f"int{n}"),
        st.integers(1, 32).map(lambda n: f"bytes{n}"),
        st.sampled_from(["address", "bool", "bytes", "string"]),
    )


def composite_types(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        inner.map(lambda text: f"{text}[]"),
        st.tuples(inner, st.integers(1, 3)).map(lambda pair: f"{pair[0]}[{pair[1]}]"),
        st.lists(inner, min_size=1, max_size=3).map(lambda texts: f"({','.join(texts)})"),
    )


def value_of(kind: AbiType) -> st.SearchStrategy[Any]:
    if isinstance(kind, Array):
        least, most = (0, 3) if kind.length is None else (kind.length, kind.length)
        return st.lists(value_of(kind.element), min_size=least, max_size=most).map(tuple)
    if not isinstance(kind, Elementary):
        return st.tuples(*(value_of(component) for component in kind.components))
    match kind.kind:
        case "uint":
            return st.integers(0, 2**kind.size - 1)
        case "int":
            return st.integers(-(2 ** (kind.size - 1)), 2 ** (kind.size - 1) - 1)
        case "bool":
            return st.booleans()
        case "address":
            return st.binary(min_size=20, max_size=20)
        case "fixed_bytes":
            return st.binary(min_size=kind.size, max_size=kind.size)
        case "string":
            return st.text(max_size=40)
        case _:
            return st.binary(max_size=70)


type_texts = st.recursive(elementary_types(), composite_types, max_leaves=5)


def json_value(kind: AbiType, value: Any) -> Any:
    """A value as the JSON that an author writes for it."""
    if isinstance(kind, Array):
        return [json_value(kind.element, item) for item in value]
    if not isinstance(kind, Elementary):
        return [json_value(each, item) for each, item in zip(kind.components, value, strict=True)]
    return "0x" + value.hex() if isinstance(value, bytes) else value
