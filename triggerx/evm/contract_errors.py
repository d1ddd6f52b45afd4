"""The named errors with which this system's contracts refuse a call.

Rule: this is every error in triggerx/chains/contracts, each under the first contract that has it; a test holds it equal
to the sources. A name with arguments and the same name without are two errors.
"""

from typing import Final

KNOWN_ERRORS: Final[tuple[str, ...]] = (
    # Obls
    "AlreadySet()",
    "InactiveOperator(uint256)",
    "InsufficientVotingPower()",
    "InvalidAuthSignature()",
    "InvalidBlsKey()",
    "InvalidOBLSSignature()",
    "InvalidOperatorIndex()",
    "InvalidOperatorIndexes()",
    "InvalidVotingPower()",
    "NotOBLSManager()",
    "NotOwner()",
    "OperatorDoesNotHaveMinimumVotingPower(uint256)",
    "PrecompileFailed()",
    "ZeroAddress()",
    # AttestationCenter
    "InactiveAggregator()",
    "InactiveTaskPerformer()",
    "InvalidDomain()",
    "InvalidPerformerSignature()",
    "MessageAlreadySigned()",
    "NotMessageHandler()",
    "OperatorAlreadyRegistered()",
    "OperatorNotRegistered(address)",
    "TooManyOperators()",
    # AvsGovernance
    "NotEnoughVotingPower()",
    "OperatorNotRegistered()",
    # JobRegistry
    "ChainIdOverflow(uint256,uint256)",
    "EmptyJobName()",
    "InvalidJobParameters()",
    "InvalidTargetContract()",
    "JobAlreadyInactive(uint256)",
    "JobNotFound(uint256)",
    "UnauthorizedJobAccess(uint256,address)",
    # GasRegistry
    "InsufficientBalance()",
    "InvalidAmount()",
    "NotHub()",
    "TransferFailed()",
    # TaskExecutionHub
    "AssignmentAlreadyUsed()",
    "AttemptsExhausted()",
    "CalldataMismatch()",
    "FeeAboveCap()",
    "FiringInFuture()",
    "ForbiddenTarget()",
    "GuardedOnly()",
    "InactiveKeeper()",
    "InvalidAssignmentSignature()",
    "InvalidFiring()",
    "InvalidMandateSignature()",
    "InvalidSecurity()",
    "JobHashMismatch()",
    "JobNotActive()",
    "JobNotFound()",
    "JobVersionMismatch()",
    "MandateExhausted()",
    "MandateExpired()",
    "MandateNotYetValid()",
    "NotGasRegistry()",
    "OutsideAssignmentWindow()",
    "QuorumRequired()",
    "SelectorMismatch()",
    "SpacingNotElapsed()",
    "StarvedInnerGas()",
    "TargetHasNoCode()",
    "TaskAlreadyDone()",
    "TaskKeyMismatch()",
    "ValueAboveCap()",
    "WrongJobOwner()",
    "WrongPerformer()",
    # ExampleTarget
    "FailingOnPurpose()",
)
