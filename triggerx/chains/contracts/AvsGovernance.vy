#pragma version 0.4.3
#pragma evm-version cancun
"""
@title AVS Governance: who is an operator, on L1
@notice Whoever has voting power registers with a BLS key, whose possession is proven for operator, contract and chain.
@dev The interface of the deployed AVS Governance. A messenger carries the events to the Attestation Center. Power
     comes from the governor here, where the deployed contract reads it from stake.
"""

from modules import ownership

initializes: ownership
exports: (ownership.owner, ownership.transferOwnership)

AUTH_TOKEN_MAX: constant(uint256) = 1024


struct AuthSignature:
    signature: uint256[2]


struct RegistrationParams:
    blsKey: uint256[4]
    rewardsReceiver: address
    blsRegistrationSignature: AuthSignature
    authToken: Bytes[AUTH_TOKEN_MAX]


interface IObls:
    def verifyAuthSignature(
        signature: AuthSignature, operator: address, governance: address, blsKey: uint256[4]
    ) -> bool: view


event OperatorRegistered:
    operator: indexed(address)
    blsKey: uint256[4]


event OperatorUnregistered:
    operator: indexed(address)


event SetRewardsReceiver:
    operator: indexed(address)
    receiver: address


event VotingPowerSet:
    operator: indexed(address)
    votingPower: uint256


obls: public(immutable(IObls))

votingPower: public(HashMap[address, uint256])
isOperatorRegistered: public(HashMap[address, bool])
rewardsReceiver: public(HashMap[address, address])
numOfOperators: public(uint256)


@deploy
def __init__(obls_: address, governor: address):
    if obls_ == empty(address):
        raw_revert(method_id("ZeroAddress()"))
    ownership.__init__(governor)
    obls = IObls(obls_)


@external
def registerAsOperator(registrationParams: RegistrationParams):
    """
    @notice Registers the caller; a zero receiver means the operator itself.
    """
    if self.isOperatorRegistered[msg.sender]:
        raw_revert(method_id("OperatorAlreadyRegistered()"))
    if self.votingPower[msg.sender] == 0:
        raw_revert(method_id("NotEnoughVotingPower()"))
    assert staticcall obls.verifyAuthSignature(
        registrationParams.blsRegistrationSignature, msg.sender, self, registrationParams.blsKey
    )
    self.isOperatorRegistered[msg.sender] = True
    self.numOfOperators += 1
    receiver: address = registrationParams.rewardsReceiver
    if receiver == empty(address):
        receiver = msg.sender
    self.rewardsReceiver[msg.sender] = receiver
    log SetRewardsReceiver(operator=msg.sender, receiver=receiver)
    log OperatorRegistered(operator=msg.sender, blsKey=registrationParams.blsKey)


@external
def unregisterAsOperatorFromAvs():
    """
    @notice Takes the caller out; it may come back with another key.
    """
    self._only_registered()
    self.isOperatorRegistered[msg.sender] = False
    self.numOfOperators -= 1
    log OperatorUnregistered(operator=msg.sender)


@external
def setRewardsReceiver(receiver: address):
    """
    @notice Names who receives the caller's rewards.
    """
    self._only_registered()
    if receiver == empty(address):
        raw_revert(method_id("ZeroAddress()"))
    self.rewardsReceiver[msg.sender] = receiver
    log SetRewardsReceiver(operator=msg.sender, receiver=receiver)


@internal
@view
def _only_registered():
    if not self.isOperatorRegistered[msg.sender]:
        raw_revert(method_id("OperatorNotRegistered()"))


@external
def setVotingPower(operator: address, votingPower: uint256):
    """
    @notice Gives an address voting power, by the governor.
    """
    ownership.only_owner()
    self.votingPower[operator] = votingPower
    log VotingPowerSet(operator=operator, votingPower=votingPower)
