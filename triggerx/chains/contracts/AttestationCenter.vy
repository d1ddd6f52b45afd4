#pragma version 0.4.3
#pragma evm-version cancun
"""
@title Attestation Center: the operators of the network on this chain, and the tasks they attested
@notice A task counts once a quorum by voting power has signed its approval or its rejection.
@dev The interface of the deployed Attestation Center. Bounds of the arguments are given below; longer ones revert.
"""

from modules import operators
from modules import ownership
from modules import signatures

initializes: ownership
initializes: operators[ownership := ownership]
exports: (
    operators.getActiveOperatorsDetails,
    operators.isActiveOperator,
    operators.messageHandler,
    operators.numOfActiveOperators,
    operators.obls,
    operators.operatorsIdsByAddress,
    operators.registerOperator,
    operators.rewardsReceiver,
    operators.setMessageHandler,
    operators.unregisterOperator,
    operators.updateVotingPower,
    operators.votingPower,
    ownership.owner,
    ownership.transferOwnership,
)

# Proofs and data are content identifiers of about 60 bytes; the rest is room.
PROOF_MAX: constant(uint256) = 1024
DATA_MAX: constant(uint256) = 1024

TASKS_DOMAIN: constant(bytes32) = keccak256("TasksManager")


struct TaskInfo:
    proofOfTask: String[PROOF_MAX]
    data: Bytes[DATA_MAX]
    taskPerformer: address
    taskDefinitionId: uint16


struct TaskSubmissionDetails:
    isApproved: bool
    tpSignature: Bytes[signatures.SIGNATURE_MAX]
    taSignature: uint256[2]
    attestersIds: DynArray[uint256, operators.OPERATORS_MAX]


# What one task of a definition earns: its performer when approved, each attester, and the aggregator.
struct TaskDefinitionFees:
    performerFee: uint256
    attesterFee: uint256
    aggregatorFee: uint256


event TaskSubmitted:
    operator: indexed(address)
    taskNumber: uint32
    proofOfTask: String[PROOF_MAX]
    data: Bytes[DATA_MAX]
    taskDefinitionId: indexed(uint16)
    attestersIds: DynArray[uint256, operators.OPERATORS_MAX]


event TaskRejected:
    operator: indexed(address)
    taskNumber: uint32
    proofOfTask: String[PROOF_MAX]
    data: Bytes[DATA_MAX]
    taskDefinitionId: indexed(uint16)
    attestersIds: DynArray[uint256, operators.OPERATORS_MAX]


event RewardAccumulated:
    _operatorId: indexed(uint256)
    _baseRewardFeeForOperator: uint256
    _taskNumber: indexed(uint32)


event TaskDefinitionSet:
    taskDefinitionId: indexed(uint16)
    minimumVotingPower: uint256
    performerFee: uint256
    attesterFee: uint256
    aggregatorFee: uint256


# The number that the next task gets; the first task is number 1.
taskNumber: public(uint32)
accumulatedRewards: public(HashMap[uint256, uint256])
getTaskDefinitionMinimumVotingPower: public(HashMap[uint16, uint256])
getTaskDefinitionFees: public(HashMap[uint16, TaskDefinitionFees])
isTaskSigned: public(HashMap[bytes32, bool])


@deploy
def __init__(obls_: address, messageHandler_: address, owner_: address):
    ownership.__init__(owner_)
    operators.__init__(obls_, messageHandler_)
    self.taskNumber = 1


# --- tasks ---


@external
def submitTask(taskInfo: TaskInfo, taskSubmissionDetails: TaskSubmissionDetails):
    """
    @notice Records a task that a quorum approved or rejected; by an active operator, the aggregator.
    @dev The order of the checks is the order of the errors a caller meets.
    """
    performer: address = taskInfo.taskPerformer
    task_hash: bytes32 = keccak256(
        abi_encode(taskInfo.proofOfTask, taskInfo.data, performer, taskInfo.taskDefinitionId)
    )
    if performer == empty(address) or signatures.recover(task_hash, taskSubmissionDetails.tpSignature) != performer:
        raw_revert(method_id("InvalidPerformerSignature()"))
    if self.isTaskSigned[task_hash]:
        raw_revert(method_id("MessageAlreadySigned()"))
    self.isTaskSigned[task_hash] = True

    vote_hash: bytes32 = keccak256(
        abi_encode(
            taskInfo.proofOfTask,
            taskInfo.data,
            performer,
            taskInfo.taskDefinitionId,
            self,
            chain.id,
            taskSubmissionDetails.isApproved,
        )
    )
    self._verify(
        staticcall operators.obls.hashToPoint(TASKS_DOMAIN, abi_encode(vote_hash)),
        taskSubmissionDetails.taSignature,
        taskSubmissionDetails.attestersIds,
        self.getTaskDefinitionMinimumVotingPower[taskInfo.taskDefinitionId],
        taskSubmissionDetails.isApproved,
    )
    if not operators.is_active(performer):
        raw_revert(method_id("InactiveTaskPerformer()"))
    if not operators.is_active(msg.sender):
        raw_revert(method_id("InactiveAggregator()"))

    number: uint32 = self.taskNumber
    self.taskNumber = number + 1
    self._account(
        taskInfo.taskDefinitionId,
        number,
        performer,
        taskSubmissionDetails.isApproved,
        taskSubmissionDetails.attestersIds,
    )
    if taskSubmissionDetails.isApproved:
        log TaskSubmitted(
            operator=performer,
            taskNumber=number,
            proofOfTask=taskInfo.proofOfTask,
            data=taskInfo.data,
            taskDefinitionId=taskInfo.taskDefinitionId,
            attestersIds=taskSubmissionDetails.attestersIds,
        )
    else:
        log TaskRejected(
            operator=performer,
            taskNumber=number,
            proofOfTask=taskInfo.proofOfTask,
            data=taskInfo.data,
            taskDefinitionId=taskInfo.taskDefinitionId,
            attestersIds=taskSubmissionDetails.attestersIds,
        )


@external
@view
def verifyQuorum(
    domain: bytes32,
    message: Bytes[operators.MESSAGE_MAX],
    attestersIds: DynArray[uint256, operators.OPERATORS_MAX],
    taSignature: uint256[2],
) -> bool:
    """
    @notice Reverts unless operators with at least floor(2T/3) of the voting power signed this message; never False.
    @param domain The domain separation tag; that of tasks is refused, so that no vote serves a second purpose.
    """
    if domain == TASKS_DOMAIN:
        raw_revert(method_id("InvalidDomain()"))
    self._verify(staticcall operators.obls.hashToPoint(domain, message), taSignature, attestersIds, 0, True)
    return True


@internal
@view
def _verify(
    point: uint256[2],
    signature: uint256[2],
    attesters_ids: DynArray[uint256, operators.OPERATORS_MAX],
    minimum: uint256,
    is_approved: bool,
):
    # Approval needs floor(2T/3), rejection floor(T/3); equality passes, and both can be reachable at once.
    total: uint256 = operators.total_power(minimum)
    required: uint256 = total // 3
    if is_approved:
        required = 2 * total // 3
    assert staticcall operators.obls.verifySignature(point, signature, attesters_ids, required, minimum)


@internal
def _account(
    definition: uint16,
    number: uint32,
    performer: address,
    is_approved: bool,
    attesters_ids: DynArray[uint256, operators.OPERATORS_MAX],
):
    fees: TaskDefinitionFees = self.getTaskDefinitionFees[definition]
    if is_approved:
        self._reward(operators.operatorsIdsByAddress[performer], fees.performerFee, number)
    if fees.attesterFee != 0:
        for attester_id: uint256 in attesters_ids:
            self._reward(attester_id, fees.attesterFee, number)
    self._reward(operators.operatorsIdsByAddress[msg.sender], fees.aggregatorFee, number)


@internal
def _reward(operator_id: uint256, fee: uint256, number: uint32):
    if fee != 0:
        self.accumulatedRewards[operator_id] += fee
        log RewardAccumulated(_operatorId=operator_id, _baseRewardFeeForOperator=fee, _taskNumber=number)


# --- settings, by the owner ---


@external
def setTaskDefinition(taskDefinitionId: uint16, minimumVotingPower: uint256, fees: TaskDefinitionFees):
    """
    @notice Sets the least power of a definition's attesters and what its tasks earn.
    """
    ownership.only_owner()
    self.getTaskDefinitionMinimumVotingPower[taskDefinitionId] = minimumVotingPower
    self.getTaskDefinitionFees[taskDefinitionId] = fees
    log TaskDefinitionSet(
        taskDefinitionId=taskDefinitionId,
        minimumVotingPower=minimumVotingPower,
        performerFee=fees.performerFee,
        attesterFee=fees.attesterFee,
        aggregatorFee=fees.aggregatorFee,
    )
