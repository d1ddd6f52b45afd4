"""The queries of every noun, written once over `Session`; `Bound` puts them together as `ports.store.Queries`."""

from triggerx.ports.store import Queries
from triggerx.ports.store.accounts import ApiKeys, Deposits, Users
from triggerx.ports.store.jobs import Jobs
from triggerx.ports.store.journal import Cursors, EventLog, Quarantine, TransactionLog
from triggerx.ports.store.keepers import Keepers
from triggerx.ports.store.ledger import Blocks, Conditions, Ledger
from triggerx.ports.store.peering import Documents, Messages, Performances, Votes
from triggerx.ports.store.registry import Registry
from triggerx.ports.store.tasks import Assignments, Tasks
from triggerx.storage.queries.accounts import ApiKeyQueries, DepositQueries, UserQueries
from triggerx.storage.queries.conditions import ConditionQueries
from triggerx.storage.queries.jobs import JobQueries
from triggerx.storage.queries.journal import CursorQueries, EventQueries, QuarantineQueries, TransactionQueries
from triggerx.storage.queries.keepers import KeeperQueries
from triggerx.storage.queries.ledger import BlockQueries, LedgerQueries
from triggerx.storage.queries.peering import DocumentQueries, MessageQueries, PerformanceQueries, VoteQueries
from triggerx.storage.queries.registry import RegistryQueries
from triggerx.storage.queries.tasks import AssignmentQueries, TaskQueries
from triggerx.storage.session import Session

__all__ = ["Bound"]


class Bound(Queries):
    """Every query, bound to one session: the store's own, or a transaction's."""

    def __init__(self, session: Session) -> None:
        self.jobs: Jobs = JobQueries(session)
        self.tasks: Tasks = TaskQueries(session)
        self.assignments: Assignments = AssignmentQueries(session)
        self.keepers: Keepers = KeeperQueries(session)
        self.users: Users = UserQueries(session)
        self.deposits: Deposits = DepositQueries(session)
        self.registry: Registry = RegistryQueries(session)
        self.ledger: Ledger = LedgerQueries(session)
        self.blocks: Blocks = BlockQueries(session)
        self.conditions: Conditions = ConditionQueries(session)
        self.api_keys: ApiKeys = ApiKeyQueries(session)
        self.events: EventLog = EventQueries(session)
        self.cursors: Cursors = CursorQueries(session)
        self.transactions: TransactionLog = TransactionQueries(session)
        self.quarantine: Quarantine = QuarantineQueries(session)
        self.documents: Documents = DocumentQueries(session)
        self.messages: Messages = MessageQueries(session)
        self.performances: Performances = PerformanceQueries(session)
        self.votes: Votes = VoteQueries(session)
