#pragma version 0.4.3
#pragma evm-version cancun
"""
@title The operators of the network on this chain, as the messenger from L1 tells of them
@notice Keys and voting power are kept by the OBLS contract, addresses and ids here.
"""

from modules import ownership

uses: ownership

OPERATORS_MAX: constant(uint256) = 256
MESSAGE_MAX: constant(uint256) = 1024


interface IObls:
    def registerOperator(index: uint256, votingPower: uint256, blsKey: uint256[4]): nonpayable
    def unRegisterOperator(index: uint256): nonpayable
    def modifyOperatorVotingPower(index: uint256, votingPower: uint256): nonpayable
    def votingPower(index: uint256) -> uint256: view
    def totalVotingPower() -> uint256: view
    def hashToPoint(domain: bytes32, message: Bytes[MESSAGE_MAX]) -> uint256[2]: view
    def verifySignature(
        message: uint256[2],
        signature: uint256[2],
        indexes: DynArray[uint256, OPERATORS_MAX],
        requiredVotingPower: uint256,
        minimumVotingPower: uint256,
    ) -> bool: view


struct OperatorDetails:
    operator: address
    operatorId: uint256
    votingPower: uint256


event OperatorRegisteredToNetwork:
    operator: indexed(address)
    votingPower: uint256


event OperatorUnregisteredFromNetwork:
    operatorId: indexed(uint256)


event OperatorBlsKeyUpdated:
    operator: indexed(address)
    blsKey: uint256[4]


event VotingPowerUpdated:
    operator: indexed(address)
    votingPower: uint256


event SetMessageHandler:
    newMessageHandler: address


obls: public(immutable(IObls))

messageHandler: public(address)
# An operator keeps its id for good, through leaving and coming back; ids count from 1.
operatorsIdsByAddress: public(HashMap[address, uint256])
rewardsReceiver: public(HashMap[address, address])

_last_id: uint256
_active: DynArray[address, OPERATORS_MAX]
# Position in the list of active operators plus one; zero for the others.
_position: HashMap[address, uint256]


@deploy
def __init__(obls_: address, messageHandler_: address):
    if obls_ == empty(address) or messageHandler_ == empty(address):
        raw_revert(method_id("ZeroAddress()"))
    obls = IObls(obls_)
    self.messageHandler = messageHandler_
    log SetMessageHandler(newMessageHandler=messageHandler_)


@internal
@view
def is_active(operator: address) -> bool:
    """
    @notice Whether this address is an active operator.
    """
    return self._position[operator] != 0


@internal
@view
def total_power(minimum: uint256) -> uint256:
    """
    @notice The power of the active operators who have at least the minimum each.
    """
    if minimum == 0:
        return staticcall obls.totalVotingPower()
    total: uint256 = 0
    for operator: address in self._active:
        power: uint256 = staticcall obls.votingPower(self.operatorsIdsByAddress[operator])
        if power >= minimum:
            total += power
    return total


@internal
@view
def _only_message_handler():
    if msg.sender != self.messageHandler:
        raw_revert(method_id("NotMessageHandler()"))


@external
def registerOperator(
    operator: address, blsKey: uint256[4], votingPower: uint256, rewardsReceiver: address
):
    """
    @notice Makes an operator active; its key's possession was proven on L1.
    """
    self._only_message_handler()
    if operator == empty(address):
        raw_revert(method_id("ZeroAddress()"))
    if self._position[operator] != 0:
        raw_revert(method_id("OperatorAlreadyRegistered()"))
    if len(self._active) == OPERATORS_MAX:
        raw_revert(method_id("TooManyOperators()"))
    operator_id: uint256 = self.operatorsIdsByAddress[operator]
    if operator_id == 0:
        operator_id = self._last_id + 1
        self._last_id = operator_id
        self.operatorsIdsByAddress[operator] = operator_id
    self._active.append(operator)
    self._position[operator] = len(self._active)
    self.rewardsReceiver[operator] = rewardsReceiver
    extcall obls.registerOperator(operator_id, votingPower, blsKey)
    log OperatorRegisteredToNetwork(operator=operator, votingPower=votingPower)
    log OperatorBlsKeyUpdated(operator=operator, blsKey=blsKey)


@external
def unregisterOperator(operator: address):
    """
    @notice Makes an operator inactive.
    """
    self._only_message_handler()
    position: uint256 = self._position[operator]
    if position == 0:
        raw_revert(abi_encode(operator, method_id=method_id("OperatorNotRegistered(address)")))
    last: address = self._active.pop()
    if last != operator:
        self._active[position - 1] = last
        self._position[last] = position
    self._position[operator] = 0
    operator_id: uint256 = self.operatorsIdsByAddress[operator]
    extcall obls.unRegisterOperator(operator_id)
    log OperatorUnregisteredFromNetwork(operatorId=operator_id)


@external
def updateVotingPower(operator: address, votingPower: uint256):
    """
    @notice Gives an active operator the power it now has on L1.
    """
    self._only_message_handler()
    if self._position[operator] == 0:
        raw_revert(abi_encode(operator, method_id=method_id("OperatorNotRegistered(address)")))
    extcall obls.modifyOperatorVotingPower(self.operatorsIdsByAddress[operator], votingPower)
    log VotingPowerUpdated(operator=operator, votingPower=votingPower)


@external
@view
def isActiveOperator(operator: address) -> bool:
    """
    @notice Whether this address is an active operator.
    """
    return self.is_active(operator)


@external
@view
def votingPower(operator: address) -> uint256:
    """
    @notice The power of an active operator, zero of anybody else.
    """
    return staticcall obls.votingPower(self.operatorsIdsByAddress[operator])


@external
@view
def numOfActiveOperators() -> uint256:
    """
    @notice How many operators are active.
    """
    return len(self._active)


@external
@view
def getActiveOperatorsDetails() -> DynArray[OperatorDetails, OPERATORS_MAX]:
    """
    @notice Every active operator with id and power, in no promised order.
    """
    details: DynArray[OperatorDetails, OPERATORS_MAX] = []
    for operator: address in self._active:
        operator_id: uint256 = self.operatorsIdsByAddress[operator]
        details.append(
            OperatorDetails(
                operator=operator,
                operatorId=operator_id,
                votingPower=staticcall obls.votingPower(operator_id),
            )
        )
    return details


@external
def setMessageHandler(newMessageHandler: address):
    """
    @notice Names the messenger from L1, by the owner.
    """
    ownership.only_owner()
    if newMessageHandler == empty(address):
        raw_revert(method_id("ZeroAddress()"))
    self.messageHandler = newMessageHandler
    log SetMessageHandler(newMessageHandler=newMessageHandler)
