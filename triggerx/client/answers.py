"""What the API answers, as far as a client reads it; fields that are not named here are let through.

An answer that lacks one of these fields, or has it in another type, is not taken.
"""

from typing import Final, TypeAlias

import msgspec

Scalar: TypeAlias = bool | int | float | str | None
Document: TypeAlias = dict[str, object]
"""Any object of JSON, to be shown and not to be reckoned with."""
JSON: Final[type[object]] = object
ENCODER: Final = msgspec.json.Encoder(decimal_format="string")


class Problem(msgspec.Struct):
    """An RFC 9457 problem."""

    detail: str = ""
    code: str = ""
    field: str | None = None


class PublishedScript(msgspec.Struct):
    """A script that is kept: the URL that a job's body takes."""

    url: str


class TriggerData(msgspec.Struct):
    """Of `time_job_data`, `event_job_data` or `condition_job_data`: the action, and what the registry binds of it."""

    target_contract_address: str = ""
    dynamic_arguments_script_url: str = ""
    language: str = ""
    time_interval: int = 0


class KeeperRow(msgspec.Struct):
    """A keeper as everybody may see it; points are a whole number as text."""

    keeper_address: str
    keeper_points: str
    online: bool
    last_check_in_at: str | None = None


class KeeperList(msgspec.Struct):
    """Every keeper that the API knows."""

    keepers: list[KeeperRow]


class JobRow(msgspec.Struct):
    """A job: `job_data`, and beside it the data of its trigger where the answer has them in one object."""

    job_id: str
    job_title: str
    task_definition_id: int
    user_address: str
    status: str
    version: str
    created_chain_id: str
    time_frame: int
    recurring: bool
    status_reason: str = ""
    is_guarded: bool = False
    created_at: str | None = None
    last_executed_at: str | None = None
    job_cost_actual_wei: str = "0"
    task_ids: list[int] = []
    time_job_data: TriggerData | None = None
    event_job_data: TriggerData | None = None
    condition_job_data: TriggerData | None = None

    @property
    def trigger_data(self) -> TriggerData:
        """The one of the three that is there."""
        return self.time_job_data or self.event_job_data or self.condition_job_data or TriggerData()


class JobEntry(msgspec.Struct):
    """A job in a list."""

    job_data: JobRow


class JobList(msgspec.Struct):
    """Several jobs."""

    jobs: list[JobEntry]


class Posted(msgspec.Struct):
    """The answer to a POST of jobs."""

    job_ids: list[str]


class Checked(msgspec.Struct):
    """The answer to a job that was only asked about: whether it would be taken."""

    is_accepted: bool


class TaskRow(msgspec.Struct):
    """A task; `task_number` is the Attestation Center's."""

    task_id: int
    job_id: str
    task_status: str
    task_error: str = ""
    task_number: int | None = None
    task_performer_address: str | None = None
    execution_tx_hash: str | None = None
    fired_at: str | None = None
    attested_at: str | None = None


class TaskList(msgspec.Struct):
    """Several tasks."""

    tasks: list[TaskRow]


class Finding(msgspec.Struct):
    """One sentence with its code; `at` is the unix second it is about."""

    code: str
    text: str
    at: int | None = None


class Why(msgspec.Struct):
    """Why a job did or did not run."""

    job_id: str
    findings: list[Finding]
    at: int | None = None


class Trial(msgspec.Struct):
    """One occurrence in the past, and what would have become of it; `call_succeeded` None where nobody knows.

    `script` says why the job's script gave no arguments.
    """

    block: int
    moment: int
    outcome: str
    reason: str
    detail: str
    call_succeeded: bool | None
    revert_reason: str
    gas: int
    cost_wei: str
    script: str = ""


class Simulation(msgspec.Struct):
    """What a job would have done: every occurrence of its trigger, the sums, and what was assumed."""

    firings: list[Trial]
    totals: Document
    assumptions: list[str]
    gas_price_wei: str


class AuditFinding(msgspec.Struct):
    """One way in which the ledger, or what follows from it, is wrong."""

    fault: str
    moment: int
    text: str


class Audit(msgspec.Struct):
    """What was found of one job; `checked` says how far it could be looked at."""

    job_id: str
    complete: bool
    checked: str
    expected: int
    findings: list[AuditFinding]
    notes: list[str] = []


class Unchecked(msgspec.Struct):
    """A job that could not be audited, and why."""

    job_id: str
    reason: str


class AuditPage(msgspec.Struct):
    """Some of a chain's jobs; `next_after` asks for those that follow, None after the last."""

    complete: bool
    jobs: list[Audit]
    unchecked: list[Unchecked] = []
    next_after: str | None = None
