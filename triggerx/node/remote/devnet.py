"""The `devnet.json` of a development network on this machine, as `triggerx run --all` writes it when all is ready."""

from pathlib import Path
from typing import Final

import msgspec

from triggerx.core.errors import ConfigurationError
from triggerx.core.network import ActionChain
from triggerx.evm.keys import PrivateKey
from triggerx.evm.types import Address, ChainId, parse_address

DOCUMENT_NAME: Final = "devnet.json"
DOCUMENT_BYTES_MAX: Final = 1024 * 1024
BLOCK_TIME_S: Final = 1.0  # it only matters to nodes


class _Contracts(msgspec.Struct):
    job_registry: str
    gas_registry: str
    task_execution_hub: str


class _Account(msgspec.Struct):
    address: str
    private_key: str


class _Document(msgspec.Struct):
    rpc_url: str
    chain_id: int
    api_url: str
    api_key: str
    contracts: _Contracts
    accounts: list[_Account]


class DevnetDocument:
    """What a user of the network needs of it."""

    def __init__(self, file: Path, content: _Document) -> None:
        self.file = file
        self.api_url = content.api_url
        self.api_key = content.api_key
        self.rpc_url = content.rpc_url
        self.user = PrivateKey.parse(content.accounts[-1].private_key)
        """The account that is left for users; its key everybody knows."""
        self.contracts = ActionChain(
            chain_id=ChainId(content.chain_id),
            job_registry=_address(content.contracts.job_registry),
            gas_registry=_address(content.contracts.gas_registry),
            task_execution_hub=_address(content.contracts.task_execution_hub),
            is_guarded=True,
            confirmations=0,
            block_time_s=BLOCK_TIME_S,
        )

    @classmethod
    def read(cls, data_dir: Path) -> "DevnetDocument | None":
        """Read the document in this directory; None where there is none. Raises `ConfigurationError`."""
        file = data_dir / DOCUMENT_NAME
        try:
            with file.open("rb") as opened:
                content = opened.read(DOCUMENT_BYTES_MAX)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise ConfigurationError(f"{file}: cannot be read: {error.strerror}") from error
        try:
            return cls(file, msgspec.json.decode(content, type=_Document))
        except (msgspec.MsgspecError, ValueError, IndexError) as error:
            raise ConfigurationError(
                f"{file}: is not what triggerx run --all writes ({error}): start the network again, or give --api URL"
            ) from error


def _address(text: str) -> Address:
    return parse_address(text)
