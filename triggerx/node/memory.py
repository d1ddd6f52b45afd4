"""A process that holds keys keeps its memory to itself: no core dump, and no look from another process of its user.

Rule: it is called before the first secret is read. A system without prctl has the limit alone.
"""

import ctypes
import resource
import sys
from typing import Final

_PR_SET_DUMPABLE: Final = 4


def keep_memory_private() -> None:
    """Set RLIMIT_CORE to 0 and PR_SET_DUMPABLE to 0 (prctl(2)): only root may still attach to this process.

    Programs that it starts inherit the limit, not the flag.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
