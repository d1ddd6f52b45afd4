#pragma version 0.4.3
#pragma evm-version cancun
"""
@title Mandates: what an owner allows, what fired, who was assigned, and the identities of all three
@notice The EIP-712 domain is that of the contract which uses this module: name triggerx, version 1.
"""

DATA_MAX: constant(uint256) = 8192

KIND_TIME: constant(uint8) = 1
KIND_EVENT: constant(uint8) = 2
KIND_CONDITION: constant(uint8) = 3
KIND_MANUAL: constant(uint8) = 4
SECURITY_LOWEST: constant(uint8) = 4

DOMAIN_TYPE: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
NAME_HASH: constant(bytes32) = keccak256("triggerx")
VERSION_HASH: constant(bytes32) = keccak256("1")
MANDATE_TYPE: constant(bytes32) = keccak256(
    "Mandate(uint256 jobId,bytes32 jobHash,uint256 version,address owner,address target,bytes4 selector,bytes32 calldataHash,uint256 valueMax,uint256 feeMax,uint256 innerGasMin,uint32 runsMax,uint32 spacing,uint8 attemptsMax,uint8 security,uint64 notBefore,uint64 expiry)"
)
ASSIGNMENT_TYPE: constant(bytes32) = keccak256(
    "Assignment(bytes32 taskKey,address performer,uint8 attempt,uint64 notBefore,uint64 notAfter)"
)

# What an owner allows: see the checks for each field. calldataHash is zero when the arguments are dynamic.
struct Mandate:
    jobId: uint256
    jobHash: bytes32
    version: uint256
    owner: address
    target: address
    selector: bytes4
    calldataHash: bytes32
    valueMax: uint256
    feeMax: uint256
    innerGasMin: uint256
    runsMax: uint32
    spacing: uint32
    attemptsMax: uint8
    security: uint8
    notBefore: uint64
    expiry: uint64


# What made the job due: a due second, a log's ordinal in the receipt of a transaction, or the number of an edge.
struct Firing:
    kind: uint8
    index: uint256
    chainId: uint256
    txHash: bytes32


# Who runs a firing, and when. An attempt's number is used once for a key, and numbers only grow.
struct Assignment:
    taskKey: bytes32
    performer: address
    attempt: uint8
    notBefore: uint64
    notAfter: uint64


@internal
@view
def check_firing(firing: Firing):
    """
    @notice Reverts unless the fields are those of the firing's kind and a due second has come.
    """
    if firing.kind == KIND_EVENT:
        if firing.chainId == 0 or firing.txHash == empty(bytes32):
            raw_revert(method_id("InvalidFiring()"))
        return
    if firing.kind < KIND_TIME or firing.kind > KIND_MANUAL:
        raw_revert(method_id("InvalidFiring()"))
    if firing.chainId != 0 or firing.txHash != empty(bytes32):
        raw_revert(method_id("InvalidFiring()"))
    if firing.kind == KIND_TIME and firing.index > block.timestamp:
        raw_revert(method_id("FiringInFuture()"))


@internal
@view
def check_terms(mandate: Mandate):
    """
    @notice Reverts outside the mandate's time, and for a security level that does not exist.
    """
    if block.timestamp < convert(mandate.notBefore, uint256):
        raw_revert(method_id("MandateNotYetValid()"))
    if block.timestamp > convert(mandate.expiry, uint256):
        raw_revert(method_id("MandateExpired()"))
    if mandate.security == 0 or mandate.security > SECURITY_LOWEST:
        raw_revert(method_id("InvalidSecurity()"))


@internal
@view
def check_call(mandate: Mandate, fee: uint256, eth_value: uint256, data: Bytes[DATA_MAX]):
    """
    @notice Reverts unless price, value and calldata are what the mandate allows.
    """
    if fee > mandate.feeMax:
        raw_revert(method_id("FeeAboveCap()"))
    if eth_value > mandate.valueMax:
        raw_revert(method_id("ValueAboveCap()"))
    # Calldata without a selector is only the empty one, under the selector zero: a plain transfer.
    selector: bytes4 = empty(bytes4)
    if len(data) >= 4:
        selector = convert(slice(data, 0, 4), bytes4)
    elif len(data) != 0:
        raw_revert(method_id("SelectorMismatch()"))
    if selector != mandate.selector:
        raw_revert(method_id("SelectorMismatch()"))
    if mandate.calldataHash != empty(bytes32) and keccak256(data) != mandate.calldataHash:
        raw_revert(method_id("CalldataMismatch()"))
    # A call of an account without code would count as a success.
    if len(data) != 0 and not mandate.target.is_contract:
        raw_revert(method_id("TargetHasNoCode()"))


@internal
@pure
def task_key(job_id: uint256, firing: Firing) -> bytes32:
    return keccak256(abi_encode(job_id, firing.kind, firing.index, firing.chainId, firing.txHash))


@internal
@view
def _typed(struct_hash: bytes32) -> bytes32:
    domain: bytes32 = keccak256(abi_encode(DOMAIN_TYPE, NAME_HASH, VERSION_HASH, chain.id, self))
    return keccak256(concat(x"1901", domain, struct_hash))


@internal
@view
def mandate_digest(mandate: Mandate) -> bytes32:
    return self._typed(
        keccak256(
            abi_encode(
                MANDATE_TYPE,
                mandate.jobId,
                mandate.jobHash,
                mandate.version,
                mandate.owner,
                mandate.target,
                mandate.selector,
                mandate.calldataHash,
                mandate.valueMax,
                mandate.feeMax,
                mandate.innerGasMin,
                mandate.runsMax,
                mandate.spacing,
                mandate.attemptsMax,
                mandate.security,
                mandate.notBefore,
                mandate.expiry,
            )
        )
    )


@internal
@view
def assignment_digest(assignment: Assignment) -> bytes32:
    return self._typed(
        keccak256(
            abi_encode(
                ASSIGNMENT_TYPE,
                assignment.taskKey,
                assignment.performer,
                assignment.attempt,
                assignment.notBefore,
                assignment.notAfter,
            )
        )
    )


@external
@pure
def taskKey(jobId: uint256, firing: Firing) -> bytes32:
    """
    @notice The identity of a firing of a job.
    """
    return self.task_key(jobId, firing)


@external
@view
def mandateDigest(mandate: Mandate) -> bytes32:
    """
    @notice What the owner signs.
    """
    return self.mandate_digest(mandate)


@external
@view
def assignmentDigest(assignment: Assignment) -> bytes32:
    """
    @notice What an engine signs.
    """
    return self.assignment_digest(assignment)
