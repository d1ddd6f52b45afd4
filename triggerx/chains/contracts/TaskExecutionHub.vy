#pragma version 0.4.3
#pragma evm-version cancun
"""
@title Task Execution Hub: keepers call the targets of jobs through it, and owners pay for it
@notice executeTask is guarded: the owner's mandate says what may run, at what price and how often; an engine's
        assignment says who runs which firing and when; a firing's key is done once. executeFunction is the deployed
        hub's function, which knows no mandate: it is capped by day, and closed by whoever uses mandates.
@dev The outer transaction succeeds when the inner call fails: success is the FunctionExecuted log. Targets see the hub
     as caller, whoever the owner is: a target must not trust the hub, and nobody should grant it anything.
"""

from modules import mandates
from modules import ownership
from modules import signatures

initializes: ownership
exports: (
    mandates.assignmentDigest,
    mandates.mandateDigest,
    mandates.taskKey,
    ownership.owner,
    ownership.transferOwnership,
)

OPERATORS_MAX: constant(uint256) = 256
RESULT_MAX: constant(uint256) = 1024
MESSAGE_MAX: constant(uint256) = 1024

SECURITY_QUORUM: constant(uint8) = 1

# What the inner call itself costs before the target has any gas: cold account, value, new account.
CALL_GAS: constant(uint256) = 40_000
# What is kept for logs, credit and payment after the inner call, so that a target cannot make the whole call fail.
AFTER_GAS: constant(uint256) = 120_000
AFTER_GAS_PER_BYTE: constant(uint256) = 16
DAY_S: constant(uint256) = 86_400
RUNS_MASK: constant(uint256) = 2**32 - 1

APPROVAL_DOMAIN: constant(bytes32) = keccak256("TriggerXHubApproval")


struct Quorum:
    attestersIds: DynArray[uint256, OPERATORS_MAX]
    taSignature: uint256[2]


struct Job:
    jobId: uint256
    jobOwner: address
    jobHash: bytes32
    lastUpdatedAt: uint256
    isActive: bool


interface IAttestationCenter:
    def isActiveOperator(operator: address) -> bool: view
    def verifyQuorum(
        domain: bytes32,
        message: Bytes[MESSAGE_MAX],
        attestersIds: DynArray[uint256, OPERATORS_MAX],
        taSignature: uint256[2],
    ) -> bool: view


interface IJobRegistry:
    def getJob(jobId: uint256) -> Job: view


interface IGasRegistry:
    def deductETHBalance(user: address, ethAmount: uint256): nonpayable
    def creditETH(user: address): payable


event FunctionExecuted:
    keeper: indexed(address)
    target: indexed(address)
    data: Bytes[mandates.DATA_MAX]
    value: uint256


event FunctionExecutionFailed:
    keeper: indexed(address)
    target: indexed(address)
    data: Bytes[mandates.DATA_MAX]
    value: uint256
    result: Bytes[RESULT_MAX]


event TaskExecuted:
    taskKey: indexed(bytes32)
    jobId: indexed(uint256)
    performer: indexed(address)
    success: bool
    attempt: uint8
    fee: uint256
    value: uint256


event EngineSet:
    engine: indexed(address)
    active: bool


event UnguardedCapsSet:
    feeMax: uint256
    feePerDayMax: uint256


event GuardedOnlySet:
    owner: indexed(address)
    isGuardedOnly: bool


attestationCenter: public(immutable(IAttestationCenter))
jobRegistry: public(immutable(IJobRegistry))
gasRegistry: public(immutable(IGasRegistry))

isEngine: public(HashMap[address, bool])
# The most that one unguarded call, and all of an owner's in one day, may charge.
unguardedFeeMax: public(uint256)
unguardedFeePerDayMax: public(uint256)
# An owner who closed the unguarded way for all jobs, and a job that has run under a mandate.
isGuardedOnly: public(HashMap[address, bool])
isJobGuarded: public(HashMap[uint256, bool])

# By task key: done in bit 0, attempts made in bits 8 to 15, the last attempt's number in bits 16 to 23.
_tasks: HashMap[bytes32, uint256]
# By mandate digest: keys done in bits 0 to 31, the second of the last firing's first attempt from bit 32 on.
_mandates: HashMap[bytes32, uint256]
_unguarded_fees: HashMap[address, HashMap[uint256, uint256]]


@deploy
def __init__(
    attestationCenter_: address,
    jobRegistry_: address,
    gasRegistry_: address,
    owner_: address,
    unguardedFeeMax_: uint256,
    unguardedFeePerDayMax_: uint256,
):
    if empty(address) in [attestationCenter_, jobRegistry_, gasRegistry_]:
        raw_revert(method_id("ZeroAddress()"))
    ownership.__init__(owner_)
    attestationCenter = IAttestationCenter(attestationCenter_)
    jobRegistry = IJobRegistry(jobRegistry_)
    gasRegistry = IGasRegistry(gasRegistry_)
    self._set_unguarded_caps(unguardedFeeMax_, unguardedFeePerDayMax_)


@external
@payable
def __default__():
    # The gas registry pays here what a run may use, within the run.
    if msg.sender != gasRegistry.address:
        raw_revert(method_id("NotGasRegistry()"))


# --- the guarded way ---


@external
@nonreentrant
def executeTask(
    mandate: mandates.Mandate,
    mandateSignature: Bytes[signatures.SIGNATURE_MAX],
    firing: mandates.Firing,
    assignment: mandates.Assignment,
    assignmentSignature: Bytes[signatures.SIGNATURE_MAX],
    fee: uint256,
    ethValue: uint256,
    data: Bytes[mandates.DATA_MAX],
    quorum: Quorum,
):
    """
    @notice Runs one attempt of one firing, by its assigned performer.
    @param mandateSignature The owner's r || s || v over the mandate's EIP-712 digest.
    @param assignmentSignature An engine's, over the assignment's.
    @param fee Wei for the performer, whether or not the inner call succeeds.
    @param ethValue Wei for the target; the owner's again when the inner call fails.
    @param data Calldata of the target.
    @param quorum Empty unless the mandate's security is 1.
    """
    key: bytes32 = self._check_assignment(mandate.jobId, firing, assignment, assignmentSignature)
    digest: bytes32 = self._check_mandate(mandate, mandateSignature)
    mandates.check_call(mandate, fee, ethValue, data)
    if mandate.security == SECURITY_QUORUM:
        self._check_quorum(key, keccak256(data), ethValue, mandate.feeMax, assignment, quorum)
    self._begin(key, digest, mandate, assignment.attempt)

    extcall gasRegistry.deductETHBalance(mandate.owner, fee + ethValue)
    success: bool = self._call(mandate.target, ethValue, data, mandate.innerGasMin)
    if success:
        self._tasks[key] = self._tasks[key] | 1
        self._mandates[digest] += 1
    elif ethValue != 0:
        extcall gasRegistry.creditETH(mandate.owner, value=ethValue)
    log TaskExecuted(
        taskKey=key,
        jobId=mandate.jobId,
        performer=msg.sender,
        success=success,
        attempt=assignment.attempt,
        fee=fee,
        value=ethValue,
    )
    self._pay(fee)


@internal
@view
def _check_assignment(
    job_id: uint256, firing: mandates.Firing, assignment: mandates.Assignment, signature: Bytes[signatures.SIGNATURE_MAX]
) -> bytes32:
    if assignment.performer != msg.sender:
        raw_revert(method_id("WrongPerformer()"))
    if not staticcall attestationCenter.isActiveOperator(msg.sender):
        raw_revert(method_id("InactiveKeeper()"))
    mandates.check_firing(firing)
    key: bytes32 = mandates.task_key(job_id, firing)
    if assignment.taskKey != key:
        raw_revert(method_id("TaskKeyMismatch()"))
    if block.timestamp < convert(assignment.notBefore, uint256) or block.timestamp > convert(
        assignment.notAfter, uint256
    ):
        raw_revert(method_id("OutsideAssignmentWindow()"))
    signer: address = signatures.recover(mandates.assignment_digest(assignment), signature)
    if signer == empty(address) or not self.isEngine[signer]:
        raw_revert(method_id("InvalidAssignmentSignature()"))
    return key


@internal
@view
def _check_mandate(mandate: mandates.Mandate, signature: Bytes[signatures.SIGNATURE_MAX]) -> bytes32:
    job: Job = staticcall jobRegistry.getJob(mandate.jobId)
    if job.jobOwner == empty(address):
        raw_revert(method_id("JobNotFound()"))
    if not job.isActive:
        raw_revert(method_id("JobNotActive()"))
    if job.jobOwner != mandate.owner:
        raw_revert(method_id("WrongJobOwner()"))
    if job.lastUpdatedAt != mandate.version:
        raw_revert(method_id("JobVersionMismatch()"))
    if job.jobHash != mandate.jobHash:
        raw_revert(method_id("JobHashMismatch()"))
    mandates.check_terms(mandate)
    digest: bytes32 = mandates.mandate_digest(mandate)
    if signatures.recover(digest, signature) != mandate.owner:
        raw_revert(method_id("InvalidMandateSignature()"))
    return digest


@internal
@view
def _check_quorum(
    key: bytes32,
    data_hash: bytes32,
    eth_value: uint256,
    fee_max: uint256,
    assignment: mandates.Assignment,
    quorum: Quorum,
):
    if len(quorum.attestersIds) == 0:
        raw_revert(method_id("QuorumRequired()"))
    approval: bytes32 = keccak256(
        abi_encode(self, chain.id, key, data_hash, eth_value, fee_max, assignment.performer, assignment.notAfter)
    )
    assert staticcall attestationCenter.verifyQuorum(
        APPROVAL_DOMAIN, abi_encode(approval), quorum.attestersIds, quorum.taSignature
    )


@internal
def _begin(key: bytes32, digest: bytes32, mandate: mandates.Mandate, attempt: uint8):
    # Everything is counted before the inner call, as if it failed; success is added after it.
    task: uint256 = self._tasks[key]
    attempts: uint256 = (task >> 8) & 255
    if task & 1 == 1:
        raw_revert(method_id("TaskAlreadyDone()"))
    if convert(attempt, uint256) <= task >> 16:
        raw_revert(method_id("AssignmentAlreadyUsed()"))
    if attempts >= convert(mandate.attemptsMax, uint256):
        raw_revert(method_id("AttemptsExhausted()"))
    self._tasks[key] = (convert(attempt, uint256) << 16) | ((attempts + 1) << 8)

    counted: uint256 = self._mandates[digest]
    if counted & RUNS_MASK >= convert(mandate.runsMax, uint256):
        raw_revert(method_id("MandateExhausted()"))
    if attempts == 0:
        # Spacing holds firings apart, failing ones too; a retry belongs to its firing.
        if block.timestamp < (counted >> 32) + convert(mandate.spacing, uint256):
            raw_revert(method_id("SpacingNotElapsed()"))
        self._mandates[digest] = (block.timestamp << 32) | (counted & RUNS_MASK)
    if not self.isJobGuarded[mandate.jobId]:
        self.isJobGuarded[mandate.jobId] = True


# --- the unguarded way, as deployed ---


@external
@payable
@nonreentrant
def executeFunction(jobId: uint256, ethAmount: uint256, target: address, data: Bytes[mandates.DATA_MAX]):
    """
    @notice Calls a target for a job, by an active keeper, who is paid ethAmount from the owner's deposit.
    @dev The value sent goes to the target, and back to the keeper when the inner call fails.
    """
    if not staticcall attestationCenter.isActiveOperator(msg.sender):
        raw_revert(method_id("InactiveKeeper()"))
    job: Job = staticcall jobRegistry.getJob(jobId)
    if job.jobOwner == empty(address):
        raw_revert(method_id("JobNotFound()"))
    if not job.isActive:
        raw_revert(method_id("JobNotActive()"))
    if self.isGuardedOnly[job.jobOwner] or self.isJobGuarded[jobId]:
        raw_revert(method_id("GuardedOnly()"))
    day: uint256 = block.timestamp // DAY_S
    spent: uint256 = self._unguarded_fees[job.jobOwner][day]
    if ethAmount > self.unguardedFeeMax or spent + ethAmount > self.unguardedFeePerDayMax:
        raw_revert(method_id("FeeAboveCap()"))
    self._unguarded_fees[job.jobOwner][day] = spent + ethAmount

    extcall gasRegistry.deductETHBalance(job.jobOwner, ethAmount)
    success: bool = self._call(target, msg.value, data, 0)
    refund: uint256 = 0
    if not success:
        refund = msg.value
    self._pay(ethAmount + refund)


@external
def setGuardedOnly(isGuardedOnly: bool):
    """
    @notice Closes the unguarded way for all jobs of the caller, or opens it again.
    """
    self.isGuardedOnly[msg.sender] = isGuardedOnly
    log GuardedOnlySet(owner=msg.sender, isGuardedOnly=isGuardedOnly)


# --- both ways ---


@internal
def _call(target: address, eth_value: uint256, data: Bytes[mandates.DATA_MAX], gas_min: uint256) -> bool:
    # The hub may move deposits: nobody's calldata reaches the gas registry, or the hub, in its name.
    if target == gasRegistry.address or target == self:
        raw_revert(method_id("ForbiddenTarget()"))
    kept: uint256 = CALL_GAS + AFTER_GAS + AFTER_GAS_PER_BYTE * len(data)
    gas_left: uint256 = msg.gas
    if gas_left <= kept:
        raw_revert(method_id("StarvedInnerGas()"))
    # A call is given at most 63/64 of what is left (EIP-150).
    given: uint256 = min(gas_left - kept, (gas_left - CALL_GAS) // 64 * 63)
    if given < gas_min:
        raw_revert(method_id("StarvedInnerGas()"))
    success: bool = False
    result: Bytes[RESULT_MAX] = b""
    success, result = raw_call(
        target, data, gas=given, value=eth_value, max_outsize=RESULT_MAX, revert_on_failure=False
    )
    if success:
        log FunctionExecuted(keeper=msg.sender, target=target, data=data, value=eth_value)
    else:
        log FunctionExecutionFailed(keeper=msg.sender, target=target, data=data, value=eth_value, result=result)
    return success


@internal
def _pay(amount: uint256):
    if amount != 0 and not raw_call(msg.sender, b"", value=amount, revert_on_failure=False):
        raw_revert(method_id("TransferFailed()"))


# --- what was done ---


@external
@view
def taskDone(key: bytes32) -> bool:
    """
    @notice Whether an attempt of this key succeeded.
    """
    return self._tasks[key] & 1 == 1


@external
@view
def taskAttempts(key: bytes32) -> uint8:
    """
    @notice How many attempts of this key were made, failed ones too.
    """
    return convert((self._tasks[key] >> 8) & 255, uint8)


@external
@view
def mandateRuns(digest: bytes32) -> uint32:
    """
    @notice How many keys succeeded under this mandate.
    """
    return convert(self._mandates[digest] & RUNS_MASK, uint32)


@external
@view
def mandateLastRunAt(digest: bytes32) -> uint256:
    """
    @notice The second in which the last firing under this mandate was first attempted, zero before the first.
    """
    return self._mandates[digest] >> 32


# --- settings, by the owner ---


@external
def setEngine(engine: address, active: bool):
    """
    @notice Accepts assignments of an engine's key, or no longer.
    """
    ownership.only_owner()
    if engine == empty(address):
        raw_revert(method_id("ZeroAddress()"))
    self.isEngine[engine] = active
    log EngineSet(engine=engine, active=active)


@external
def setUnguardedCaps(feeMax: uint256, feePerDayMax: uint256):
    """
    @notice Sets what one unguarded call, and all of one owner's in a day, may charge.
    """
    ownership.only_owner()
    self._set_unguarded_caps(feeMax, feePerDayMax)


@internal
def _set_unguarded_caps(fee_max: uint256, fee_per_day_max: uint256):
    self.unguardedFeeMax = fee_max
    self.unguardedFeePerDayMax = fee_per_day_max
    log UnguardedCapsSet(feeMax=fee_max, feePerDayMax=fee_per_day_max)
