"""Who this keeper is: its keys, and its place in the operator set as the chain says it."""

from triggerx.core.election import Operator
from triggerx.evm.types import Address
from triggerx.ports.signer import AttesterSigner
from triggerx.role import Services


class Identity:
    """The operator behind this keeper."""

    def __init__(self, services: Services, signer: AttesterSigner) -> None:
        self._services = services
        self.signer = signer

    @property
    def address(self) -> Address:
        """The operator's address."""
        return self.signer.address

    async def operator(self) -> Operator | None:
        """Return this operator's entry in the active set; None while it is not registered with this BLS key.

        A vote signed with another BLS key than the registered one would spoil an aggregate.
        """
        for operator in await self._services.operators.active():
            if operator.address == self.address and operator.bls_key == self.signer.bls_public_key:
                return operator
        return None
