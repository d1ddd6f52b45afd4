"""What the command line asks for, as the node understands it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from triggerx.core.errors import UnrecoverableError
from triggerx.node.config.load import ConfigSource
from triggerx.node.config.tables import Config
from triggerx.ports.log import Log

KEEPERS_DEFAULT: Final = 4
KEEPERS_MAX: Final = 16
"""A development network runs in one process; past five peers it becomes slow, past this it is no use."""
API_PORT_DEFAULT: Final = 9002


class UsageError(UnrecoverableError):
    """The options contradict one another, or what is configured."""

    exit_status = 2


class ChainChoice(StrEnum):
    """Which development chain: the first that can be had, or exactly this one."""

    AUTO = "auto"
    ANVIL = "anvil"
    EMBEDDED = "embedded"


@dataclass(frozen=True, slots=True, kw_only=True)
class DevnetOptions:
    """A development network's shape. None means: as it comes; `api_port` 0 takes a free one.

    `data_dir` None is a temporary directory for the demonstration, and the user's data directory otherwise.
    """

    chain: ChainChoice = ChainChoice.AUTO
    block_time_s: int | None = None
    keepers: int = KEEPERS_DEFAULT
    has_own_l1: bool = False
    """Registration on a chain of its own, beside the one of attestation and actions."""
    api_port: int | None = None
    further_roles: tuple[str, ...] = ()
    """Roles of other distributions, which run in the core's node beside ours."""
    data_dir: Path | None = None
    config: Config | None = None
    """Where a configuration without a network was given: its tables, those of roles among them."""
    log: Log | None = None
    is_json: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What to run. `roles` None is all that are installed; `has_moved` accepts a data directory of another machine."""

    source: ConfigSource = field(default_factory=ConfigSource)
    roles: tuple[str, ...] | None = None
    has_moved: bool = False
    devnet: DevnetOptions = field(default_factory=DevnetOptions)


def chosen_roles(*, run_all: bool, roles: Sequence[str], words: Sequence[str] = ()) -> tuple[str, ...] | None:
    """What `--all` and every `--roles A,B` ask for, None being all; raises `UsageError` unless one of them asks.

    `words` are arguments that belong to no option: roles that were written without one.
    """
    names = tuple(dict.fromkeys(name.strip() for name in ",".join(roles).split(",") if name.strip()))
    if words:
        meant = ",".join(dict.fromkeys((*names, *(name for word in words for name in word.split(",") if name))))
        raise UsageError(
            f"unexpected {' '.join(words)}: name roles by --roles, with commas and no spaces: --roles {meant}"
        )
    if "all" in names:
        raise UsageError('--roles: "all" is no role: give --all instead')
    if run_all and roles:
        raise UsageError("--all and --roles exclude one another: give one of them")
    if not run_all and not names:
        raise UsageError("nothing to run: give --all, or --roles with names such as keeper")
    return None if run_all else names
