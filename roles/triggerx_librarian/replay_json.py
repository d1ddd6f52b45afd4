"""Simulations and audits in JSON: amounts in wei and ids as decimal strings, times as unix seconds and ISO 8601."""

from triggerx.core.evidence import dump_evidence
from triggerx.core.job import JobId
from triggerx.core.ledger import Outcome
from triggerx.evm.types import to_hex
from triggerx.triggers.audit import JobAudit
from triggerx.triggers.ledger_check import Finding
from triggerx.triggers.simulation import Simulation, Trial
from triggerx_librarian.formats import iso, optional_hex


def simulation_json(found: Simulation) -> dict[str, object]:
    """Every occurrence with what would have become of it, the totals, and what was assumed."""
    trials, job_id = found.trials, found.body.job_id
    fired = [trial for trial in trials if trial.ruling.outcome is Outcome.FIRED]
    reverted = [trial for trial in fired if trial.call is not None and not trial.call.is_success]
    return {
        "job_id": str(job_id),
        "chain_id": str(found.chain_id),
        "from_block": found.span.first.number,
        "to_block": found.span.last.number,
        "gas_price_wei": str(found.gas_price_wei),
        "firings": [_trial_json(trial, job_id) for trial in trials],
        "totals": {
            "occurrences": len(trials),
            "fired": len(fired),
            "reverted": len(reverted),
            "gas": sum(trial.gas for trial in fired),
            "cost_wei": str(found.cost_wei),
        },
        "assumptions": list(found.assumptions),
    }


def audit_json(audit: JobAudit) -> dict[str, object]:
    """A job's result: `complete` where nothing was found, and how far that reaches."""
    bounds = audit.bounds
    has_bounds = bounds.since <= bounds.until
    return {
        "job_id": str(audit.job_id),
        "chain_id": str(audit.chain_id),
        "checked": audit.checked.value,
        "complete": audit.is_complete,
        "from_block": audit.first_block,
        "to_block": audit.last_block if audit.last_block >= audit.first_block else None,
        "from_second": bounds.since if has_bounds else None,
        "to_second": bounds.until if has_bounds else None,
        "expected": audit.expected,
        "outcomes": {outcome.value: count for outcome, count in sorted(audit.outcomes.items())},
        "reorged": audit.reorged,
        "tasks": audit.tasks,
        "findings": [_finding_json(finding) for finding in audit.findings],
        "notes": list(audit.notes),
    }


def _trial_json(trial: Trial, job_id: JobId) -> dict[str, object]:
    occurrence, ruling, call = trial.occurrence, trial.ruling, trial.call
    return {
        "block": trial.block,
        "moment": occurrence.moment,
        "moment_iso": iso(occurrence.moment),
        "task_key": to_hex(occurrence.key(job_id)),
        "evidence": dump_evidence(occurrence.evidence),
        "outcome": ruling.outcome.value,
        "reason": ruling.reason.value,
        "detail": ruling.detail,
        "call_succeeded": None if call is None else call.is_success,
        "revert_reason": "" if call is None else call.revert_reason,
        "script": trial.script,
        "gas": trial.gas if trial.is_sent else 0,
        "cost_wei": str(trial.cost_wei),
    }


def _finding_json(finding: Finding) -> dict[str, object]:
    return {
        "fault": finding.fault.value,
        "moment": finding.moment,
        "moment_iso": iso(finding.moment),
        "task_key": optional_hex(finding.task_key),
        "text": finding.text,
    }
