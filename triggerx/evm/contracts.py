"""The contracts' interfaces: one class a contract, one constant a function or event, under the contract's own names.

The text is what the contract's source would declare. Parsing them takes a few milliseconds and hashes nothing.
"""
# ruff: noqa: N815 - a contract's word stays the contract's

from typing import Final

from triggerx.evm.abi.interface import Event, Function
from triggerx.evm.types import parse_address

_MANDATE: Final = (
    "(uint256 jobId,bytes32 jobHash,uint256 version,address owner,address target,bytes4 selector,bytes32 calldataHash,"
    "uint256 valueMax,uint256 feeMax,uint256 innerGasMin,uint32 runsMax,uint32 spacing,uint8 attemptsMax,"
    "uint8 security,uint64 notBefore,uint64 expiry)"
)
_FIRING: Final = "(uint8 kind,uint256 index,uint256 chainId,bytes32 txHash)"
_ASSIGNMENT: Final = "(bytes32 taskKey,address performer,uint8 attempt,uint64 notBefore,uint64 notAfter)"
_QUORUM: Final = "(uint256[] attestersIds,uint256[2] taSignature)"
_TASK_INFO: Final = "(string proofOfTask,bytes data,address taskPerformer,uint16 taskDefinitionId)"
_TASK_SUBMISSION_DETAILS: Final = "(bool isApproved,bytes tpSignature,uint256[2] taSignature,uint256[] attestersIds)"
_TASK_OUTCOME: Final = (
    "(address indexed operator,uint32 taskNumber,string proofOfTask,bytes data,uint16 indexed taskDefinitionId,"
    "uint256[] attestersIds)"
)


class AttestationCenter:
    """L2: accepts tasks with a quorum's aggregated signature and keeps the operators' voting power."""

    submitTask: Final = Function.parse(f"submitTask({_TASK_INFO} taskInfo,{_TASK_SUBMISSION_DETAILS} details)")
    operatorsIdsByAddress: Final = Function.parse("operatorsIdsByAddress(address operator) returns (uint256)")
    votingPower: Final = Function.parse("votingPower(address operator) returns (uint256)")
    taskNumber: Final = Function.parse("taskNumber() returns (uint32)")
    isActiveOperator: Final = Function.parse("isActiveOperator(address operator) returns (bool)")
    isTaskSigned: Final = Function.parse("isTaskSigned(bytes32 taskHash) returns (bool)")
    getTaskDefinitionMinimumVotingPower: Final = Function.parse(
        "getTaskDefinitionMinimumVotingPower(uint16 taskDefinitionId) returns (uint256)"
    )
    verifyQuorum: Final = Function.parse(
        "verifyQuorum(bytes32 domain,bytes message,uint256[] attestersIds,uint256[2] taSignature) returns (bool)"
    )
    """Ours: whether these operators approve the message with two thirds of the voting power."""
    numOfActiveOperators: Final = Function.parse("numOfActiveOperators() returns (uint256)")
    getActiveOperatorsDetails: Final = Function.parse(
        "getActiveOperatorsDetails() returns ((address operator,uint256 operatorId,uint256 votingPower)[])"
    )
    registerOperator: Final = Function.parse(
        "registerOperator(address operator,uint256[4] blsKey,uint256 votingPower,address rewardsReceiver)"
    )
    """Development only: the messenger stands in for the cross-chain message."""
    unregisterOperator: Final = Function.parse("unregisterOperator(address operator)")
    """Development only, as registerOperator."""
    updateVotingPower: Final = Function.parse("updateVotingPower(address operator,uint256 votingPower)")
    """Development only, as registerOperator."""

    TaskSubmitted: Final = Event.parse(f"TaskSubmitted{_TASK_OUTCOME}")
    TaskRejected: Final = Event.parse(f"TaskRejected{_TASK_OUTCOME}")
    RewardAccumulated: Final = Event.parse(
        "RewardAccumulated(uint256 indexed operatorId,uint256 fee,uint32 indexed taskNumber)"
    )
    OperatorRegisteredToNetwork: Final = Event.parse(
        "OperatorRegisteredToNetwork(address indexed operator,uint256 votingPower)"
    )
    OperatorUnregisteredFromNetwork: Final = Event.parse("OperatorUnregisteredFromNetwork(uint256 indexed operatorId)")
    VotingPowerUpdated: Final = Event.parse("VotingPowerUpdated(address indexed operator,uint256 votingPower)")
    OperatorBlsKeyUpdated: Final = Event.parse("OperatorBlsKeyUpdated(address indexed operator,uint256[4] blsKey)")


class AvsGovernance:
    """L1: where operators register and their stake becomes voting power."""

    registerAsOperator: Final = Function.parse(
        "registerAsOperator((uint256[4] blsKey,address rewardsReceiver,(uint256[2] signature) blsRegistrationSignature,"
        "bytes authToken) params)"
    )
    unregisterAsOperatorFromAvs: Final = Function.parse("unregisterAsOperatorFromAvs()")
    setRewardsReceiver: Final = Function.parse("setRewardsReceiver(address receiver)")
    isOperatorRegistered: Final = Function.parse("isOperatorRegistered(address operator) returns (bool)")
    votingPower: Final = Function.parse("votingPower(address operator) returns (uint256)")
    setVotingPower: Final = Function.parse("setVotingPower(address operator,uint256 votingPower)")
    """Development only: the governor stands in for the strategies."""

    OperatorRegistered: Final = Event.parse("OperatorRegistered(address indexed operator,uint256[4] blsKey)")
    OperatorUnregistered: Final = Event.parse("OperatorUnregistered(address indexed operator)")
    VotingPowerSet: Final = Event.parse("VotingPowerSet(address indexed operator,uint256 votingPower)")
    SetRewardsReceiver: Final = Event.parse("SetRewardsReceiver(address indexed operator,address receiver)")


class JobRegistry:
    """Every action chain: who owns a job, what it binds, and whether it is active."""

    createJob: Final = Function.parse(
        "createJob(string name,uint8 jobType,uint256 timeFrame,address target,bytes data) returns (uint256 jobId)"
    )
    updateJob: Final = Function.parse(
        "updateJob(uint256 jobId,string oldName,uint8 jobType,uint256 oldTimeFrame,address target,bytes oldData,"
        "string newName,uint256 newTimeFrame,bytes newData)"
    )
    deleteJob: Final = Function.parse("deleteJob(uint256 jobId)")
    getJob: Final = Function.parse(
        "getJob(uint256 jobId) returns"
        " ((uint256 jobId,address jobOwner,bytes32 jobHash,uint256 lastUpdatedAt,bool isActive) job)"
    )
    getJobOwner: Final = Function.parse("getJobOwner(uint256 jobId) returns (address)")
    isJobActive: Final = Function.parse("isJobActive(uint256 jobId) returns (bool)")
    unpackJobId: Final = Function.parse(
        "unpackJobId(uint256 jobId) returns (uint256 chainId,uint256 timestamp,uint256 jobCounter)"
    )

    JobCreated: Final = Event.parse(
        "JobCreated(uint256 indexed jobId,address indexed jobOwner,bytes32 jobHash,uint256 timestamp)"
    )
    JobUpdated: Final = Event.parse(
        "JobUpdated(uint256 indexed jobId,address indexed jobOwner,bytes32 newJobHash,uint256 timestamp)"
    )
    JobDeleted: Final = Event.parse("JobDeleted(uint256 indexed jobId,address indexed jobOwner,uint256 timestamp)")


class GasRegistry:
    """Every action chain: the owners' deposits, from which the hub pays for their jobs."""

    depositETH: Final = Function.parse("depositETH(uint256 amount) payable")
    withdrawETHBalance: Final = Function.parse("withdrawETHBalance(uint256 amount)")
    getBalance: Final = Function.parse("getBalance(address user) returns (uint256)")
    deductETHBalance: Final = Function.parse("deductETHBalance(address user,uint256 amount)")

    ETHDeposited: Final = Event.parse("ETHDeposited(address indexed user,uint256 ethAmount)")
    ETHBalanceWithdrawn: Final = Event.parse("ETHBalanceWithdrawn(address indexed user,uint256 amount)")
    ETHBalanceCredited: Final = Event.parse("ETHBalanceCredited(address indexed user,uint256 amount)")
    ETHBalanceDeducted: Final = Event.parse("ETHBalanceDeducted(address indexed user,uint256 amount)")


class TaskExecutionHub:
    """Every action chain: calls the target; `executeTask` only as mandate, assignment and quorum allow."""

    executeFunction: Final = Function.parse(
        "executeFunction(uint256 jobId,uint256 ethAmount,address target,bytes data) payable"
    )
    executeTask: Final = Function.parse(
        f"executeTask({_MANDATE} mandate,bytes mandateSignature,{_FIRING} firing,{_ASSIGNMENT} assignment,"
        f"bytes assignmentSignature,uint256 fee,uint256 value,bytes data,{_QUORUM} quorum)"
    )
    taskDone: Final = Function.parse("taskDone(bytes32 taskKey) returns (bool)")
    taskAttempts: Final = Function.parse("taskAttempts(bytes32 taskKey) returns (uint8)")
    mandateRuns: Final = Function.parse("mandateRuns(bytes32 mandateDigest) returns (uint32)")
    mandateLastRunAt: Final = Function.parse("mandateLastRunAt(bytes32 mandateDigest) returns (uint256)")
    isJobGuarded: Final = Function.parse("isJobGuarded(uint256 jobId) returns (bool)")
    isGuardedOnly: Final = Function.parse("isGuardedOnly(address owner) returns (bool)")
    isEngine: Final = Function.parse("isEngine(address engine) returns (bool)")
    setEngine: Final = Function.parse("setEngine(address engine,bool active)")

    TaskExecuted: Final = Event.parse(
        "TaskExecuted(bytes32 indexed taskKey,uint256 indexed jobId,address indexed performer,bool success,"
        "uint8 attempt,uint256 fee,uint256 value)"
    )
    FunctionExecuted: Final = Event.parse(
        "FunctionExecuted(address indexed keeper,address indexed target,bytes data,uint256 value)"
    )
    FunctionExecutionFailed: Final = Event.parse(
        "FunctionExecutionFailed(address indexed keeper,address indexed target,bytes data,uint256 value,bytes result)"
    )
    EngineSet: Final = Event.parse("EngineSet(address indexed engine,bool active)")


class Multicall:
    """Every chain: many calls in one, each with its own outcome (Multicall3's `aggregate3`)."""

    aggregate3: Final = Function.parse(
        "aggregate3((address target,bool allowFailure,bytes callData)[] calls) "
        "returns ((bool success,bytes returnData)[])"
    )


MULTICALL3: Final = parse_address("0xcA11bde05977b3631167028862bE2a173976CA11")
"""Where Multicall3 is on public networks, by a deployment that gives the same address everywhere (multicall3.com)."""
