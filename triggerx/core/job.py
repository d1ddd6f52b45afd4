"""The job: when this trigger happens, call that function with these arguments.

`JobBody` is what its owner said (the body of POST /api/jobs, and what travels with an assignment); `Job` is the body
with what the network knows about it. Parsing of bodies is in `job_body`.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import NewType, TypeAlias

from triggerx.core.mandate import SignedMandate
from triggerx.evm.types import Address, ChainId, Hash32, Wei

JobId = NewType("JobId", int)
"""The JobRegistry's 256-bit id: chain id (32 bits) | timestamp (64) | counter (160); a decimal string in JSON."""


class TaskDefinition(IntEnum):
    """What triggers a job and whether its arguments are computed (the Attestation Center's task definition id)."""

    TIME_STATIC = 1
    TIME_DYNAMIC = 2
    EVENT_STATIC = 3
    EVENT_DYNAMIC = 4
    CONDITION_STATIC = 5
    CONDITION_DYNAMIC = 6
    CUSTOM_SCRIPT = 7


class JobStatus(IntEnum):
    """Where a job stands; the codes are the user's schema, `Job.is_paused` tells the two meanings of 4 apart."""

    CREATED = 0
    SCHEDULED = 1
    COMPLETED = 2
    FAILED = 3
    STOPPED = 4


class ScheduleType(StrEnum):
    """How a time job says when."""

    INTERVAL = "interval"
    CRON = "cron"
    SPECIFIC = "specific"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeTrigger:
    """Fires at each due second; exactly the fields of its `schedule_type` are set, the others are empty."""

    schedule_type: ScheduleType
    interval_s: int = 0
    cron_expression: str = ""
    specific: tuple[int, ...] = ()
    """Unix seconds, ascending."""
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTrigger:
    """Fires once for each log of this event at this contract that passes the filter."""

    chain_id: ChainId
    contract: Address
    event: str
    filter_name: str = ""
    filter_value: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionTrigger:
    """Fires when the observed value compares to the limits as `condition_type` says; limits are exact decimals."""

    condition_type: str
    source_type: str
    source_url: str
    selected_key_route: str = ""
    upper_limit: str = "0"
    lower_limit: str = "0"


Trigger: TypeAlias = TimeTrigger | EventTrigger | ConditionTrigger


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """The call a firing makes: `function` of `abi` at `target`, with textual `arguments` or a script's answer."""

    chain_id: ChainId
    target: Address
    function: str
    abi: str
    arguments: tuple[str, ...] = ()
    script_url: str = ""
    """Empty for static arguments."""
    language: str = ""
    safe_address: Address | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobBody:
    """What the owner said; nothing in it changes without an on-chain update.

    `priority` is 1 high to 3 low, `security` 1 high to 4 lowest, `chain_status` 0 none, 1 head, 2 block of a chain of
    linked jobs; `link_job_id` is None where nothing is linked.
    """

    job_id: JobId
    owner: Address
    title: str
    task_definition_id: TaskDefinition
    created_chain_id: ChainId
    time_frame_s: int
    recurring: bool
    trigger: Trigger
    action: Action
    priority: int = 2
    security: int = 4
    link_job_id: JobId | None = None
    chain_status: int = 0
    cost_prediction: str = "0"
    mandate: SignedMandate | None = None

    @property
    def is_guarded(self) -> bool:
        """Whether the execution hub itself guards the effect: only with the owner's mandate."""
        return self.mandate is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A body with what the network knows: its registry entry, its state, and when it fires next.

    `job_hash` and `version` are `getJob(jobId).jobHash` and `.lastUpdatedAt` of the JobRegistry when the body was
    accepted. `created_at` is the time inside the job id, so `time_frame_s` counts from the chain's creation.
    `next_due_at` is None when nothing is scheduled. Times are unix seconds.
    """

    body: JobBody
    user_id: int
    job_hash: Hash32
    version: int
    status: JobStatus
    created_at: int
    accepted_at: int
    next_due_at: int | None = None
    last_executed_at: int | None = None
    is_paused: bool = False
    status_reason: str = ""
    spent_wei: Wei = Wei(0)

    @property
    def job_id(self) -> JobId:
        """The body's id."""
        return self.body.job_id

    @property
    def expires_at(self) -> int:
        """The last second at which it may fire."""
        return self.created_at + self.body.time_frame_s
