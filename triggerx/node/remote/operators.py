"""What `triggerx operator register`, `status` and `unregister` do: transactions on L1, and both layers' word.

Each may be typed again at any time: what is done already is said, and not done twice.
"""

import json
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from triggerx.chains.reads import Reads
from triggerx.chains.rpc import RpcClient
from triggerx.client.operators import OperatorAccount, OperatorStanding, Power
from triggerx.core.errors import ConfigurationError, UnavailableError
from triggerx.core.network import Network
from triggerx.evm.types import (
    ZERO_ADDRESS,
    Address,
    ChainId,
    Wei,
    checksum,
    from_hex,
    parse_typed_address,
    to_hex,
)
from triggerx.node.clock import SystemClock
from triggerx.node.config import Config, ConfigSource, load_config
from triggerx.node.discovery import role_names
from triggerx.node.key_commands import digits, short
from triggerx.node.keys import OperatorSigner, read_key
from triggerx.node.options import UsageError
from triggerx.node.passwords import password_source
from triggerx.node.remote.jobs import run
from triggerx.node.remote.output import print_document, print_line, say
from triggerx.node.signers import KEEPER, role_key
from triggerx.ports.chain import CallReverted

MISSING: Final = 1
"""The exit status of a look at an operator that cannot work yet."""
_MEANINGS: Final[Mapping[str, str]] = {
    "InvalidAuthSignature()": "it does not take the proof that the BLS key is held",
    "NotEnoughVotingPower()": "the operator has no voting power yet: deposit stake into the network's strategies first",
    "OperatorAlreadyRegistered()": "the operator is registered already",
    "OperatorNotRegistered()": "the operator is not registered",
}
"""What AvsGovernance's errors mean to who registers."""


@dataclass(frozen=True, kw_only=True)
class OperatorPlace:
    """Which network is meant, and with which key: the one named, else the configured keeper's."""

    key_file: Path | None = None
    key_password_file: Path | None = None
    source: ConfigSource = field(default_factory=ConfigSource)

    def config(self) -> tuple[Config, Network]:
        """The configuration; raises `ConfigurationError` where it names no network."""
        config = load_config(self.source, role_names())
        if config.network is None:
            raise ConfigurationError(
                "no network is configured, so there is none to be an operator of: give --config FILE or --network "
                "NAME, or set network in triggerx.toml"
            )
        return config, config.network

    def signer(self, config: Config) -> OperatorSigner:
        """The operator's key, with the BLS key that follows from it."""
        file = self.key_file or config.keys.keeper_file
        prompt = f"Password of {file}"
        password = password_source(self.key_password_file, prompt=prompt, option="--key-password-file")
        if self.key_file is None:
            is_configured = self.key_password_file is None and config.keys.keeper_password_file is not None
            return OperatorSigner(role_key(config.keys, KEEPER, password=None if is_configured else password))
        try:
            return OperatorSigner(read_key(self.key_file, setting="--key-file", password=password))
        except ConfigurationError as error:
            raise UsageError(str(error)) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterOrder:
    """How to register: who receives the rewards (None is the operator), and a token where the network wants one."""

    rewards: Address | None
    auth_token: bytes
    wait_s: float

    @classmethod
    def of(cls, *, rewards: str | None, auth_token: str | None, wait_s: float) -> "RegisterOrder":
        """Read the options; raises `UsageError`."""
        try:
            address = None if rewards is None else parse_typed_address(rewards)
        except ValueError as error:
            raise UsageError(f"--rewards: {error}") from error
        if address == ZERO_ADDRESS:
            raise UsageError("--rewards: the zero address is nobody's: leave the option out for the operator itself")
        try:
            token = b"" if auth_token is None else from_hex(auth_token)
        except ValueError as error:
            raise UsageError(f"--auth-token: {error}") from error
        return cls(rewards=address, auth_token=token, wait_s=wait_s)


def register(place: OperatorPlace, order: RegisterOrder, *, is_json: bool) -> None:
    """Register on L1 unless that is done, and wait until L2 has heard of it."""
    config, network = place.config()
    signer = place.signer(config)
    standing = run(lambda: _registered(config, network, signer, order))
    _show(network, signer, standing, is_json=is_json)


def status(place: OperatorPlace, *, is_json: bool) -> int:
    """Print what both layers say, and what is missing; returns the exit status."""
    config, network = place.config()
    signer = place.signer(config)
    standing = run(lambda: _standing(config, network, signer))
    return MISSING if _show(network, signer, standing, is_json=is_json) else 0


def unregister(place: OperatorPlace, *, is_confirmed: bool, wait_s: float, is_json: bool) -> None:
    """Leave on L1 unless that is done, once a person has said so, and wait until L2 has heard of it."""
    config, network = place.config()
    signer = place.signer(config)
    standing = run(lambda: _standing(config, network, signer))
    if standing.is_registered and not is_confirmed:
        _confirm(signer, network)
    standing = run(lambda: _unregistered(config, network, signer, wait_s))
    _show(network, signer, standing, is_json=is_json)


async def _standing(config: Config, network: Network, signer: OperatorSigner) -> OperatorStanding:
    async with _account(config, network, signer) as account:
        return await account.standing()


async def _registered(
    config: Config, network: Network, signer: OperatorSigner, order: RegisterOrder
) -> OperatorStanding:
    async with _account(config, network, signer) as account:
        standing, me = await account.standing(), checksum(signer.address)
        if standing.is_registered:
            if standing.registered_bls_key not in (None, signer.bls_public_key):
                raise UsageError(
                    f"{me} is registered with another BLS key than follows from this key, and its votes would not "
                    "count: triggerx operator unregister first"
                )
            say(f"{me} is registered on chain {network.l1_chain_id} already")
        else:
            try:
                receipt = await account.register(rewards=order.rewards or signer.address, auth_token=order.auth_token)
            except CallReverted as error:
                raise _refused(error) from error
            say(f"{me} was registered on chain {network.l1_chain_id} by transaction {to_hex(receipt.tx_hash)}")
        await _wait(account, network, order.wait_s, is_active=True)
        return await account.standing()


async def _unregistered(config: Config, network: Network, signer: OperatorSigner, wait_s: float) -> OperatorStanding:
    async with _account(config, network, signer) as account:
        me = checksum(signer.address)
        if (await account.standing()).is_registered:
            try:
                receipt = await account.unregister()
            except CallReverted as error:
                raise _refused(error) from error
            say(f"{me} was unregistered on chain {network.l1_chain_id} by transaction {to_hex(receipt.tx_hash)}")
        else:
            say(f"{me} is not registered on chain {network.l1_chain_id}")
        await _wait(account, network, wait_s, is_active=False)
        return await account.standing()


async def _wait(account: OperatorAccount, network: Network, wait_s: float, *, is_active: bool) -> None:
    """Wait for L2, telling how long it has been; raises `UnavailableError` when it takes longer."""
    if wait_s == 0:
        return
    chain_id = network.l2_chain_id

    def tell(seconds: int) -> None:
        say(f"waiting for chain {chain_id} to hear of it: {seconds} s of {wait_s:g} s")

    if await account.awaited(is_active=is_active, within_s=wait_s, tell=tell) is None:
        raise UnavailableError(
            f"chain {chain_id} has not heard of it within {wait_s:g} s. What was done on chain {network.l1_chain_id} "
            "stands, and the message may take longer: triggerx operator status shows when it has come"
        )


@asynccontextmanager
async def _account(config: Config, network: Network, signer: OperatorSigner) -> AsyncIterator[OperatorAccount]:
    l1, l2 = network.l1_chain_id, network.l2_chain_id
    async with opened_chains(config, (l1, l2)) as reads:
        yield OperatorAccount(network, l1=reads[l1], l2=reads[l2], signer=signer)


@asynccontextmanager
async def opened_chains(config: Config, chain_ids: Iterable[ChainId]) -> AsyncIterator[dict[ChainId, Reads]]:
    """Open the configured endpoints of these chains; nothing is asked yet. Raises `ConfigurationError` for none."""
    async with AsyncExitStack() as stack:
        reads: dict[ChainId, Reads] = {}
        for chain_id in sorted(set(chain_ids)):
            chain = config.chains.get(chain_id)
            if chain is None:
                raise ConfigurationError(
                    f"{config.source}: chain {chain_id} has no endpoint: set rpc_urls in the table [chains.{chain_id}]"
                )
            client = await stack.enter_async_context(RpcClient(chain.rpc_urls, chain_id=chain_id))
            reads[chain_id] = Reads(client, SystemClock(), multicall=chain.multicall)
        yield reads


def _refused(error: CallReverted) -> UsageError:
    meaning = _MEANINGS.get(error.reason)
    return UsageError(f"AvsGovernance refuses it: {error.reason}" + (f": {meaning}" if meaning else ""))


def _confirm(signer: OperatorSigner, network: Network) -> None:
    """Have a person say yes; raises `UsageError` for anything else."""
    if not sys.stdin.isatty():
        raise UsageError("--yes: there is no terminal to ask whether it is meant: give --yes")
    sys.stderr.write(
        f"{checksum(signer.address)} will no longer be an operator of {network.name}: it gets no tasks, and its votes "
        "do not count. Type yes to go on: "
    )
    sys.stderr.flush()
    if sys.stdin.readline().strip() != "yes":
        raise UsageError("nothing was done: it was not confirmed")


def _show(network: Network, signer: OperatorSigner, standing: OperatorStanding, *, is_json: bool) -> list[str]:
    """Print the answer, and return what is missing."""
    missing = list(_missing(network, signer, standing))
    document = _document(network, signer, standing)
    if is_json:
        sys.stdout.write(json.dumps({**document, "missing": missing}, ensure_ascii=False) + "\n")
        return missing
    print_document({**document, "bls_public_key": short(signer.bls_public_key)})
    for sentence in missing:
        print_line(f"missing: {sentence}")
    return missing


def _document(network: Network, signer: OperatorSigner, standing: OperatorStanding) -> dict[str, object]:
    """Amounts and powers are text, as the API has them."""
    known = standing.registered_bls_key
    return {
        "network": network.name,
        "operator": checksum(signer.address),
        "bls_public_key": digits(signer.bls_public_key),
        "is_bls_key_known": None if known is None else known == signer.bls_public_key,
        "l1": {
            "chain_id": network.l1_chain_id,
            "is_registered": standing.is_registered,
            "voting_power": str(standing.l1_voting_power),
            "balance_wei": str(standing.l1_balance_wei),
        },
        "l2": {
            "chain_id": network.l2_chain_id,
            **power_row(standing.power),
            "balance_wei": str(standing.l2_balance_wei),
        },
    }


def power_row(power: Power) -> dict[str, object]:
    """What L2 says of an operator, as it is shown."""
    return {
        "operator_id": power.operator_id,
        "is_active": power.is_active,
        "voting_power": str(power.voting_power),
        "total_voting_power": str(power.total),
        "share_percent": power.share_percent,
    }


def _missing(network: Network, signer: OperatorSigner, standing: OperatorStanding) -> list[str]:
    found = []
    l1, l2 = network.l1_chain_id, network.l2_chain_id
    if standing.l1_voting_power == 0:
        found.append(f"it has no voting power on chain {l1}: deposit stake into the network's strategies")
    if not standing.is_registered:
        found.append(f"it is not registered on chain {l1}: triggerx operator register")
    elif standing.registered_bls_key not in (None, signer.bls_public_key):
        found.append(
            "it is registered with another BLS key, and its votes would not count: triggerx operator unregister, then "
            "register"
        )
    elif not standing.power.is_active:
        found.append(f"chain {l2} does not count it yet: the message from chain {l1} takes some minutes")
    if standing.l2_balance_wei == Wei(0):
        found.append(f"it has no ether on chain {l2}, and cannot pay for a transaction there")
    return found
