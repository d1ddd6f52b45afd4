"""SQLite's one writing connection, in a thread of its own, that commits whatever waits together with one sync.

Writes are taken from a queue in their order. While one group is on its way to the disk the next one gathers, so the
number of syncs does not grow with the number of writers. A single statement that fails undoes itself alone, a
transaction that fails is rolled back to its savepoint; the others of the group are committed. Writes outside of
transactions, and transactions as wholes, are answered after the commit has returned: what was answered is on the disk.

A transaction holds the connection while its owner thinks, so it has a limit: after it the owner is refused, and the
others go on.
"""

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from triggerx.core.errors import RecoverableError, UnrecoverableError
from triggerx.storage.session import Value

GROUP_UNITS_MAX: Final = 256  # the first of a group waits for the last: at 10 µs a statement this is a few milliseconds
GROUP_SECONDS_MAX: Final = 0.02  # the same bound for transactions, which take as long as their owners do
TRANSACTION_SECONDS_MAX: Final = 10.0  # nobody waits for the network inside; a stuck owner must not stop the node


Parameters: TypeAlias = Mapping[str, Value] | Sequence[Sequence[Value]]
"""One row of a statement's parameters by name, or several in the order of its `?`, for which it is run in turn."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a statement returned: its rows, and how many it wrote."""

    rows: Sequence[sqlite3.Row]
    written: int


_DONE: Final = Answer((), 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One statement with the future of its answer; of several rows of parameters all are written, or none."""

    sql: str
    parameters: Parameters
    answer: asyncio.Future[Answer]


@dataclass(slots=True, kw_only=True)
class Turn:
    """A transaction: when it is `granted` its owner puts statements in, and True to commit or False to roll back."""

    granted: asyncio.Future[Answer]
    committed: asyncio.Future[Answer]
    _inbox: "queue.SimpleQueue[Write | bool]" = field(default_factory=queue.SimpleQueue)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _is_over: bool = False

    def put(self, message: Write | bool) -> bool:
        """Hand a message over; False when the turn is over already, and the message was not taken."""
        with self._lock:
            if not self._is_over:
                self._inbox.put(message)
            return not self._is_over

    def take(self, until: float) -> Write | bool | None:
        """The next message, or None when there is none until that monotonic second."""
        try:
            return self._inbox.get(timeout=max(0.0, until - time.monotonic()))
        except queue.Empty:
            return None

    def end(self) -> Sequence[Write]:
        """Take nothing any more; return the statements that came too late."""
        with self._lock:
            self._is_over = True
        late: list[Write] = []
        while not self._inbox.empty():
            message = self._inbox.get_nowait()
            if isinstance(message, Write):
                late.append(message)
        return late


Unit: TypeAlias = Write | Turn
Outcome: TypeAlias = "tuple[asyncio.Future[Answer], Answer | Exception]"


class Writer:
    """The thread. `connection` is in autocommit mode (`isolation_level=None`) and the thread's own from `start` on.

    `after_commit` is called in the thread once a group is answered, and raises nothing.
    """

    def __init__(self, connection: sqlite3.Connection, *, after_commit: Callable[[], None]) -> None:
        self._connection = connection
        self._after_commit = after_commit
        self._loop = asyncio.get_running_loop()
        self._units: queue.SimpleQueue[Unit | None] = queue.SimpleQueue()
        self._is_open = False
        self._thread = threading.Thread(target=self._run, name="sqlite-writer", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._is_open = True
        self._thread.start()

    async def close(self) -> None:
        """Commit what was handed over before, then end the thread."""
        self._is_open = False
        self._units.put(None)
        await asyncio.to_thread(self._thread.join)

    def write(self, sql: str, parameters: Parameters) -> asyncio.Future[Answer]:
        """Hand a statement over; its answer comes when it is on the disk. Raises `RecoverableError` when closed."""
        unit = Write(sql=sql, parameters=parameters, answer=self._loop.create_future())
        self._put(unit)
        return unit.answer

    def turn(self) -> Turn:
        """Ask for a transaction. Raises `RecoverableError` when closed."""
        turn = Turn(granted=self._loop.create_future(), committed=self._loop.create_future())
        self._put(turn)
        return turn

    def write_inside(self, turn: Turn, sql: str, parameters: Parameters) -> asyncio.Future[Answer]:
        """Hand over a statement of a granted transaction; it is answered when it was run."""
        unit = Write(sql=sql, parameters=parameters, answer=self._loop.create_future())
        if not turn.put(unit):
            unit.answer.set_exception(held_too_long())
        return unit.answer

    def check_open(self) -> None:
        """Raise `RecoverableError` when it is closed."""
        if not self._is_open or not self._thread.is_alive():
            raise RecoverableError("the store is closed")

    def _put(self, unit: Unit) -> None:
        self.check_open()
        self._units.put(unit)

    def _run(self) -> None:
        while (unit := self._units.get()) is not None:
            _Group(self._connection, self._say).commit(unit, self._next)
            self._after_commit()

    def _next(self) -> Unit | None:
        """What waits, without waiting; the end of the store stays in the queue."""
        try:
            unit = self._units.get_nowait()
        except queue.Empty:
            return None
        if unit is None:
            self._units.put(None)
        return unit

    def _say(self, outcomes: Sequence[Outcome]) -> None:
        if not self._loop.is_closed():  # closed without the store: the process ends, and nobody waits
            self._loop.call_soon_threadsafe(_deliver, outcomes)


class _Group:
    """The units that share one commit; runs in the writer's thread."""

    def __init__(self, connection: sqlite3.Connection, say: Callable[[Sequence[Outcome]], None]) -> None:
        self._connection = connection
        self._say = say
        self._outcomes: list[Outcome] = []
        self._futures: list[asyncio.Future[Answer]] = []
        self._failure: Exception | None = UnrecoverableError("the store's writer ended in the middle of a commit")

    def commit(self, unit: Unit | None, following: Callable[[], Unit | None]) -> None:
        """Run the unit and what waits behind it, commit, and answer all; nobody is left without an answer."""
        end = time.monotonic() + GROUP_SECONDS_MAX
        self._futures += _futures(unit)
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            while unit is not None:
                self._run(unit)
                is_full = len(self._outcomes) >= GROUP_UNITS_MAX or time.monotonic() > end
                unit = None if is_full else following()
                self._futures += _futures(unit)
            self._connection.execute("COMMIT")
            self._failure = None
        except sqlite3.Error as error:
            self._failure = error
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        finally:
            failure = self._failure
            self._say(self._outcomes if failure is None else [(future, failure) for future in self._futures])

    def _run(self, unit: Unit) -> None:
        if isinstance(unit, Write):
            self._outcomes.append((unit.answer, self._answer_alone(unit)))
        else:
            self._outcomes.append((unit.committed, self._run_turn(unit)))

    def _run_turn(self, turn: Turn) -> Answer | Exception:
        """Run a transaction's statements as they come, until its owner or the limit ends it.

        The first of a group has nothing before it to keep, and so needs no savepoint, which copies every page it sees.
        """
        end = time.monotonic() + TRANSACTION_SECONDS_MAX
        is_first = not self._outcomes
        if not is_first:
            self._connection.execute("SAVEPOINT turn")
        self._say([(turn.granted, _DONE)])
        try:
            while isinstance(message := turn.take(end), Write):
                self._say([(message.answer, self._answer(message))])
        finally:
            self._say([(late.answer, held_too_long()) for late in turn.end()])
        if is_first:
            if message is not True:
                self._connection.execute("ROLLBACK")
                self._connection.execute("BEGIN IMMEDIATE")
        else:
            if message is not True:
                self._connection.execute("ROLLBACK TO turn")
            self._connection.execute("RELEASE turn")
        return held_too_long() if message is None else _DONE

    def _answer(self, unit: Write) -> Answer | Exception:
        """Run one statement. Its failure is its own, unless the engine gave the whole transaction up (a full disk)."""
        try:
            if not isinstance(unit.parameters, Mapping):
                return Answer((), self._connection.executemany(unit.sql, unit.parameters).rowcount)
            cursor = self._connection.execute(unit.sql, unit.parameters)
            return Answer(cursor.fetchall(), cursor.rowcount)
        except (sqlite3.Error, OverflowError, TypeError, ValueError) as error:
            if not self._connection.in_transaction:
                raise
            return error

    def _answer_alone(self, unit: Write) -> Answer | Exception:
        """Run one statement outside of a transaction: of several rows, those before a failing one are taken back."""
        if isinstance(unit.parameters, Mapping):
            return self._answer(unit)
        self._connection.execute("SAVEPOINT many")
        answer = self._answer(unit)
        if isinstance(answer, Exception):
            self._connection.execute("ROLLBACK TO many")
        self._connection.execute("RELEASE many")
        return answer


def held_too_long() -> Exception:
    """Why a transaction was ended by the store."""
    return RecoverableError(
        f"a transaction held the store for more than {TRANSACTION_SECONDS_MAX:.0f} s and was rolled back: "
        "nothing may be awaited inside but its own queries"
    )


def _futures(unit: Unit | None) -> Sequence[asyncio.Future[Answer]]:
    match unit:
        case Write():
            return (unit.answer,)
        case Turn():
            return (unit.granted, unit.committed)
        case None:
            return ()


def _deliver(outcomes: Sequence[Outcome]) -> None:
    """In the loop: answer whoever still waits."""
    for future, outcome in outcomes:
        if future.done():
            continue
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
