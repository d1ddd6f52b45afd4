"""The example configuration, made from the configuration's classes: `python -m triggerx.node.example`.

Every key stands there with its meaning and its default, commented out, so that the file as it is changes nothing.
"""

import ast
import inspect
import json
import sys
import textwrap
from dataclasses import MISSING, Field
from pathlib import Path
from typing import Any, Final

from triggerx.evm.types import checksum
from triggerx.node.config.reading import config_fields
from triggerx.node.config.tables import (
    ChainConfig,
    FetchConfig,
    KeysConfig,
    LogConfig,
    NotifiersConfig,
    PeersConfig,
    ScriptsConfig,
    StoreConfig,
)
from triggerx.node.discovery import load_roles, role_names

_HEAD: Final = """\
# triggerx.toml: every key, with its default. Made by `python -m triggerx.node.example`; change the classes, not this.
#
# It is read from --config FILE, from the file that TRIGGERX_CONFIG names, or from /etc/triggerx/triggerx.toml; never
# from the working directory. Options of the command line go over environment variables, those over this file.
# Every key can be set by a variable TRIGGERX_<TABLE>__<KEY>, tables nested with two underscores:
#   TRIGGERX_NETWORK=triggerx-testnet  TRIGGERX_LOG__LEVEL=debug  TRIGGERX_CHAINS__84532__RPC_URLS=URL,URL
# Relative paths start from this file's directory. Unknown keys and wrong types are refused.

# The network this node belongs to: the name of a profile, or a table [network] with a profile's keys. A profile is
# NAME.toml in the folder networks/ of --config-dir (or TRIGGERX_CONFIG_DIR), of /etc/triggerx, or of triggerx itself,
# whose own show which keys there are.
# network = "triggerx-testnet"

# Where the node keeps its data; one node a directory. The default is triggerx/NETWORK under XDG_DATA_HOME, which is
# ~/.local/share where it is not set.
# data_dir = "/var/lib/triggerx"
"""
_TABLES: Final = (
    ("log", LogConfig),
    ("store", StoreConfig),
    ("keys", KeysConfig),
    ("peers", PeersConfig),
    ("chains.84532", ChainConfig),
    ("fetch", FetchConfig),
    ("scripts", ScriptsConfig),
    ("notifiers", NotifiersConfig),
)
_EXAMPLES: Final = {
    ("keys", "engine_file"): '"engine.key"',
    ("keys", "keeper_file"): '"keeper.key"',
    ("keys", "engine_password_file"): '"credential:engine-password"',
    ("keys", "keeper_password_file"): '"credential:keeper-password"',
    ("chains.84532", "rpc_urls"): '["https://rpc.example.org"]',
}
"""Values to show where there is no default."""
_WIDTH: Final = 116


def example() -> str:
    """The whole text of triggerx.toml.example."""
    tables = [_table(name, config_type) for name, config_type in _TABLES]
    tables += [_table(role.name, role.config_type) for role in load_roles(role_names())]
    return "\n".join([_HEAD, *tables])


def field_docs(config_type: type[object]) -> dict[str, str]:
    """The docstring under each field of a class, by the field's name."""
    body = ast.parse(textwrap.dedent(inspect.getsource(config_type))).body[0]
    docs = {}
    if isinstance(body, ast.ClassDef):
        for field, after in zip(body.body, body.body[1:], strict=False):
            match field, after:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                    docs[name] = inspect.cleandoc(text)
    return docs


def _table(name: str, config_type: type[object]) -> str:
    docs = field_docs(config_type)
    about = (inspect.getdoc(config_type) or "").partition("\n\n")[0].replace("\n", " ")
    if about == f"Table `[{name}]`.":
        about = f"The role {name}."
    lines = [*_comment(about), f"[{name}]"]
    for field in config_fields(config_type):
        lines += _comment(docs.get(field.name, ""))
        lines.append(f"# {field.name} = {_EXAMPLES.get((name, field.name)) or _value(field)}")
    if name.startswith("chains."):
        lines = [lines[0], "# One table for each chain that the network names, under its id.", *lines[1:]]
        lines = [line if line.startswith("#") else f"# {line}" for line in lines]
    return "\n".join(lines) + "\n"


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text.replace("\n", " "), _WIDTH)]


def _value(field: "Field[Any]") -> str:
    """A field's default as TOML."""
    default = field.default if field.default_factory is MISSING else field.default_factory()
    if isinstance(default, bytes):
        return json.dumps(checksum(default))
    if isinstance(default, tuple):
        return json.dumps(list(default), ensure_ascii=False)
    return json.dumps(default, ensure_ascii=False)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(example())
    else:
        sys.stdout.write(example())
