"""A chain in memory whose pairing precompile answers for known keys, exactly and without a pairing.

e(signature, -G2)·e(H, public) = 1 says that the signature is the secret times H: whoever knows the secrets checks that.
"""

from collections.abc import Iterable
from itertools import combinations

from tests.fakes.chain import FakeChain
from triggerx.evm.bn254 import curve, g2
from triggerx.evm.bn254.bls import BlsKey
from triggerx.evm.bn254.field import R
from triggerx.evm.types import Address, ChainId, Wei

PRECOMPILE = Address(bytes(19) + b"\x08")


class PairingChain(FakeChain):
    """Knows the sums of every selection of these keys; `pairings` counts the precompile's calls."""

    def __init__(self, keys: Iterable[BlsKey], chain_id: int | ChainId, *, now: int) -> None:
        super().__init__(chain_id, now=now)
        self.pairings = 0
        self._secrets: dict[g2.G2Point, int] = {}
        every = tuple(keys)
        for count in range(1, len(every) + 1):
            for chosen in combinations(every, count):
                public = g2.total([key.public for key in chosen])
                if public is not None:
                    self._secrets[public] = sum(key.secret for key in chosen) % R

    async def call(
        self,
        to: Address,
        data: bytes,
        *,
        sender: Address | None = None,
        value: Wei = Wei(0),
        block: int | str = "latest",
    ) -> bytes:
        if to != PRECOMPILE:
            return await super().call(to, data, sender=sender, value=value, block=block)
        self.pairings += 1
        words = [int.from_bytes(data[at : at + 32], "big") for at in range(0, len(data), 32)]
        signature, message = (words[0], words[1]), (words[6], words[7])
        public = (words[9], words[8], words[11], words[10])  # the precompile reads imaginary parts first
        holds = curve.multiply(message, self._secrets[public]) == signature
        return int(holds).to_bytes(32, "big")
