"""Which roles are installed, by the entry-point group `triggerx.roles`; only those asked for are imported.

A stranger's role comes the same way as ours. A keeper holds keys, so nothing it was not asked to run is loaded.
"""

from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from triggerx.core.errors import ConfigurationError
from triggerx.node.config.reading import suggestion
from triggerx.node.config.tables import RESERVED_TABLES
from triggerx.role import Role, RoleConfig

GROUP: Final = "triggerx.roles"

ORDER: Final = ("librarian", "sentinel", "pulse", "keeper", "engine")
"""Who starts before whom: what keeps the facts first, what acts on them last; other roles come between, by name."""


def role_names() -> tuple[str, ...]:
    """The names of the installed roles in the order in which they start; nothing is imported."""
    return _in_order(_entry_points())


def load_roles(names: Sequence[str]) -> tuple[type[Role], ...]:
    """Import these roles and return their classes in the order in which they start, each once.

    Raises `ConfigurationError` for a name that is not installed, and for what is installed but is no role.
    """
    installed = _entry_points()
    for name in names:
        if name not in installed:
            raise ConfigurationError(f'unknown role "{name}"{suggestion(name, installed)}')
    return tuple(_load(installed[name]) for name in _in_order(set(names)))


def _entry_points() -> dict[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for entry_point in entry_points(group=GROUP):
        other = found.setdefault(entry_point.name, entry_point)
        if other.value != entry_point.value:
            raise ConfigurationError(
                f'two roles are installed as "{entry_point.name}": {other.value} and {entry_point.value}; uninstall one'
            )
        if entry_point.name in RESERVED_TABLES:
            raise ConfigurationError(
                f'the installed role "{entry_point.name}" ({entry_point.value}) has the name of a table of the '
                "configuration; uninstall it"
            )
    return found


def _load(entry_point: EntryPoint) -> type[Role]:
    described = f'the installed role "{entry_point.name}" ({entry_point.value})'
    try:
        loaded = entry_point.load()
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(f"{described} cannot be imported: {error}") from error
    config_type = getattr(loaded, "config_type", None)
    if not isinstance(config_type, type) or not issubclass(config_type, RoleConfig):
        raise ConfigurationError(f"{described} is no role: it has no config_type that is a RoleConfig")
    if getattr(loaded, "name", None) != entry_point.name or not callable(getattr(loaded, "run", None)):
        raise ConfigurationError(f'{described} is no role: it has no run(), or its name is not "{entry_point.name}"')
    role: type[Role] = loaded
    return role


def _in_order(names: set[str] | dict[str, EntryPoint]) -> tuple[str, ...]:
    last = len(ORDER) - 1

    def rank(name: str) -> tuple[float, str]:
        return (float(ORDER.index(name)) if name in ORDER else last - 0.5, name)

    return tuple(sorted(names, key=rank))
