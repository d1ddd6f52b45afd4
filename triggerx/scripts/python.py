"""Python, as pydantic-monty understands it: a subset, run by an interpreter that has nothing to reach the machine with.

`python_worker.py` says how a run goes in the worker.
"""

import keyword
import re
from collections.abc import Mapping
from typing import Final

from triggerx.core.canonical import Json
from triggerx.ports.scripts import ScriptCall, ScriptFailed
from triggerx.scripts.sandbox import Language, worker_command

PARAMETER: Final = re.compile(r"(?:^|,)\s*(\w+)")


def prepared(source: bytes, call: ScriptCall) -> Mapping[str, Json]:
    """The text, and the function with what is offered as far as it has parameters for it."""
    if not call.function.isidentifier() or keyword.iskeyword(call.function):
        raise ScriptFailed("function", f"expected a function's name, got {call.function[:80]!r}")
    try:
        text = source.decode()
    except UnicodeDecodeError as error:
        raise ScriptFailed("syntax", f"the script is no UTF-8 at byte {error.start}") from error
    head = re.search(rf"^(?:async\s+)?def\s+{re.escape(call.function)}\s*\(([^)]*)\)", text, re.MULTILINE)
    parameters = set(PARAMETER.findall(head[1])) if head else set()
    offered = {"now": call.now, **call.offered}
    arguments = {name: value for name, value in offered.items() if name in parameters} | dict(call.arguments)
    return {"source": text, "function": call.function, "arguments": arguments}


PYTHON: Final = Language(
    name="python",
    package="pydantic_monty",
    command=worker_command("triggerx.scripts.python_worker"),
    prepared=prepared,
)
