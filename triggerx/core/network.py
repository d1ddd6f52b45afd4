"""The network a node belongs to: chains, contracts, engines, and the times everybody agrees on.

Two nodes with different values here would judge the same task differently, so these values are of the network's file
(config/networks/NAME.toml), not of an operator's choice.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from triggerx.evm.types import Address, ChainId


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionChain:
    """The contracts of one chain on which actions happen. `is_guarded` is whether the hub verifies mandates.

    `confirmations` is how many blocks must lie on top before something counts there; `block_time_s` is the usual
    distance of two blocks. No event of the contracts lies before `start_block`: the first of them was deployed there.
    """

    chain_id: ChainId
    job_registry: Address
    gas_registry: Address
    task_execution_hub: Address
    is_guarded: bool
    confirmations: int
    block_time_s: float
    start_block: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """The times that performers, attesters and aggregators hold each other to, in seconds.

    `seed_lag_s`: the draw's seed is the last block at least this long before the firing, so that nobody waits for it
    and everybody sees the same one. `performer_window_s`: how long one assignment is valid. `announce_grace_s`: how
    much longer its performer may announce; a successor may announce a found action only after that.
    `aggregator_window_s`: how long each aggregator in line has before the next takes over. `epoch_s`: a check-in counts
    that long; keepers check in three times as often.
    """

    seed_lag_s: int = 4
    performer_window_s: int = 15
    announce_grace_s: int = 5
    aggregator_window_s: int = 5
    epoch_s: int = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A network by name. Registration is on `l1_chain_id`, attestation on `l2_chain_id`; they may be one chain.

    `l1_start_block` and `l2_start_block` are where their contracts were deployed; `l1_block_time_s` is L1's usual
    distance of two blocks, as `ActionChain` has it for the others.
    """

    name: str
    l1_chain_id: ChainId
    l2_chain_id: ChainId
    avs_governance: Address
    attestation_center: Address
    engines: tuple[Address, ...]
    l1_start_block: int = 0
    l2_start_block: int = 0
    l1_confirmations: int = 1
    l2_confirmations: int = 1
    l1_block_time_s: float = 12.0
    action_chains: Mapping[ChainId, ActionChain] = field(default_factory=dict)
    timing: Timing = field(default_factory=Timing)
    bootstrap: tuple[str, ...] = ()
    """Multiaddresses of peers to start from."""

    def confirmations_on(self, chain_id: ChainId) -> int | None:
        """How many blocks must lie on top before something counts on this chain; None for one of another network."""
        action_chain = self.action_chains.get(chain_id)
        if action_chain is not None:
            return action_chain.confirmations
        if chain_id == self.l2_chain_id:
            return self.l2_confirmations
        return self.l1_confirmations if chain_id == self.l1_chain_id else None

    def block_time_s_on(self, chain_id: ChainId) -> float | None:
        """The usual distance of two blocks of this chain, None where the network does not say it."""
        action_chain = self.action_chains.get(chain_id)
        if action_chain is not None:
            return action_chain.block_time_s
        return self.l1_block_time_s if chain_id == self.l1_chain_id else None

    def chain_ids(self) -> frozenset[ChainId]:
        """Every chain a node of this network must reach."""
        return frozenset({self.l1_chain_id, self.l2_chain_id, *self.action_chains})
