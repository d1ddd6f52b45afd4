"""The number that a script's answer stands for.

Rule: exact. An integer is itself, a boolean is 1 or 0, a text must be a decimal number. A script's float comes as the
text that Python shows for it (`ports.scripts.ScriptRun`): a binary approximation in general, but the same text for
everybody who ran the script.
"""

from triggerx.core.canonical import Json
from triggerx.core.errors import InvalidInput
from triggerx.core.job_fields import read_decimal


def number_from(value: Json) -> str:
    """Return the plain decimal text, without needless zeros; raises `InvalidInput` for what is no number."""
    if isinstance(value, bool):
        return "1" if value else "0"
    if value is None or value == "":
        raise InvalidInput("value", "expected a number, got nothing")
    return read_decimal({"value": value}, "value", default="")
