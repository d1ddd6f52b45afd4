"""Which API is asked, with which key, and on which chain an owner acts.

The options come first, then the environment, then the `devnet.json` of a development network on this machine. A key is
read from a file or from the environment: as an argument it would stand in the list of processes.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

from triggerx.chains.reads import Reads
from triggerx.chains.rpc import RpcClient
from triggerx.client.api import Api, check_url
from triggerx.client.owner import Owner
from triggerx.core.errors import ConfigurationError, InvalidInput
from triggerx.core.job import JobId
from triggerx.core.job_body import chain_id_of
from triggerx.core.network import ActionChain
from triggerx.evm.types import ChainId
from triggerx.node.clock import SystemClock
from triggerx.node.config import Config, ConfigSource, load_config
from triggerx.node.discovery import role_names
from triggerx.node.keys import KeySigner, read_api_key, read_key
from triggerx.node.options import UsageError
from triggerx.node.passwords import password_source
from triggerx.node.remote.devnet import DOCUMENT_NAME, DevnetDocument

API_VARIABLE: Final = "TRIGGERX_API"
KEY_VARIABLE: Final = "TRIGGERX_API_KEY"
API_KEY_CHARS_MAX: Final = 256


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the commands act, as it was asked for; what is asked for wrongly raises `UsageError` when it is needed."""

    api: str | None = None
    api_key_file: Path | None = None
    key_file: Path | None = None
    key_password_file: Path | None = None
    rpc: str | None = None
    source: ConfigSource = field(default_factory=ConfigSource)

    @cached_property
    def devnet(self) -> DevnetDocument | None:
        """The development network that is asked: none where another API is named."""
        if self._named_api is not None or self._config.network is not None:
            return None
        return DevnetDocument.read(self._config.data_dir)

    @cached_property
    def api_url(self) -> str:
        """The API's address."""
        url = self._named_api or (None if self.devnet is None else self.devnet.api_url)
        if url is None:
            raise UsageError(
                f"no API is named: give --api URL, or set {API_VARIABLE}; or start a network on this machine by "
                f"triggerx run --all, which writes {self._config.data_dir / DOCUMENT_NAME}"
            )
        try:
            return check_url(url, self.api_named_by)
        except InvalidInput as error:
            raise UsageError(str(error)) from error

    @property
    def api_named_by(self) -> str:
        """Where the API's address was taken from."""
        if self.api:
            return "--api"
        return API_VARIABLE if self.devnet is None else str(self.devnet.file)

    @cached_property
    def api_key(self) -> str | None:
        """The API's key; None asks as anybody."""
        if self.api_key_file is not None:
            try:
                return read_api_key(self.api_key_file, setting="--api-key-file")
            except ConfigurationError as error:
                raise UsageError(str(error)) from error
        text = self.source.environ.get(KEY_VARIABLE, "").strip()
        if text:
            if not text.isascii() or not text.isprintable() or " " in text or len(text) > API_KEY_CHARS_MAX:
                raise UsageError(
                    f"{KEY_VARIABLE}: expected an API key of one word, as triggerx api-key create prints it"
                )
            return text
        return None if self.devnet is None else self.devnet.api_key

    @cached_property
    def signer(self) -> KeySigner | None:
        """The owner's key: the file's, else the user's of the development network; None where there is neither."""
        if self.key_file is not None:
            prompt = f"Password of {self.key_file}"
            password = password_source(self.key_password_file, prompt=prompt, option="--key-password-file")
            try:
                return KeySigner(read_key(self.key_file, setting="--key-file", password=password))
            except ConfigurationError as error:
                raise UsageError(str(error)) from error
        return None if self.devnet is None else KeySigner(self.devnet.user)

    @cached_property
    def default_chain_id(self) -> ChainId | None:
        """The chain that is meant where a job names none: the only one there is."""
        known = self._known_contracts
        return next(iter(known)) if len(known) == 1 else None

    def contracts(self, chain_id: ChainId | None) -> ActionChain:
        """The contracts of an action chain; None is the only one there is."""
        known = self._known_contracts
        if not known:
            raise UsageError(
                "the chain's contracts are not known here: name the network by --network NAME, or by --config FILE"
            )
        wanted = self.default_chain_id if chain_id is None else chain_id
        if wanted not in known:
            there = ", ".join(str(each) for each in sorted(known))
            raise UsageError(
                f"the job is of chain {wanted}, this network's action chains are {there}: name the other network"
            )
        return known[wanted]

    def check_made_here(self, job_id: JobId) -> None:
        """Refuse the number of a job that was made on a chain which is not this network's, or that is none."""
        chain_id, known = chain_id_of(job_id), self._known_contracts
        if known and chain_id not in known:
            there = ", ".join(str(each) for each in sorted(known))
            raise UsageError(
                f"JOB: is {job_id}, which was made on chain {chain_id}, and this network's action chains are {there}: "
                "take a number that triggerx jobs list shows, or name the other network"
            )

    @asynccontextmanager
    async def open_api(self) -> AsyncIterator[Api]:
        """Open the connections to the API."""
        async with Api.open(self.api_url, key=self.api_key, named_by=self.api_named_by) as api:
            yield api

    @asynccontextmanager
    async def open_owner(self, chain_id: ChainId | None) -> AsyncIterator[Owner]:
        """Open the connections to the chain, to act on it with the owner's key."""
        signer, contracts = self.required_signer(), self.contracts(chain_id)
        async with RpcClient(self._rpc_urls(contracts.chain_id), chain_id=contracts.chain_id) as client:
            yield Owner(Reads(client, SystemClock()), contracts, signer)

    def required_signer(self) -> KeySigner:
        """The owner's key, or the advice to give one."""
        if self.signer is None:
            raise UsageError("the owner's key is needed for this: give --key-file PATH, a file of mode 600")
        return self.signer

    def _rpc_urls(self, chain_id: ChainId) -> tuple[str, ...]:
        if self.rpc is not None:
            try:
                return (check_url(self.rpc, "--rpc") if "?" not in self.rpc else self.rpc,)
            except InvalidInput as error:
                raise UsageError(str(error)) from error
        if self.devnet is not None:
            return (self.devnet.rpc_url,)
        chain = self._config.chains.get(chain_id)
        if chain is None:
            raise UsageError(f"chain {chain_id} has no endpoint here: give --rpc URL")
        return tuple(chain.rpc_urls)

    @cached_property
    def _known_contracts(self) -> dict[ChainId, ActionChain]:
        if self.devnet is not None:
            return {self.devnet.contracts.chain_id: self.devnet.contracts}
        network = self._config.network
        return {} if network is None else dict(network.action_chains)

    @property
    def _named_api(self) -> str | None:
        return self.api or self.source.environ.get(API_VARIABLE) or None

    @cached_property
    def _config(self) -> Config:
        return load_config(self.source, role_names())
