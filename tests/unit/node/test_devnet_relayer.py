import asyncio
from collections.abc import Sequence

import pytest

from tests.fakes.chain import FakeChain
from tests.fakes.clock import VirtualClock
from tests.fakes.log import RecordingLog
from tests.unit.core.sample import NETWORK
from triggerx.chains.wallet import Outgoing
from triggerx.core.errors import RecoverableError
from triggerx.evm.abi import encode
from triggerx.evm.contracts import AttestationCenter, AvsGovernance
from triggerx.evm.types import ZERO_HASH, Address
from triggerx.node.devnet.relayer import RETRY_S, Relayer
from triggerx.ports.chain import Log

OPERATOR = Address(b"\x55" * 20)
WORD = bytes(12) + OPERATOR


class RecordingMessenger:
    """Keeps what it is asked to send."""

    def __init__(self) -> None:
        self.sent: list[Outgoing] = []

    async def send_all(self, calls: Sequence[Outgoing]) -> None:
        self.sent += calls


def registered() -> Log:
    return Log(
        address=NETWORK.avs_governance,
        topics=(AvsGovernance.OperatorRegistered.topic, WORD),
        data=encode(["uint256[4]"], [(1, 2, 3, 4)]),
        block_number=0,
        block_hash=ZERO_HASH,
        tx_hash=ZERO_HASH,
        log_index=0,
    )


async def test_relayer_when_the_chain_does_not_answer_for_a_while_then_it_goes_on_afterwards() -> None:
    clock, log, messenger = VirtualClock(), RecordingLog(), RecordingMessenger()
    l1, l2 = FakeChain(), FakeChain()
    l1.answer(NETWORK.avs_governance, AvsGovernance.votingPower, lambda _: 1000)
    l2.answer(NETWORK.attestation_center, AttestationCenter.votingPower, lambda _: 0)
    await l1.mine(3, logs=[registered()])
    await l1.mine(3)
    l1.fault = RecoverableError("no answer")
    relayer = Relayer(NETWORK, l1=l1, l2=l2, messenger=messenger, clock=clock, log=log)
    running = asyncio.create_task(relayer.run())
    await clock.advance(RETRY_S / 2)
    assert (log.events("warning"), messenger.sent) == (["relayer waits"], [])
    l1.fault = None
    await clock.advance(RETRY_S)
    assert [call.to for call in messenger.sent] == [NETWORK.attestation_center]
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
