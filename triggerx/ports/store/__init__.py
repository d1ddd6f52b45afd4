"""Durable facts, by named queries; SQLite and Postgres keep the same contract.

Each call is atomic of its own; `transaction()` makes several one. A call that returns has reached the disk.
"""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from triggerx.ports.store.accounts import ApiKeys, Deposits, Users
from triggerx.ports.store.jobs import Jobs
from triggerx.ports.store.journal import Cursors, EventLog, Quarantine, TransactionLog
from triggerx.ports.store.keepers import Keepers
from triggerx.ports.store.ledger import Blocks, Conditions, Ledger
from triggerx.ports.store.peering import Documents, Messages, Performances, Votes
from triggerx.ports.store.registry import Registry
from triggerx.ports.store.tasks import Assignments, Tasks

__all__ = ["Queries", "Store"]


class Queries(Protocol):
    """Every query, grouped by noun; the same on a store and inside a transaction."""

    jobs: Jobs
    tasks: Tasks
    assignments: Assignments
    keepers: Keepers
    users: Users
    deposits: Deposits
    registry: Registry
    ledger: Ledger
    blocks: Blocks
    conditions: Conditions
    api_keys: ApiKeys
    events: EventLog
    cursors: Cursors
    transactions: TransactionLog
    quarantine: Quarantine
    documents: Documents
    messages: Messages
    performances: Performances
    votes: Votes


class Store(Queries, Protocol):
    """One node's store. Opened and closed by the composition; roles only use it."""

    def transaction(self) -> AbstractAsyncContextManager[Queries]:
        """Run several queries as one: all are durable when the context ends, none when it raises.

        Queries outside see nothing of it before. What is read by its key inside stays locked until the end, so that it
        may be changed and written back; append to the event log last. Await nothing inside but its own queries: after
        10 s it is rolled back and raises `RecoverableError`, as it does when the engine refused a query in it.
        """
        ...
