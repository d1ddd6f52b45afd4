"""What `triggerx jobs simulate` and `triggerx audit` do: they have the API replay blocks, and show what came of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from triggerx.client.answers import Audit, AuditPage, Simulation
from triggerx.client.api import Answer, Api, ApiRefused
from triggerx.client.job_file import JobFile
from triggerx.core.job import JobId
from triggerx.core.job_body import dump_body
from triggerx.evm.types import ChainId
from triggerx.node.clock import SystemClock
from triggerx.node.options import UsageError
from triggerx.node.remote.jobs import about_file, asked, parse_job_id, run
from triggerx.node.remote.output import counted, moment, print_document, print_line, print_raw, print_table, say
from triggerx.node.remote.place import Place

FOUND: Final = 1
"""The exit status of an audit that found something, or that could not look at every job."""
PAGES_MAX: Final = 10_000  # of 20 jobs: an API that never comes to an end is left
FIRING_HEADINGS: Final = ("BLOCK", "MOMENT", "OUTCOME", "CALL", "GAS", "COST WEI", "WHY")
FINDING_HEADINGS: Final = ("JOB", "MOMENT", "FAULT", "WHAT")


def simulate(place: Place, file: Path, *, from_block: int, to_block: int, is_json: bool) -> None:
    """Print every firing that the file's job would have had in these blocks, and what it would have cost."""
    _check_blocks(from_block, to_block)
    job_file = JobFile.read(file)
    owner = None if place.signer is None or job_file.fields.get("user_address") else place.signer.address
    chain_id = job_file.chain_id() or place.default_chain_id
    job = dump_body(job_file.draft(owner=owner, chain_id=chain_id, now=SystemClock().now()))
    if not job_file.has_job_id:
        del job["job_id"]  # the API takes it as created at the first block
    try:
        answer = asked(place, lambda api: api.simulate(job, from_block=from_block, to_block=to_block))
    except ApiRefused as error:
        raise about_file(job_file, error) from error
    if is_json:
        print_raw(answer.raw)
    else:
        _print_simulation(answer.value)


def audit(place: Place, job: str | None, *, from_block: int, to_block: int, chain: int | None, is_json: bool) -> int:
    """Hold the ledger of a job, or of all jobs of a chain, against what should be in it; returns the exit status.

    As JSON, each of the API's pages is a line.
    """
    _check_blocks(from_block, to_block)
    if job is not None:
        if chain is not None:
            raise UsageError("--chain goes without JOB: a job is audited on the chain of its trigger")
        one = _audit_one(place, parse_job_id(job), from_block, to_block)
        return _told([one.raw], [one.value], is_complete=one.value.complete, is_json=is_json)
    chain_id = None if chain is None else ChainId(chain)
    pages = run(lambda: _audit_pages(place, from_block, to_block, chain_id))
    audits = [each for page in pages for each in page.value.jobs]
    for left in (each for page in pages for each in page.value.unchecked):
        say(f"job {left.job_id} could not be audited: {left.reason}")
    is_complete = all(page.value.complete for page in pages)
    return _told([page.raw for page in pages], audits, is_complete=is_complete, is_json=is_json)


def _audit_one(place: Place, job_id: JobId, from_block: int, to_block: int) -> Answer[Audit]:
    return asked(place, lambda api: api.audit_job(job_id, from_block=from_block, to_block=to_block))


async def _audit_pages(
    place: Place, from_block: int, to_block: int, chain_id: ChainId | None
) -> list[Answer[AuditPage]]:
    async with place.open_api() as api:
        return await _read_pages(api, from_block, to_block, chain_id)


async def _read_pages(api: Api, from_block: int, to_block: int, chain_id: ChainId | None) -> list[Answer[AuditPage]]:
    pages: list[Answer[AuditPage]] = []
    after: str | None = None
    while len(pages) < PAGES_MAX:
        page = await api.audit_page(from_block=from_block, to_block=to_block, chain_id=chain_id, after=after)
        pages.append(page)
        after = page.value.next_after
        if after is None:
            return pages
    raise UsageError(f"the API has more than {PAGES_MAX} pages of jobs: audit them one by one")


def _told(raws: Sequence[bytes], audits: Sequence[Audit], *, is_complete: bool, is_json: bool) -> int:
    if is_json:
        for raw in raws:
            print_raw(raw)
    else:
        _print_audits(audits, is_complete=is_complete)
    return 0 if is_complete else FOUND


def _print_audits(audits: Sequence[Audit], *, is_complete: bool) -> None:
    found = [(each.job_id, finding) for each in audits for finding in each.findings]
    if found:
        rows = [(job_id, moment(each.moment), each.fault, each.text) for job_id, each in found]
        print_table(FINDING_HEADINGS, rows)
    for each in audits:
        for note in each.notes:
            print_line(f"job {each.job_id}: {note}")
    expected = sum(each.expected for each in audits)
    verdict = counted(len(found), "finding") if found else "not every job could be audited"
    verdict = "the ledger is complete" if is_complete else verdict
    print_line(f"{counted(len(audits), 'job')} audited, {counted(expected, 'occurrence')} expected: {verdict}")


def _print_simulation(simulation: Simulation) -> None:
    if simulation.firings:
        print_table(
            FIRING_HEADINGS,
            [
                (
                    each.block,
                    moment(each.moment),
                    each.outcome,
                    {True: "succeeds", False: "reverts", None: "unknown"}[each.call_succeeded],
                    each.gas,
                    each.cost_wei,
                    each.revert_reason or each.script or each.detail or each.reason,
                )
                for each in simulation.firings
            ],
        )
    else:
        print_line("It would not have fired.")
    print_document(simulation.totals)
    for assumption in simulation.assumptions:
        print_line(f"assumed: {assumption}")


def _check_blocks(from_block: int, to_block: int) -> None:
    """Refuse a span that ends before it begins."""
    if from_block > to_block:
        raise UsageError(f"--from is {from_block}, after --to {to_block}")
