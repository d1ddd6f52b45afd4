"""An operator's account: its registration on L1 with its BLS key, and what both layers say of it.

Every transaction is waited for until it is mined. Raises as `chains.wallet` does: `CallReverted` with the contract's
reason where one would fail, `RecoverableError` where one is not mined in time.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, cast

from triggerx.chains.reads import Reads
from triggerx.chains.wallet import Outgoing, Wallet
from triggerx.core.errors import RecoverableError
from triggerx.core.network import Network
from triggerx.evm.abi import Function
from triggerx.evm.bn254.bls import REGISTRATION_DOMAIN, PublicKey, registration_message
from triggerx.evm.contracts import AttestationCenter, AvsGovernance
from triggerx.evm.types import Address, Hash32, Wei
from triggerx.ports.chain import Chain, LogFilter, Receipt
from triggerx.ports.signer import AttesterSigner

LOG_RANGE_BLOCKS: Final = 5_000  # what public endpoints answer in one query
LOOKED_BACK_BLOCKS: Final = 1_000_000  # for the registration's key: some months of L1, in two hundred queries
POLL_S: Final = 1.0  # the message between the layers takes minutes
TELL_EVERY_S: Final = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """What L2 says of an operator: None and 0 while it does not know it, and `total` of all that are active."""

    operator_id: int | None
    voting_power: int
    total: int

    @property
    def is_active(self) -> bool:
        """Whether L2 counts this operator's votes."""
        return self.operator_id is not None and self.voting_power > 0

    @property
    def share_percent(self) -> str:
        """How often the draw elects this operator first, in percent with two decimals."""
        return "0" if self.total == 0 else f"{Decimal(self.voting_power) * 100 / Decimal(self.total):.2f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorStanding:
    """What the two layers say.

    `registered_bls_key` is that of the newest registration on L1; None where there is none, or it is too long ago to be
    looked for.
    """

    is_registered: bool
    l1_voting_power: int
    l1_balance_wei: Wei
    power: Power
    l2_balance_wei: Wei
    registered_bls_key: PublicKey | None


class OperatorAccount:
    """One operator of one network; not to be used by two at once, as its wallet."""

    def __init__(self, network: Network, *, l1: Reads, l2: Reads, signer: AttesterSigner) -> None:
        self._network = network
        self._l1 = l1
        self._l2 = l2
        self.signer = signer
        self._wallet = Wallet(l1, signer)

    async def standing(self) -> OperatorStanding:
        """Ask both layers, as they stand now."""
        me = self.signer.address
        is_registered = bool(await self._governance(AvsGovernance.isOperatorRegistered))
        return OperatorStanding(
            is_registered=is_registered,
            l1_voting_power=await self._governance(AvsGovernance.votingPower),
            l1_balance_wei=await self._l1.balance(me),
            power=await power_on_l2(self._l2, self._network, me),
            l2_balance_wei=await self._l2.balance(me),
            registered_bls_key=await self._registered_key() if is_registered else None,
        )

    async def register(self, *, rewards: Address, auth_token: bytes = b"", gas: int | None = None) -> Receipt:
        """Register on L1 with the BLS key and the proof that it is held (AvsGovernance.registerAsOperator).

        The proof binds operator, contract and chain. `gas` None asks for an estimate.
        """
        network, signer = self._network, self.signer
        message = registration_message(signer.address, network.avs_governance, network.l1_chain_id)
        proof = signer.sign_bls(REGISTRATION_DOMAIN, message)
        data = AvsGovernance.registerAsOperator.encode((signer.bls_public_key, rewards, (proof,), auth_token))
        (receipt,) = await self._wallet.send_all([Outgoing(to=network.avs_governance, data=data, gas=gas)])
        return receipt

    async def unregister(self) -> Receipt:
        """Leave on L1 (AvsGovernance.unregisterAsOperatorFromAvs)."""
        return await self._wallet.send(self._network.avs_governance, AvsGovernance.unregisterAsOperatorFromAvs.encode())

    async def awaited(self, *, is_active: bool, within_s: float, tell: Callable[[int], None]) -> int | None:
        """Wait until L2 has heard what was done on L1, and return the operator's id there; None when it takes longer.

        `tell` hears every quarter of a minute how many seconds it has been. An endpoint that is away is asked again.
        """
        loop = asyncio.get_running_loop()
        began, told = loop.time(), 0.0
        while True:
            try:
                power = await power_on_l2(self._l2, self._network, self.signer.address)
                if power.is_active is is_active:
                    return power.operator_id or 0
            except RecoverableError:
                pass
            passed = loop.time() - began
            if passed >= within_s:
                return None
            if passed - told >= TELL_EVERY_S:
                told = passed
                tell(round(passed))
            await asyncio.sleep(min(POLL_S, within_s - passed))

    async def _governance(self, view: Function) -> int:
        answer = await self._l1.call(self._network.avs_governance, view.encode(self.signer.address))
        return cast("int", view.decode_output(answer)[0])

    async def _registered_key(self) -> PublicKey | None:
        event = AvsGovernance.OperatorRegistered
        me = Hash32(self.signer.address.rjust(32, b"\0"))
        wanted = LogFilter(addresses=(self._network.avs_governance,), topics=((event.topic,), (me,)))
        last = (await self._l1.head()).number
        first = max(self._network.l1_start_block, last - LOOKED_BACK_BLOCKS)
        while last >= first:
            begin = max(first, last - LOG_RANGE_BLOCKS + 1)
            if logs := await self._l1.logs(wanted, from_block=begin, to_block=last):
                key = cast("tuple[int, ...]", event.decode(logs[-1].topics, logs[-1].data)["blsKey"])
                return key[0], key[1], key[2], key[3]
            last = begin - 1
        return None


async def power_on_l2(l2: Chain, network: Network, operator: Address) -> Power:
    """Ask the Attestation Center for an operator's id and voting power, and for all the voting power there is."""
    ids, details = AttestationCenter.operatorsIdsByAddress, AttestationCenter.getActiveOperatorsDetails
    answer = await l2.call(network.attestation_center, ids.encode(operator))
    operator_id = cast("int", ids.decode_output(answer)[0])
    answer = await l2.call(network.attestation_center, details.encode())
    (rows,) = cast("tuple[list[tuple[Address, int, int]]]", details.decode_output(answer))
    power = next((row[2] for row in rows if row[0] == operator), 0)
    return Power(operator_id=operator_id or None, voting_power=power, total=sum(row[2] for row in rows))
