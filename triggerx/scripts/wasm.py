"""WebAssembly, as any language makes it that compiles to WASI preview 1: a module that is run like a program.

It reads the call from standard input, one line of JSON, and prints its answer as the last line of standard output.
What is offered comes among the arguments, because a program has no parameters to choose by. `wasm_worker.py` says how a
run goes in the worker, `wasi.py` what the module can call.
"""

import base64
import json
from collections.abc import Mapping
from typing import Final

from triggerx.core.canonical import Json
from triggerx.ports.scripts import ScriptCall, ScriptFailed
from triggerx.scripts.sandbox import Language, worker_command

MODULE: Final = b"\0asm\1\0\0\0"  # the binary format's magic number, and its version
COMPONENT: Final = b"\0asm\r\0\1\0"  # the component model's


def prepared(source: bytes, call: ScriptCall) -> Mapping[str, Json]:
    """The module, and its input: `{"function": name, "arguments": {name: value}, "now": seconds}`."""
    if source.startswith(COMPONENT):
        raise ScriptFailed("syntax", "the script is a component; build it for WASI preview 1 (wasm32-wasip1)")
    if not source.startswith(MODULE):
        raise ScriptFailed("syntax", "the script is no WebAssembly module in binary form")
    arguments = {"now": call.now, **call.offered, **call.arguments}
    try:
        line = json.dumps({"function": call.function, "arguments": arguments, "now": call.now}, allow_nan=False)
    except ValueError as error:
        raise ScriptFailed("value", f"the arguments are no JSON: {error}") from error
    return {"source": base64.b64encode(source).decode(), "function": call.function, "arguments": line + "\n"}


WASM: Final = Language(
    name="wasm",
    package="wasmtime",
    command=worker_command("triggerx.scripts.wasm_worker"),
    prepared=prepared,
)
