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


class TriggerData(msgspec.Struct):
    """Of `time_job_data`, `event_job_data` or `condition_job_data`: the action, and what the registry binds of it."""

    target_contract_address: str = ""
    dynamic_arguments_script_url: str = ""
    language: str = ""
    time_interval: int = 0


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


class Simulation(msgspec.Struct):
    """What a job would have done: each firing is shown field by field."""

    firings: list[Document]


class Audit(msgspec.Struct):
    """Where the ledger is not what it should be; empty when it is."""

    findings: list[Document]
