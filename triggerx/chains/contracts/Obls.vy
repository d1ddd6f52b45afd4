#pragma version 0.4.3
#pragma evm-version cancun
"""
@title OBLS: the operators' BLS keys, their voting power, and the check of a quorum's aggregate
@notice Anybody may read and verify; only the contract that manages it (the Attestation Center) writes.
@dev A contract of its own because the verifying part fills most of the size that a contract may have.
"""

from modules import bn254

# Attesters in one signature, and operators at all: what one block can pay for.
OPERATORS_MAX: constant(uint256) = 256
# Powers stay below this, so that no sum of them overflows.
POWER_MAX: constant(uint256) = 2**128
AUTH_DOMAIN: constant(bytes32) = keccak256("OthenticBLSAuth")


event SetOBLSManager:
    newOBLSManager: address


struct AuthSignature:
    signature: uint256[2]


owner: public(address)
getOblsManager: public(address)
totalVotingPower: public(uint256)

_keys: HashMap[uint256, uint256[4]]
# Twice the voting power, plus one while the operator is active: one slot to read for each attester.
_standing: HashMap[uint256, uint256]


@deploy
def __init__():
    self.owner = msg.sender


@external
def setOblsManager(manager: address):
    """
    @notice Names the contract that may write, once and for good; by the deployer.
    """
    if msg.sender != self.owner:
        raw_revert(method_id("NotOwner()"))
    if self.getOblsManager != empty(address):
        raw_revert(method_id("AlreadySet()"))
    if manager == empty(address):
        raw_revert(method_id("ZeroAddress()"))
    self.getOblsManager = manager
    log SetOBLSManager(newOBLSManager=manager)


@internal
@view
def _only_manager():
    if msg.sender != self.getOblsManager:
        raw_revert(method_id("NotOBLSManager()"))


@external
def registerOperator(index: uint256, votingPower: uint256, blsKey: uint256[4]):
    """
    @notice Makes an operator active, with this power and key.
    @param blsKey [x_re, x_im, y_re, y_im], whose possession was proven on L1.
    """
    self._only_manager()
    if index == 0 or self._standing[index] & 1 == 1:
        raw_revert(method_id("InvalidOperatorIndex()"))
    if votingPower == 0 or votingPower >= POWER_MAX:
        raw_revert(method_id("InvalidVotingPower()"))
    if not bn254.is_reduced_key(blsKey):
        raw_revert(method_id("InvalidBlsKey()"))
    self._keys[index] = blsKey
    self._standing[index] = votingPower * 2 + 1
    self.totalVotingPower += votingPower


@external
def unRegisterOperator(index: uint256):
    """
    @notice Makes an operator inactive; its key stays readable.
    """
    self._only_manager()
    standing: uint256 = self._standing[index]
    if standing & 1 == 0:
        raw_revert(abi_encode(index, method_id=method_id("InactiveOperator(uint256)")))
    self._standing[index] = 0
    self.totalVotingPower -= standing >> 1


@external
def modifyOperatorVotingPower(index: uint256, votingPower: uint256):
    """
    @notice Gives an active operator another power.
    """
    self._only_manager()
    standing: uint256 = self._standing[index]
    if standing & 1 == 0:
        raw_revert(abi_encode(index, method_id=method_id("InactiveOperator(uint256)")))
    if votingPower == 0 or votingPower >= POWER_MAX:
        raw_revert(method_id("InvalidVotingPower()"))
    self._standing[index] = votingPower * 2 + 1
    self.totalVotingPower = self.totalVotingPower - (standing >> 1) + votingPower


@external
@view
def isActive(index: uint256) -> bool:
    """
    @notice Whether this operator is active.
    """
    return self._standing[index] & 1 == 1


@external
@view
def votingPower(index: uint256) -> uint256:
    """
    @notice The power of an active operator, zero of any other.
    """
    return self._standing[index] >> 1


@external
@view
def getOperatorBLSPubKey(index: uint256) -> uint256[4]:
    """
    @notice The key last registered under this index, zeros when there is none.
    """
    return self._keys[index]


@external
@view
def hashToPoint(domain: bytes32, message: Bytes[bn254.MESSAGE_MAX]) -> uint256[2]:
    """
    @notice The point of G1 that operators sign for this message under this domain.
    """
    return bn254.hash_to_point(domain, message)


@external
@view
def verifySignature(
    message: uint256[2],
    signature: uint256[2],
    indexes: DynArray[uint256, OPERATORS_MAX],
    requiredVotingPower: uint256,
    minimumVotingPower: uint256,
) -> bool:
    """
    @notice Reverts unless these operators are a quorum and signed this point; never returns False.
    @param indexes Operator ids, strictly ascending.
    @param requiredVotingPower What their powers must reach together; equality is enough.
    @param minimumVotingPower What each of them must have.
    """
    if len(indexes) == 0:
        raw_revert(method_id("InvalidOperatorIndexes()"))
    previous: uint256 = 0
    power: uint256 = 0
    total: bn254.Jacobian = empty(bn254.Jacobian)
    for index: uint256 in indexes:
        if index <= previous:
            raw_revert(method_id("InvalidOperatorIndexes()"))
        previous = index
        standing: uint256 = self._standing[index]
        if standing & 1 == 0:
            raw_revert(abi_encode(index, method_id=method_id("InactiveOperator(uint256)")))
        if standing >> 1 < minimumVotingPower:
            raw_revert(
                abi_encode(index, method_id=method_id("OperatorDoesNotHaveMinimumVotingPower(uint256)"))
            )
        power = unsafe_add(power, standing >> 1)
        total = bn254.add_key(total, self._keys[index])
    if power < requiredVotingPower:
        raw_revert(method_id("InsufficientVotingPower()"))
    if (total.z_re == 0 and total.z_im == 0) or not bn254.is_g1(signature):
        raw_revert(method_id("InvalidOBLSSignature()"))
    if not bn254.verifies(message, signature, bn254.to_key(total)):
        raw_revert(method_id("InvalidOBLSSignature()"))
    return True


@external
@view
def verifyAuthSignature(
    signature: AuthSignature, operator: address, governance: address, blsKey: uint256[4]
) -> bool:
    """
    @notice Reverts unless the key's holder signed that this operator may register it at this contract on this chain;
            never returns False.
    @dev The proof binds operator, contract and chain id, so that nobody can use it elsewhere or for another.
         The pairing precompile refuses a key that is not in the group.
    """
    if not bn254.is_reduced_key(blsKey) or not bn254.is_g1(signature.signature):
        raw_revert(method_id("InvalidAuthSignature()"))
    digest: bytes32 = keccak256(abi_encode(operator, governance, chain.id))
    point: uint256[2] = bn254.hash_to_point(AUTH_DOMAIN, abi_encode(digest))
    if not bn254.verifies(point, signature.signature, blsKey):
        raw_revert(method_id("InvalidAuthSignature()"))
    return True
