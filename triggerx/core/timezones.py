"""Time zones by name, from the database that is installed with triggerx, never from the machine's.

Which second `02:30 in Europe/Berlin` is, every keeper must answer alike. A machine's own database is of any age, lacks
names (or is not there at all), and has names that mean something else on each machine (`localtime`). The package
`tzdata`, pinned by the lock, is the same for all nodes of one release.
"""

import re
from datetime import UTC, tzinfo
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

from triggerx.core.errors import InvalidInput
from triggerx.core.job_fields import shown

TIMEZONE_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_+\-]*(/[A-Za-z0-9_+\-]+)*")
"""What an IANA name is made of; it leads nowhere but into the database."""


@cache
def zone_of(name: str) -> tzinfo:
    """Return the IANA time zone; raises `InvalidInput` of `timezone` for a name that is not in the database."""
    from importlib import resources  # noqa: PLC0415  # 15 ms that a command without a schedule need not pay

    if name == "UTC":
        return UTC
    unknown = InvalidInput("timezone", f"expected an IANA time zone such as Europe/Berlin, got {shown(name)}")
    if not TIMEZONE_NAME.fullmatch(name):
        raise unknown
    try:
        with resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
            return ZoneInfo.from_file(file, key=name)
    except (ValueError, OSError) as error:
        raise unknown from error
