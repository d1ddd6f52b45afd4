"""The development relayer: carries operators' registrations from L1 to L2, as the cross-chain message does elsewhere.

It stands outside the sentinel on purpose: on a real network nobody runs it, and the nodes must not miss it.
"""

from collections.abc import Sequence
from typing import Final, NoReturn, Protocol, cast

from triggerx.chains.wallet import Outgoing
from triggerx.core.errors import RecoverableError, UnrecoverableError
from triggerx.core.network import Network
from triggerx.evm.contracts import AttestationCenter, AvsGovernance
from triggerx.evm.types import Address, checksum
from triggerx.ports.chain import Chain, Log, LogFilter
from triggerx.ports.clock import Clock
from triggerx.ports.log import Log as NodeLog

RELAY_GAS: Final = 600_000  # a registration on L2 takes about 350,000
RETRY_S: Final = 2.0  # a development chain that was stopped, or is busy, answers again sooner or later


class Messenger(Protocol):
    """The account the Attestation Center takes registrations from, as `Wallet` is one."""

    async def send_all(self, calls: Sequence[Outgoing]) -> object:
        """Send these calls in their order, and wait until they are mined."""
        ...


class Relayer:
    """Reads AvsGovernance's logs from its first block on; what L2 knows already is left as it is."""

    def __init__(
        self, network: Network, *, l1: Chain, l2: Chain, messenger: Messenger, clock: Clock, log: NodeLog
    ) -> None:
        """Send on L2 as `messenger`."""
        self._network = network
        self._l1 = l1
        self._l2 = l2
        self._messenger = messenger
        self._clock = clock
        self._log = log.bind(loop="devnet.relayer")

    async def run(self) -> NoReturn:
        """Relay, for ever; a chain that does not answer is waited for."""
        while True:
            try:
                await self._follow()
            except RecoverableError as error:
                self._log.warning("relayer waits", reason=str(error))
                await self._clock.sleep(RETRY_S)

    async def _follow(self) -> NoReturn:
        events = (AvsGovernance.OperatorRegistered, AvsGovernance.OperatorUnregistered)
        wanted = LogFilter(addresses=(self._network.avs_governance,), topics=(tuple(event.topic for event in events),))
        batches = self._l1.confirmed_logs(
            wanted, after=None, start_block=self._network.l1_start_block, confirmations=self._network.l1_confirmations
        )
        async for batch in batches:
            calls = [call for log in batch.logs if (call := await self._call(log)) is not None]
            if calls:
                await self._messenger.send_all(calls)
        raise UnrecoverableError("the relayer's logs ended, which they may not")

    async def _call(self, log: Log) -> Outgoing | None:
        """Return what L2 must be told because of this log; None for what it knows already."""
        center = self._network.attestation_center
        is_leaving = log.topics[0] == AvsGovernance.OperatorUnregistered.topic
        event = AvsGovernance.OperatorUnregistered if is_leaving else AvsGovernance.OperatorRegistered
        values = event.decode(log.topics, log.data)
        operator = cast("Address", values["operator"])
        is_known = await self._power_on_l2(operator) > 0
        if is_known is not is_leaving:
            return None
        self._log.info("operator relayed", operator=checksum(operator), is_leaving=is_leaving)
        if is_leaving:
            return Outgoing(to=center, data=AttestationCenter.unregisterOperator.encode(operator), gas=RELAY_GAS)
        answer = await self._l1.call(self._network.avs_governance, AvsGovernance.votingPower.encode(operator))
        power = AvsGovernance.votingPower.decode_output(answer)[0]
        data = AttestationCenter.registerOperator.encode(operator, values["blsKey"], power, operator)
        return Outgoing(to=center, data=data, gas=RELAY_GAS)

    async def _power_on_l2(self, operator: Address) -> int:
        answer = await self._l2.call(self._network.attestation_center, AttestationCenter.votingPower.encode(operator))
        return cast("int", AttestationCenter.votingPower.decode_output(answer)[0])
