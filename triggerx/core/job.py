"""The job: when this trigger happens, call that function with these arguments.

`JobBody` is what its owner said (the body of POST /api/jobs, and what travels with an assignment); `Job` is the body
with what the network knows about it. Parsing of bodies is in `job_body`.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final, NewType, TypeAlias

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


class Misfire(StrEnum):
    """What becomes of due seconds that could not be fired in time (a node was away, or the job was held)."""

    ALL = "all"
    """Each is fired, up to a bound; the oldest beyond it are missed."""
    ONE = "one"
    """The latest is fired, the others are missed."""
    SKIP = "skip"
    """None is fired."""
    WITHIN = "within"
    """Those are fired that are at most `misfire_within_s` late."""


class ConditionMode(StrEnum):
    """When a condition that keeps holding fires."""

    EDGE = "edge"
    """Once each time it becomes true."""
    LEVEL = "level"
    """Again and again while it is true, as often as the cool-down allows."""


class OnLinkFailure(StrEnum):
    """What becomes of the linked job when the one before it has failed."""

    STOP = "stop"
    """It fails too, and says why."""
    START = "start"
    """It starts all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeTrigger:
    """Fires at each due second; exactly the fields of its `schedule_type` are set, the others are empty."""

    schedule_type: ScheduleType
    interval_s: int = 0
    cron_expression: str = ""
    specific: tuple[int, ...] = ()
    """Unix seconds, ascending."""
    timezone: str = "UTC"
    misfire: Misfire = Misfire.ONE
    misfire_within_s: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """One parameter of the event must have exactly this value, given as text."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTrigger:
    """Fires once for each log of this event at this contract that passes every filter.

    `event` is a signature: `Transfer(address,address,uint256)`, or with names, `indexed` and `anonymous` as in a
    contract's source. `event_abi` is the JSON of the event (or of a whole contract) where names are not in the
    signature. `filter_name` and `filter_value` are the published SDK's one filter, `filters` are ours, all of them
    hold. `confirmations` is how many blocks must lie on top; None is the chain's own number.
    """

    chain_id: ChainId
    contract: Address
    event: str
    filter_name: str = ""
    filter_value: str = ""
    filters: tuple[EventFilter, ...] = ()
    event_abi: str = ""
    confirmations: int | None = None

    @property
    def every_filter(self) -> tuple[EventFilter, ...]:
        """The SDK's filter, where there is one, and ours."""
        own = (EventFilter(name=self.filter_name, value=self.filter_value),) if self.filter_name else ()
        return own + self.filters


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionTrigger:
    """Fires when the observed value compares to the limits as `condition_type` says; numbers are exact decimals.

    `source_type` says where the value comes from: `api` (JSON at `source_url`, the value at `selected_key_route`),
    `websocket` (JSON messages), `static` (the number in `source_url`), `oracle` (a Chainlink-style feed whose address
    is `source_url`, in units of its own decimals), `view` (what `function` of the contract at `source_url` returns, the
    value at `selected_key_route`), `script` (what `script_function` of the script at `source_url` returns). `chain_id`
    is where `oracle` and `view` read. With `hysteresis` a true condition becomes false only once the value has left by
    that much; `cooldown_s` is the least time between two firings; `tolerance` is how far another's observation may be
    off.
    """

    condition_type: str
    source_type: str
    source_url: str
    selected_key_route: str = ""
    upper_limit: str = "0"
    lower_limit: str = "0"
    chain_id: ChainId | None = None
    function: str = ""
    arguments: tuple[str, ...] = ()
    script_function: str = ""
    script_language: str = ""
    mode: ConditionMode = ConditionMode.EDGE
    hysteresis: str = "0"
    cooldown_s: int = 0
    tolerance: str = "0"


SCRIPT_FUNCTION_DEFAULT: Final = "main"

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
    script_function: str = ""
    """Which function of the script computes them; empty for `SCRIPT_FUNCTION_DEFAULT`."""
    language: str = ""
    arguments_tolerance: str = "0"
    """How many percent another keeper's number may differ from one's own, as exact decimal text."""
    safe_address: Address | None = None

    @property
    def computed_by(self) -> str:
        """The script's function that is called; empty for static arguments."""
        return (self.script_function or SCRIPT_FUNCTION_DEFAULT) if self.script_url else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The most a job may do; None takes the small default of `core.budget`. Days are UTC; amounts in wei.

    `gas_price_max_wei` delays a run, the others hold the job.
    """

    runs_max: int | None = None
    runs_per_day_max: int | None = None
    wei_max: Wei | None = None
    wei_per_day_max: Wei | None = None
    gas_price_max_wei: Wei | None = None


NO_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobBody:
    """What the owner said; nothing in it changes without an on-chain update.

    `priority` is 1 high to 3 low, `security` 1 high to 4 lowest, `chain_status` 0 none, 1 head, 2 block of a chain of
    linked jobs; `link_job_id` is the job that starts when this one has completed, None where nothing is linked.
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
    link_on_failure: OnLinkFailure = OnLinkFailure.STOP
    limits: Limits = NO_LIMITS
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
