"""What a development network stands on: chains, deployed contracts, funded accounts, operators registered on L1.

Accounts by index: the deployer (also governor and messenger), the engine, the keepers, and the last for users.
"""

import asyncio
import functools
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from triggerx.chains.contracts import load
from triggerx.chains.deploy import Deployment, deploy
from triggerx.chains.development import DevelopmentChain, Kind, development_chain
from triggerx.chains.reads import Reads
from triggerx.chains.rpc import RpcClient
from triggerx.chains.wallet import Outgoing, Wallet
from triggerx.client.operators import OperatorAccount
from triggerx.core.network import ActionChain, Network, Timing
from triggerx.evm.contracts import AvsGovernance
from triggerx.evm.keys import PrivateKey
from triggerx.evm.types import Address, ChainId
from triggerx.node.devnet.relayer import Relayer
from triggerx.node.failures import most_serious
from triggerx.node.keys import OperatorSigner
from triggerx.node.options import ChainChoice, DevnetOptions
from triggerx.ports.clock import Clock
from triggerx.ports.log import Log

L2_CHAIN_ID: Final = ChainId(31337)
L1_CHAIN_ID: Final = ChainId(31338)  # where registration has a chain of its own
BLOCK_TIME_S: Final = 1
POWER_FIRST: Final = 1000
POWER_STEP: Final = 100  # voting powers 1000, 1100, 1200, …
REGISTER_GAS: Final = 900_000  # a registration with its proof of possession takes about 500,000
POWER_GAS: Final = 150_000
FIRST_KEEPER: Final = 2
EXAMPLE_FUNCTION: Final = "increment"
_ANY: Final = msgspec.json.Decoder()
_KINDS: Final[Mapping[ChainChoice, Kind | None]] = {
    ChainChoice.AUTO: None,
    ChainChoice.ANVIL: "anvil",
    ChainChoice.EMBEDDED: "embedded",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """A development network before any node runs. `reads` are for users of the network; nodes open their own."""

    chains: tuple[DevelopmentChain, ...]
    network: Network
    deployment: Deployment
    reads: Mapping[ChainId, Reads]
    keys: tuple[PrivateKey, ...]
    keeper_count: int

    @property
    def kind(self) -> str:
        """`anvil` or `embedded`."""
        return self.chains[0].kind

    @property
    def rpc_urls(self) -> Mapping[ChainId, str]:
        """Each chain's endpoint."""
        return {ChainId(chain.chain_id): chain.rpc_url for chain in self.chains}

    @property
    def ws_urls(self) -> Mapping[ChainId, str]:
        """Where each chain tells of new blocks; "" for the embedded chain, which does not."""
        return {ChainId(chain.chain_id): chain.ws_url for chain in self.chains}

    @property
    def multicalls(self) -> Mapping[ChainId, Address]:
        """Each chain's contract for many reads in one call."""
        at = self.deployment
        return {at.l1_chain_id: at.l1_multicall, at.l2_chain_id: at.l2_multicall}

    @property
    def engine(self) -> PrivateKey:
        """The engine's key."""
        return self.keys[1]

    @property
    def keepers(self) -> tuple[PrivateKey, ...]:
        """The operators' keys."""
        return self.keys[FIRST_KEEPER : FIRST_KEEPER + self.keeper_count]

    @property
    def user(self) -> PrivateKey:
        """The account that is left for users."""
        return self.keys[-1]

    @property
    def example_target(self) -> Address:
        """The contract that demonstrations call."""
        return self.deployment.example_target

    @property
    def example_abi(self) -> list[dict[str, Any]]:
        """Its JSON ABI."""
        return list(json.loads(load("ExampleTarget").abi))


@asynccontextmanager
async def development_ground(options: DevnetOptions, clock: Clock, log: Log) -> AsyncIterator[Ground]:
    """Start the chains, deploy, register the operators on L1, and relay them to L2 while the context is open."""
    kind: Kind | None = _KINDS[options.chain]
    block_time_s = BLOCK_TIME_S if options.block_time_s is None else options.block_time_s
    count = FIRST_KEEPER + options.keepers + 1
    async with AsyncExitStack() as stack:
        chains = [
            await stack.enter_async_context(
                development_chain(kind, accounts=count, block_time_s=block_time_s, chain_id=chain_id)
            )
            for chain_id in ((L2_CHAIN_ID, L1_CHAIN_ID) if options.has_own_l1 else (L2_CHAIN_ID,))
        ]
        log.info("chain started", kind=chains[0].kind, rpc_url=chains[0].rpc_url)
        reads = {}
        for chain in chains:
            client = await stack.enter_async_context(RpcClient([chain.rpc_url], chain_id=chain.chain_id))
            reads[ChainId(chain.chain_id)] = Reads(client, clock)
        keys = tuple(PrivateKey(account.private_key) for account in chains[0].accounts)
        l1 = reads[ChainId(chains[-1].chain_id)]
        deployment = await deploy(
            functools.partial(_request, reads[L2_CHAIN_ID].client),
            keys[0].reveal(),
            engine=keys[1].address,
            messenger=keys[0].address,
            l1_request=functools.partial(_request, l1.client) if options.has_own_l1 else None,
        )
        log.info("contracts deployed", block=deployment.l2_start_block)
        network = _network(deployment, keys[1].address, kind=chains[0].kind, block_time_s=block_time_s)
        ground = Ground(
            chains=tuple(chains),
            network=network,
            deployment=deployment,
            reads=reads,
            keys=keys,
            keeper_count=options.keepers,
        )
        await give_power(l1, keys[0], network, [key.address for key in ground.keepers])
        accounts = [
            OperatorAccount(network, l1=l1, l2=reads[L2_CHAIN_ID], signer=OperatorSigner(key)) for key in ground.keepers
        ]
        await asyncio.gather(*(each.register(rewards=each.signer.address, gas=REGISTER_GAS) for each in accounts))
        messenger = Wallet(reads[L2_CHAIN_ID], keys[0])
        relayer = Relayer(network, l1=l1, l2=reads[L2_CHAIN_ID], messenger=messenger, clock=clock, log=log)
        try:
            async with asyncio.TaskGroup() as group:
                relaying = group.create_task(relayer.run(), name="devnet.relayer")
                yield ground
                relaying.cancel()
        except BaseExceptionGroup as failures:
            raise most_serious(failures) from failures


async def give_power(l1: Reads, governor: PrivateKey, network: Network, operators: Sequence[Address]) -> None:
    """Give the operators voting powers 1000, 1100, 1200, … as their stake would elsewhere."""
    calls = [
        Outgoing(
            to=network.avs_governance,
            data=AvsGovernance.setVotingPower.encode(operator, POWER_FIRST + POWER_STEP * index),
            gas=POWER_GAS,
        )
        for index, operator in enumerate(operators)
    ]
    await Wallet(l1, governor).send_all(calls)


def _network(deployment: Deployment, engine: Address, *, kind: Kind, block_time_s: int) -> Network:
    confirmations = 1 if block_time_s else 0  # a chain that mines on demand may never make the next block
    seconds = float(block_time_s) or 0.1
    patience = 2 if kind == "embedded" else 1  # a pairing takes py-evm half a second
    timing = Timing(
        seed_lag_s=max(3, 2 * block_time_s + 1),
        performer_window_s=patience * max(10, 5 * block_time_s),
        announce_grace_s=max(4, 2 * block_time_s),
        aggregator_window_s=patience * max(4, 3 * block_time_s),
        epoch_s=15,
    )
    action_chain = ActionChain(
        chain_id=deployment.l2_chain_id,
        job_registry=deployment.job_registry,
        gas_registry=deployment.gas_registry,
        task_execution_hub=deployment.task_execution_hub,
        is_guarded=True,
        confirmations=0,
        block_time_s=seconds,
        start_block=deployment.l2_start_block,
    )
    return Network(
        name="devnet",
        l1_chain_id=deployment.l1_chain_id,
        l2_chain_id=deployment.l2_chain_id,
        avs_governance=deployment.avs_governance,
        attestation_center=deployment.attestation_center,
        engines=(engine,),
        l1_start_block=deployment.l1_start_block,
        l2_start_block=deployment.l2_start_block,
        l1_confirmations=confirmations,
        l2_confirmations=confirmations,
        l1_block_time_s=seconds,
        action_chains={deployment.l2_chain_id: action_chain},
        timing=timing,
    )


async def _request(client: RpcClient, method: str, params: Sequence[object]) -> object:
    return await client.call(method, params, _ANY)
