"""What the nexus uses of the node, all of it through ports."""

from dataclasses import dataclass

from triggerx.core.network import Network
from triggerx.ports.clock import Chance, Clock
from triggerx.ports.log import Log
from triggerx.ports.operators import Operators
from triggerx.ports.signer import Signer
from triggerx.ports.store import Store
from triggerx.wire.envelope import PeerDomain


@dataclass(frozen=True, slots=True, kw_only=True)
class PeersServices:
    """The node's side of the peer network. Without a `signer` it listens, and neither announces nor asks."""

    network: Network
    signer: Signer | None
    operators: Operators
    store: Store
    clock: Clock
    chance: Chance
    log: Log

    def domain(self) -> PeerDomain:
        """Return the network that this node's envelopes are signed for."""
        return PeerDomain(chain_id=self.network.l2_chain_id, attestation_center=self.network.attestation_center)
