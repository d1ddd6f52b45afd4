"""Rows of the job table as nouns and back. The body's canonical JSON is the fact, the columns beside it are derived.

Terms are read by the thousand, so they never touch the body: their trigger has a column of its own, and jobs with equal
triggers share one parsed form.
"""

import json
from functools import lru_cache
from typing import Final

from triggerx.core.budget import budget_of, paid_gas
from triggerx.core.canonical import canonical_json
from triggerx.core.errors import InvalidInput, UnrecoverableError
from triggerx.core.job import (
    ConditionTrigger,
    EventTrigger,
    Job,
    JobBody,
    JobId,
    JobStatus,
    TaskDefinition,
    TimeTrigger,
    Trigger,
)
from triggerx.core.job_body import decode_body
from triggerx.core.terms import JobTerms
from triggerx.core.trigger_json import dump_trigger, parse_trigger
from triggerx.evm.types import Address, ChainId, Hash32, Wei
from triggerx.ports.store.jobs import TriggerKind
from triggerx.storage.session import Row, Value

NO_LINK: Final = "-1"  # the schema's word for "linked to nothing"
INTEGER_MAX: Final = 2**63 - 1  # what a column holds; a mandate may expire later than that
TRIGGERS_REMEMBERED: Final = 4_096  # most are an interval of a few hundred bytes, and many jobs have the same
PLAIN: Final = (
    "number",
    "user_id",
    "priority",
    "created_at",
    "expires_at",
    "next_due_at",
    "watched_from",
    "chain_status",
    "runs_max",
    "runs_per_day_max",
    "run_gas",
    "runs",
    "open_runs",
    "runs_today",
    "usage_day",
    "user_runs_today",
    "user_usage_day",
)
"""The fields of `JobTerms` that are read as they are stored; `{terms}` begins with them, in this order."""


def body_columns(body: JobBody) -> dict[str, Value]:
    """Every column that repeats what the body says."""
    trigger, action = body.trigger, body.action
    event = trigger if isinstance(trigger, EventTrigger) else None
    return {
        "owner": body.owner,
        "job_title": body.title,
        "task_definition_id": int(body.task_definition_id),
        "priority": body.priority,
        "security": body.security,
        "link_job_id": NO_LINK if body.link_job_id is None else str(body.link_job_id),
        "chain_status": body.chain_status,
        "time_frame": body.time_frame_s,
        "recurring": body.recurring,
        "time_interval": trigger.interval_s if isinstance(trigger, TimeTrigger) else 0,
        "trigger_contract_address": None if event is None else event.contract,
        "trigger_event": "" if event is None else event.event,
        "script_ipfs_url": action.script_url,
        "script_target_function": action.computed_by,
        "created_chain_id": body.created_chain_id,
        "target_chain_id": action.chain_id,
        "target_contract_address": action.target,
        "job_cost_prediction": body.cost_prediction,
        **term_columns(body),
    }


def term_columns(body: JobBody) -> dict[str, Value]:
    """Those of them that came with the ledger: the trigger's, and the limits that hold."""
    trigger, budget = body.trigger, budget_of(body)
    gas_price = budget.gas_price_max_wei
    return {
        "trigger_kind": _kind(trigger).value,
        "trigger_terms": canonical_json(dump_trigger(trigger)).decode(),
        "trigger_chain_id": None if isinstance(trigger, TimeTrigger) else trigger.chain_id,
        "script_trigger_function": trigger.script_function if isinstance(trigger, ConditionTrigger) else "",
        "runs_max": budget.runs_max,
        "runs_per_day_max": budget.runs_per_day_max,
        "wei_max": str(budget.wei_max),
        "wei_per_day_max": str(budget.wei_per_day_max),
        "gas_price_max_wei": None if gas_price is None else str(gas_price),
        "fee_max": str(budget.fee_max_wei),
        "mandate_expiry": None if body.mandate is None else min(body.mandate.mandate.expiry, INTEGER_MAX),
    }


def first_gas(body: JobBody) -> dict[str, Value]:
    """The column that is derived from the body; without a mandate only until the job has run."""
    return {"run_gas": paid_gas(body)}


def job_of(row: Row) -> Job:
    """Read a whole row."""
    return Job(
        body=read_body(row.text("body")),
        user_id=row.integer("user_id"),
        job_hash=Hash32(row.octets("job_hash")),
        version=row.integer("version"),
        status=JobStatus(row.integer("status")),
        created_at=row.integer("created_at"),
        accepted_at=row.integer("accepted_at"),
        next_due_at=row.integer_or_none("next_due_at"),
        last_executed_at=row.integer_or_none("last_executed_at"),
        is_paused=row.boolean("is_paused"),
        status_reason=row.text("status_reason"),
        spent_wei=Wei(row.number("spent_wei")),
    )


def terms_of(row: Row) -> JobTerms:
    """Read what `{terms}` selects, in its order: by name each column would take as long as the query does."""
    values = row.values()
    (
        job_id,
        owner,
        definition,
        trigger,
        time_frame_s,
        action_chain_id,
        recurring,
        status,
        is_paused,
        link,
        wei_max,
        wei_per_day_max,
        gas_price_max,
        spent,
        spent_today,
        balance,
        mandate_expiry,
        fee_max,
    ) = values[len(PLAIN) :]
    return JobTerms(
        **dict(zip(PLAIN, values, strict=False)),
        job_id=JobId(int(job_id)),
        owner=Address(owner),
        task_definition_id=TaskDefinition(definition),
        trigger=_trigger(trigger, definition, time_frame_s),
        action_chain_id=ChainId(action_chain_id),
        is_guarded=mandate_expiry is not None,
        recurring=bool(recurring),
        status=JobStatus(status),
        is_paused=bool(is_paused),
        link_job_id=None if link == NO_LINK else JobId(int(link)),
        wei_max=Wei(int(wei_max)),
        wei_per_day_max=Wei(int(wei_per_day_max)),
        gas_price_max_wei=None if gas_price_max is None else Wei(int(gas_price_max)),
        spent_wei=Wei(int(spent)),
        spent_today_wei=Wei(int(spent_today)),
        balance_wei=None if balance is None else Wei(int(balance)),
        mandate_expiry=mandate_expiry,
        fee_max_wei=Wei(int(fee_max)),
    )


def read_body(text: str) -> JobBody:
    """Read a stored body; raises `UnrecoverableError` where this program cannot."""
    try:
        return decode_body(text.encode())
    except InvalidInput as error:
        raise UnrecoverableError(f"a job in the store cannot be read by this program: {error}: {text[:200]}") from error


def _kind(trigger: Trigger) -> TriggerKind:
    match trigger:
        case TimeTrigger():
            return TriggerKind.TIME
        case EventTrigger():
            return TriggerKind.EVENT
        case ConditionTrigger():
            return TriggerKind.CONDITION


@lru_cache(maxsize=TRIGGERS_REMEMBERED)
def _trigger(terms: str, definition: int, time_frame_s: int) -> Trigger:
    try:
        return parse_trigger(json.loads(terms), TaskDefinition(definition), time_frame_s=time_frame_s)
    except InvalidInput as error:
        raise UnrecoverableError(f"a job's trigger cannot be read by this program: {error}: {terms[:200]}") from error
