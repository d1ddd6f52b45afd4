"""How deep JSON from outside may nest, checked before a parser sees it.

JSON parsers recurse in C and trust the interpreter's recursion limit; importing py_ecc, as eth_account does, sets
it to 100,000, and then 100 kB of `[` end the process instead of raising an error. This lies in the lowest layer because
JSON ABIs are read here; everything above that reads a stranger's JSON checks it with the same function.
"""

import re
from typing import Final

JSON_DEPTH_MAX: Final = 64  # a struct of structs in an ABI takes about twenty levels; a stack takes ten thousands

_BRACKET: Final = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL)  # a string, or a bracket outside of strings


def shallow_json(content: str | bytes) -> str:
    """The text to hand to a JSON parser; `ValueError` when it is no UTF-8 or nests deeper than `JSON_DEPTH_MAX`.

    It does not say that the text is JSON. Linear in the text, and two counts when it has few brackets.
    """
    text = content if isinstance(content, str) else content.decode()
    if text.count("[") + text.count("{") <= JSON_DEPTH_MAX:
        return text
    depth = 0
    for match in _BRACKET.finditer(text):
        if match.group() in "[{":
            depth += 1
            if depth > JSON_DEPTH_MAX:
                raise ValueError(f"expected JSON of at most {JSON_DEPTH_MAX} levels")
        elif match.group() in "]}":
            depth -= 1
    return text
