"""Which keys a node signs with: those its roles need, from the program or the files that `[keys]` names."""

import functools
from collections.abc import Callable
from typing import Final

from triggerx.core.errors import ConfigurationError
from triggerx.evm.keys import PrivateKey
from triggerx.node.config import KeysConfig
from triggerx.node.keys import KeySigner, OperatorSigner, read_key
from triggerx.node.passwords import read_password
from triggerx.node.settings import NodeSettings
from triggerx.ports.signer import AttesterSigner, Signer

ENGINE: Final = "engine"
KEEPER: Final = "keeper"
"""The roles that cannot be without a key."""


def node_signers(settings: NodeSettings) -> tuple[Signer | None, AttesterSigner | None]:
    """The engine's and the keeper's signer, each where its role runs here or the program gave one.

    Raises `ConfigurationError` for a key that is missing or unfit; a key that nobody uses here is not read.
    """
    keys, roles = settings.config.keys, settings.roles
    engine, keeper = settings.engine_signer, settings.keeper_signer
    if engine is None and ENGINE in roles:
        engine = KeySigner(role_key(keys, ENGINE))
    if keeper is None and KEEPER in roles:
        keeper = OperatorSigner(role_key(keys, KEEPER))
    if engine is not None and keeper is not None:
        raise ConfigurationError("an engine and a keeper cannot share one node: peers know a node by one address")
    return engine, keeper


def role_key(keys: KeysConfig, role: str, *, password: Callable[[], bytes] | None = None) -> PrivateKey:
    """The key that is configured for the engine or the keeper; raises `ConfigurationError` as `node_signers`.

    `password` opens its keystore where it is given, else the file that is configured beside it.
    """
    is_engine = role == ENGINE
    file = keys.engine_file if is_engine else keys.keeper_file
    password_file = keys.engine_password_file if is_engine else keys.keeper_password_file
    if file is None:
        raise ConfigurationError(
            f"the role {role} has no key: set keys.{role}_file to a keystore, or to a file with 64 hexadecimal digits "
            f"that only its owner can read (chmod 600), or leave the role {role} out"
        )
    setting = f"keys.{role}_password_file"
    configured = functools.partial(read_password, password_file, setting=setting)
    return read_key(file, setting=f"keys.{role}_file", password=password or configured)
