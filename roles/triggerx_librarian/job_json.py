"""Jobs in the shapes the published SDK reads: `job_data`, and the data of its trigger beside it."""

from collections.abc import Sequence
from decimal import Decimal

from triggerx.core.budget import budget_of
from triggerx.core.job import ConditionTrigger, EventTrigger, Job, JobStatus, TimeTrigger
from triggerx.core.job_body import dump_body
from triggerx.evm.types import checksum, to_hex
from triggerx_librarian.formats import ether, iso

_ACTION_FIELDS = (
    "target_chain_id",
    "target_contract_address",
    "target_function",
    "abi",
    "arg_type",
    "arguments",
    "dynamic_arguments_script_url",
    "language",
)
_ENDED = frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.STOPPED})


def status_word(job: Job) -> str:
    """The status in one word; code 4 is `paused` or `deleted`."""
    if job.status is JobStatus.STOPPED:
        return "paused" if job.is_paused else "deleted"
    return job.status.name.lower()


def job_data(job: Job, task_ids: Sequence[int]) -> dict[str, object]:
    """The SDK's `JobDataAPI`, and what it does not know: owner, guard, codes, and why the status is what it is."""
    body = job.body
    return {
        "job_id": str(job.job_id),
        "job_title": body.title,
        "task_definition_id": int(body.task_definition_id),
        "user_id": job.user_id,
        "user_address": checksum(body.owner),
        "priority": body.priority,
        "security": body.security,
        "link_job_id": "-1" if body.link_job_id is None else str(body.link_job_id),
        "chain_status": body.chain_status,
        "link_on_failure": body.link_on_failure.value,
        "custom": True,
        "time_frame": body.time_frame_s,
        "recurring": body.recurring,
        "status": status_word(job),
        "status_code": int(job.status),
        "status_reason": job.status_reason,
        "is_paused": job.is_paused,
        "is_guarded": body.is_guarded,
        "mandate_expiry": None if body.mandate is None else iso(body.mandate.mandate.expiry),
        "limits": _limits(job),
        "job_cost_prediction": Decimal(body.cost_prediction),
        "job_cost_actual": ether(job.spent_wei),
        "job_cost_actual_wei": str(job.spent_wei),
        "task_ids": list(task_ids),
        "created_at": iso(job.created_at),
        "updated_at": iso(max(job.accepted_at, job.version)),
        "last_executed_at": iso(job.last_executed_at),
        "timezone": body.trigger.timezone if isinstance(body.trigger, TimeTrigger) else "UTC",
        "is_imua": False,
        "created_chain_id": str(body.created_chain_id),
        "job_hash": to_hex(job.job_hash),
        "version": str(job.version),
    }


def trigger_data(job: Job) -> dict[str, object]:
    """`time_job_data`, `event_job_data` or `condition_job_data` under its name."""
    dumped = dump_body(job.body)
    common: dict[str, object] = {
        "job_id": str(job.job_id),
        "task_definition_id": int(job.body.task_definition_id),
        "expiration_time": iso(job.expires_at),
        "created_at": iso(job.created_at),
        "updated_at": iso(max(job.accepted_at, job.version)),
        "timezone": "UTC",
        "is_completed": job.status is JobStatus.COMPLETED,
        "is_active": job.status not in _ENDED,
        **{name: dumped[name] for name in _ACTION_FIELDS},
        "script_target_function": job.body.action.computed_by,
        "arguments_tolerance": Decimal(job.body.action.arguments_tolerance),
    }
    names: tuple[str, ...]
    match job.body.trigger:
        case TimeTrigger() as trigger:
            names = ("schedule_type", "time_interval", "cron_expression", "specific_schedule", "timezone")
            own: dict[str, object] = {name: dumped[name] for name in names}
            return {"time_job_data": {**common, **own, **_time_fields(trigger, job)}}
        case EventTrigger() as trigger:
            names = ("trigger_chain_id", "trigger_contract_address", "trigger_event")
            own = {name: dumped[name] for name in (*names, "event_filter_para_name", "event_filter_value")}
            return {"event_job_data": {**common, **own, **_event_fields(trigger), "recurring": job.body.recurring}}
        case ConditionTrigger() as trigger:
            names = ("condition_type", "value_source_type", "value_source_url", "selected_key_route")
            own = {name: dumped[name] for name in names}
            return {
                "condition_job_data": {**common, **own, **_condition_fields(trigger), "recurring": job.body.recurring}
            }


def _limits(job: Job) -> dict[str, object]:
    """The limits that hold, the defaults too; amounts in wei."""
    budget = budget_of(job.body)
    gas_price = budget.gas_price_max_wei
    return {
        "runs_max": budget.runs_max,
        "runs_per_day_max": budget.runs_per_day_max,
        "wei_max": str(budget.wei_max),
        "wei_per_day_max": str(budget.wei_per_day_max),
        "gas_price_max_wei": None if gas_price is None else str(gas_price),
    }


def _time_fields(trigger: TimeTrigger, job: Job) -> dict[str, object]:
    return {
        "misfire_policy": trigger.misfire.value,
        "misfire_within": trigger.misfire_within_s,
        "next_execution_timestamp": iso(job.next_due_at),
    }


def _event_fields(trigger: EventTrigger) -> dict[str, object]:
    return {
        "event_filters": [{"name": each.name, "value": each.value} for each in trigger.filters],
        "event_abi": trigger.event_abi,
        "event_confirmations": trigger.confirmations,
    }


def _condition_fields(trigger: ConditionTrigger) -> dict[str, object]:
    return {
        "upper_limit": Decimal(trigger.upper_limit),
        "lower_limit": Decimal(trigger.lower_limit),
        "value_source_chain_id": None if trigger.chain_id is None else str(trigger.chain_id),
        "value_source_function": trigger.function,
        "value_source_arguments": list(trigger.arguments),
        "script_trigger_function": trigger.script_function,
        "script_language": trigger.script_language,
        "trigger_mode": trigger.mode.value,
        "hysteresis": Decimal(trigger.hysteresis),
        "cooldown": trigger.cooldown_s,
        "tolerance": Decimal(trigger.tolerance),
    }
