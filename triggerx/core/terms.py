"""What decides whether an occurrence of a job's trigger fires: the job's terms and its usage, without body or action.

Many are read at once and each is small: the engine decides about thousands of them in a second.
"""

from dataclasses import dataclass

from triggerx.core.job import JobId, JobStatus, TaskDefinition, Trigger
from triggerx.evm.types import Address, ChainId, Wei

DAY_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTerms:
    """One job as the engine sees it when its trigger has occurred.

    `number` is the store's number of the job. `run_gas` is the gas that a run's fee is for, `fee_max_wei` the most that
    this fee may be (`core.budget`). `runs` counts what has fired and has not failed, `open_runs` those of them whose
    task is not over; `runs_today` and `spent_today_wei` are of the UTC day `usage_day` (days since 1970).
    `user_runs_today` is the same sum over all of the owner's jobs. `balance_wei` is the owner's deposit on the action
    chain, None while it has not been read. `watched_from` is the first block from which the chain's watcher covers an
    event job, None before that. `link_job_id` is the job that starts when this one has completed.
    """

    number: int
    job_id: JobId
    owner: Address
    user_id: int
    task_definition_id: TaskDefinition
    trigger: Trigger
    action_chain_id: ChainId
    is_guarded: bool
    recurring: bool
    priority: int
    status: JobStatus
    is_paused: bool
    created_at: int
    expires_at: int
    next_due_at: int | None
    watched_from: int | None
    link_job_id: JobId | None
    chain_status: int
    runs_max: int
    runs_per_day_max: int
    wei_max: Wei
    wei_per_day_max: Wei
    gas_price_max_wei: Wei | None
    mandate_expiry: int | None
    run_gas: int
    fee_max_wei: Wei
    runs: int
    open_runs: int
    runs_today: int
    usage_day: int
    spent_wei: Wei
    spent_today_wei: Wei
    user_runs_today: int
    user_usage_day: int
    balance_wei: Wei | None
