"""The commands about an operator's keys: `triggerx keys new`, `import`, `list`, `export` and `rotate`."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that --help answers at once

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from triggerx.cli.run import ConfigDir, ConfigFile, DataDir, NetworkName

if TYPE_CHECKING:
    from triggerx.node.key_commands import KeyPlace

app = typer.Typer(help="Make and keep an operator's keys, as keystores in a folder.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The key's name, as `triggerx keys list` shows it.")]
NewNameArgument = Annotated[str, typer.Argument(metavar="NAME", help="What the key is to be called.")]
PasswordFile = Annotated[
    Path | None,
    typer.Option(metavar="PATH", help="A file of mode 600 with the password; else the terminal is asked."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
KeysDir = Annotated[
    Path | None, typer.Option(metavar="DIR", help="The keys' folder, instead of `keys` in the data directory.")
]


@app.command("new", short_help="Make a key.")
def new(  # noqa: PLR0913 - each argument is an option of the command
    *,
    name: NewNameArgument,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
    keys_dir: KeysDir = None,
    config: ConfigFile = None,
    config_dir: ConfigDir = None,
    network: NetworkName = None,
    data_dir: DataDir = None,
) -> None:
    """Make a key and keep it under a password, as `cast wallet` and geth would; its address is printed."""
    from triggerx.node.key_commands import make_key

    there = _place(keys_dir, config, config_dir, network, data_dir)
    make_key(there, name, password_file=password_file, is_json=as_json)


@app.command("import", short_help="Take in a key of a file.")
def import_(  # noqa: PLR0913 - each argument is an option of the command
    *,
    name: NewNameArgument,
    origin: Annotated[
        Path, typer.Option("--from", metavar="FILE", help="A keystore, or a file of 64 digits, of mode 600.")
    ],
    from_password_file: Annotated[
        Path | None, typer.Option(metavar="PATH", help="A file of mode 600 with that keystore's password.")
    ] = None,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
    keys_dir: KeysDir = None,
    config: ConfigFile = None,
    config_dir: ConfigDir = None,
    network: NetworkName = None,
    data_dir: DataDir = None,
) -> None:
    """Take in a key from a keystore or a file of digits, under a password of its own; that file is left as it is."""
    from triggerx.node.key_commands import import_key

    import_key(
        _place(keys_dir, config, config_dir, network, data_dir),
        name,
        origin,
        origin_password_file=from_password_file,
        password_file=password_file,
        is_json=as_json,
    )


@app.command("list", short_help="Print the folder's keys.")
def list_(
    *,
    as_json: AsJson = False,
    keys_dir: KeysDir = None,
    config: ConfigFile = None,
    config_dir: ConfigDir = None,
    network: NetworkName = None,
    data_dir: DataDir = None,
) -> None:
    """Print every key's name, address and file mode; no password is asked, so the address is as its file says."""
    from triggerx.node.key_commands import list_keys

    list_keys(_place(keys_dir, config, config_dir, network, data_dir), is_json=as_json)


@app.command("export", short_help="Write a key's digits to a file.")
def export(  # noqa: PLR0913 - each argument is an option of the command
    *,
    name: NameArgument,
    file: Annotated[Path, typer.Option("--to", metavar="FILE", help="A file that is not there yet.")],
    password_file: PasswordFile = None,
    as_json: AsJson = False,
    keys_dir: KeysDir = None,
    config: ConfigFile = None,
    config_dir: ConfigDir = None,
    network: NetworkName = None,
    data_dir: DataDir = None,
) -> None:
    """Write a key's digits to a new file of mode 600; they are shown nowhere."""
    from triggerx.node.key_commands import export_key

    there = _place(keys_dir, config, config_dir, network, data_dir)
    export_key(there, name, file, password_file=password_file, is_json=as_json)


@app.command("rotate", short_help="Change a key's password.")
def rotate(  # noqa: PLR0913 - each argument is an option of the command
    *,
    name: NameArgument,
    password_file: PasswordFile = None,
    new_password_file: Annotated[
        Path | None, typer.Option(metavar="PATH", help="A file of mode 600 with the new password.")
    ] = None,
    as_json: AsJson = False,
    keys_dir: KeysDir = None,
    config: ConfigFile = None,
    config_dir: ConfigDir = None,
    network: NetworkName = None,
    data_dir: DataDir = None,
) -> None:
    """Put a key under another password; the old file stays until the new one was read back.

    The key stays the same: who has seen it needs no password. A network knows an operator by its key.
    """
    from triggerx.node.key_commands import rotate_key

    there = _place(keys_dir, config, config_dir, network, data_dir)
    rotate_key(there, name, password_file=password_file, new_password_file=new_password_file, is_json=as_json)


def _place(
    keys_dir: Path | None, config: Path | None, config_dir: Path | None, network: str | None, data_dir: Path | None
) -> "KeyPlace":
    from triggerx.node.config import ConfigSource
    from triggerx.node.key_commands import KeyPlace

    source = ConfigSource(config_file=config, config_dir=config_dir, network=network, data_dir=data_dir)
    return KeyPlace(keys_dir=keys_dir, source=source)
