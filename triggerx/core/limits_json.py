"""A job's limits in JSON: whole numbers, amounts in wei as decimal strings, absent where the default is taken."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Final

from triggerx.core.canonical import Json
from triggerx.core.errors import InvalidInput
from triggerx.core.job import NO_LIMITS, Limits
from triggerx.core.job_fields import read_integer
from triggerx.evm.types import Wei

RUNS_MAX: Final = 10**9  # a run a second for thirty years
WEI_MAX: Final = 2**256 - 1

_NAMES: Final = tuple(field.name for field in fields(Limits))
_WEI: Final = frozenset({"wei_max", "wei_per_day_max", "gas_price_max_wei"})


def parse_limits(value: object) -> Limits:
    """Read the object; raises `InvalidInput` naming `limits.NAME` where one is unknown or out of range."""
    if value is None:
        return NO_LIMITS
    if not isinstance(value, Mapping):
        raise InvalidInput("limits", f"expected an object with any of {', '.join(_NAMES)}")
    for name in value:
        if name not in _NAMES:
            raise InvalidInput(f"limits.{name}", f"is no limit; there are {', '.join(_NAMES)}")
    return Limits(
        runs_max=_read(value, "runs_max"),
        runs_per_day_max=_read(value, "runs_per_day_max"),
        wei_max=_wei(value, "wei_max"),
        wei_per_day_max=_wei(value, "wei_per_day_max"),
        gas_price_max_wei=_wei(value, "gas_price_max_wei"),
    )


def dump_limits(limits: Limits) -> dict[str, Json]:
    """Write the limits that are set."""
    given = {name: getattr(limits, name) for name in _NAMES}
    return {name: str(value) if name in _WEI else value for name, value in given.items() if value is not None}


def _wei(raw: Mapping[str, object], name: str) -> Wei | None:
    value = _read(raw, name)
    return None if value is None else Wei(value)


def _read(raw: Mapping[str, object], name: str) -> int | None:
    if raw.get(name) is None:
        return None
    try:
        return read_integer(raw, name, low=0, high=WEI_MAX if name in _WEI else RUNS_MAX)
    except InvalidInput as error:
        raise InvalidInput(f"limits.{name}", error.message) from error
