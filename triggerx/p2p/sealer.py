"""This node's own envelopes: signed by its operator's or engine's key, bound to its peer id."""

from typing import Final

from triggerx.core.errors import ConfigurationError
from triggerx.core.messages import Message
from triggerx.p2p.services import PeersServices
from triggerx.wire.envelope import NONCE_BYTES
from triggerx.wire.seal import Seal, seal

_NO_KEY: Final = "this node has no key to sign messages to peers with: configure the keeper's or the engine's key"


class Sealer:
    """Signs with the node's key; raises `ConfigurationError` where there is none."""

    def __init__(self, services: PeersServices, peer_id: str) -> None:
        self._services = services
        self._domain = services.domain()
        self.peer_id = peer_id

    def seal(self, message: Message, *, lifetime_s: int) -> bytes:
        """Write the envelope, issued now; raises `InvalidInput` for a message that others would refuse."""
        signer = self._services.signer
        if signer is None:
            raise ConfigurationError(_NO_KEY)
        now = self._services.clock.now()
        with_ = Seal(
            domain=self._domain,
            sender=signer.address,
            peer_id=self.peer_id,
            nonce=self._services.chance.token_bytes(NONCE_BYTES),
            issued_at=now,
            expires_at=now + lifetime_s,
        )
        return seal(message, with_, signer.sign_digest)
