"""Judging a body: whether it becomes a job, by one code for what is posted and for what is only asked about.

What is on chain already is held against the registry's entry. What is only asked about is held against the entry that
its owner's transaction would make, so that whatever would be refused later is refused before anything is sent.
"""

from dataclasses import dataclass, replace

from triggerx.core.job import Job, JobBody
from triggerx.core.job_body import created_at_of, expected_job_hash
from triggerx.core.validation import RegistryEntry
from triggerx.ports.store.accounts import ApiKey
from triggerx.role import Services
from triggerx_librarian.acceptance import (
    action_chain_of,
    check_authority,
    check_entry,
    check_executable,
    check_limits,
    check_security,
    first_due,
    known_entry,
    registered,
)
from triggerx_librarian.links import check_link, check_link_on_chain
from triggerx_librarian.mandates import check_guarded, check_mandate
from triggerx_librarian.registry import chain_of
from triggerx_librarian.replacement import check_present, check_replaces, is_deleted, is_same
from triggerx_librarian.watchable import check_action, check_trigger


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A body the chain agrees with.

    `entry` is the registry's, None where the job is known and nothing changes. `base` is the stored body that its owner
    (or an admin) changed into this one, None of what was posted.
    """

    body: JobBody
    entry: RegistryEntry | None = None
    base: JobBody | None = None


class Judge:
    """Judges bodies for one API; `registry_wait_s` is how long an entry may take to be seen here."""

    def __init__(self, services: Services, *, registry_wait_s: float) -> None:
        self._services = services
        self._registry_wait_s = registry_wait_s

    async def accept(self, body: JobBody, key: ApiKey, *, base: JobBody | None = None) -> Accepted:
        """Check one body against store and chain; the store is read again inside the transaction that writes."""
        services, is_owners = self._services, base is not None
        check_sense(services, body)
        known = await services.store.jobs.get(body.job_id)
        if known is not None and is_same(known.body, body, is_owners=is_owners) and not is_deleted(known):
            return Accepted(body=known.body)
        entry = await registered(services, body, wait_s=self._registry_wait_s)
        check_mandate(body, entry, action_chain_of(services, body), now=services.clock.now())
        await self._check(body, entry, known, key, is_mandated=body.mandate is not None, is_owners=is_owners)
        return Accepted(body=body, entry=entry, base=base)

    async def rehearse(
        self, body: JobBody, key: ApiKey, *, base: JobBody | None = None, is_mandated: bool, is_new: bool = False
    ) -> int | None:
        """Check one body as `accept` and what writes it would, once it is on chain; return when it is due first.

        `is_mandated` says that its owner's mandate is to come with it, `is_new` that the registry is to make the job.
        """
        services, is_owners = self._services, base is not None
        check_sense(services, body)
        action_chain = action_chain_of(services, body)
        chain_of(services, action_chain.chain_id)
        if is_mandated:
            check_guarded(action_chain)
        known = None if is_new else await services.store.jobs.get(body.job_id)
        entry = await self._entry_to_come(body, is_new=is_new)
        await self._check(
            body, entry, known, key, is_mandated=is_mandated or body.mandate is not None, is_owners=is_owners
        )
        await check_link(services.store, body)
        if known is not None:
            await check_present(services.store, known, body, entry, is_owners=is_owners)
        return first_due(body, after=services.clock.now())

    async def _check(
        self,
        body: JobBody,
        entry: RegistryEntry,
        known: Job | None,
        key: ApiKey,
        *,
        is_mandated: bool,
        is_owners: bool,
    ) -> None:
        services = self._services
        is_mandate_enough = known is None or entry.version == known.version
        check_authority(body, key, is_mandated=is_mandated and is_mandate_enough)
        check_trigger(services, body)
        check_action(services, body)
        if known is None or known.body.link_job_id != body.link_job_id:
            await check_link_on_chain(services, body)
        if known is not None:
            check_replaces(known, body, entry, is_owners=is_owners)
        first_due(body, after=services.clock.now())

    async def _entry_to_come(self, body: JobBody, *, is_new: bool) -> RegistryEntry:
        """The registry's entry as the owner's transaction would leave it; the present one where it changes nothing."""
        services, job_hash = self._services, expected_job_hash(body)
        if is_new:
            return RegistryEntry(
                owner=body.owner, job_hash=job_hash, version=created_at_of(body.job_id), is_active=True
            )
        entry = await known_entry(services, body, wait_s=0)
        check_entry(body, entry)
        if entry.job_hash == job_hash:
            return entry
        return replace(entry, job_hash=job_hash, version=max(entry.version + 1, services.clock.now()))


def check_sense(services: Services, body: JobBody) -> None:
    """Refuse what no chain and no owner could make right."""
    check_executable(body)
    check_limits(body)
    check_security(services, body)
