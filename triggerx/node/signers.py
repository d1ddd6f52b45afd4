"""Which keys a node signs with: those its roles need, from the program or the files that `[keys]` names."""

from typing import Final

from triggerx.core.errors import ConfigurationError
from triggerx.node.keys import KeySigner, OperatorSigner, read_key
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
        if keys.engine_file is None:
            raise _missing(ENGINE)
        engine = KeySigner(read_key(keys.engine_file, setting="keys.engine_file"))
    if keeper is None and KEEPER in roles:
        if keys.keeper_file is None:
            raise _missing(KEEPER)
        keeper = OperatorSigner(read_key(keys.keeper_file, setting="keys.keeper_file"))
    if engine is not None and keeper is not None:
        raise ConfigurationError("an engine and a keeper cannot share one node: peers know a node by one address")
    return engine, keeper


def _missing(role: str) -> ConfigurationError:
    return ConfigurationError(
        f"the role {role} has no key: set keys.{role}_file to a file with 64 hexadecimal digits that only its owner "
        f"can read (chmod 600), or leave the role {role} out"
    )
