"""The receipts role: one file of JSON for every attested task, in a folder of the operator's choice.

It follows the event log by position: the receipt is written first, then the position, so a crash may write a receipt
again (the same name, the same content) and never loses one. The bus only tells it when to look.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final, NoReturn, cast

from triggerx.core.errors import ConfigurationError, RecoverableError, UnavailableError, UnrecoverableError
from triggerx.core.task import Task, TaskStatus
from triggerx.events import TaskEnded
from triggerx.evm.types import checksum, parse_hash32, to_hex
from triggerx.ports.store.journal import LoggedEvent
from triggerx.role import RoleConfig, Services, WakeUp

EVENTS_AT_ONCE: Final = 200  # a page of the event log: enough to catch up fast, little enough for memory
POSITION_NAME: Final = "position"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptsConfig(RoleConfig):
    """Table `[receipts]`."""

    folder: str = ""
    """Where the receipts go; it is made when it is missing."""
    poll_s: float = 5.0
    """How often the event log is looked at when nothing was heard."""


class ReceiptsRole:
    """Writes `<folder>/<task key>.json` for every task that the Attestation Center approved."""

    name: ClassVar[str] = "receipts"
    config_type: ClassVar[type[RoleConfig]] = ReceiptsConfig

    def __init__(self, services: Services, config: RoleConfig) -> None:
        self._services = services
        self._config = cast("ReceiptsConfig", config)
        self._log = services.log.bind(role=self.name)

    async def run(self, *, started: Callable[[], None]) -> NoReturn:
        """Write receipts until cancelled."""
        if not self._config.folder:
            raise ConfigurationError("[receipts] folder is not set: name one there, or in TRIGGERX_RECEIPTS__FOLDER")
        folder = Path(self._config.folder)
        position = await asyncio.to_thread(open_folder, folder)
        wake_up = WakeUp(self._services, TaskEnded)
        async with asyncio.TaskGroup() as group:
            group.create_task(wake_up.listen(), name="receipts.listen")
            started()
            while True:
                position = await self._catch_up(folder, position)
                await wake_up.wait(self._config.poll_s)
        raise UnrecoverableError("the receipts' loop ended, which it may not")

    async def _catch_up(self, folder: Path, start: int) -> int:
        """Write what is due after this position of the event log; return the new one."""
        position = start
        while events := await self._services.store.events.after(position, limit=EVENTS_AT_ONCE):
            for event in events:
                task = await self._attested(event)
                if task is not None:
                    name = f"{to_hex(task.task_key)}.json"
                    await asyncio.to_thread(write_whole, folder / name, json.dumps(receipt_of(task), indent=2) + "\n")
                    self._log.info("receipt written", task_id=task.task_id, file=name)
            position = events[-1].sequence
            await asyncio.to_thread(write_whole, folder / POSITION_NAME, f"{position}\n")
        return position

    async def _attested(self, event: LoggedEvent) -> Task | None:
        """The task of an event that says that it is attested."""
        if event.kind != "task_moved" or event.payload.get("status") != TaskStatus.ATTESTED.value:
            return None
        return await self._services.store.tasks.by_key(parse_hash32(event.subject.removeprefix("task:")))


def receipt_of(task: Task) -> dict[str, object]:
    """What an owner's accountant wants to know of one task."""
    return {
        "task_id": task.task_id,
        "task_number": task.task_number,
        "job_id": str(task.job_id),
        "performer": None if task.task_performer is None else checksum(task.task_performer),
        "attesters_ids": list(task.task_attester_ids),
        "execution_tx_hash": None if task.execution_tx_hash is None else to_hex(task.execution_tx_hash),
        "task_submission_tx_hash": (
            None if task.task_submission_tx_hash is None else to_hex(task.task_submission_tx_hash)
        ),
        "cost_wei": None if task.task_cost is None else str(task.task_cost),
    }


def open_folder(folder: Path) -> int:
    """Make the folder and return the position of the event log it has come to; 0 for a new one."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return int((folder / POSITION_NAME).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return 0
    except (OSError, ValueError) as error:
        raise UnavailableError(f"{folder} cannot be used for receipts: {error}") from error


def write_whole(file: Path, text: str) -> None:
    """Write a file whole or not at all; a full disk is tried again when the supervisor restarts the role."""
    new = file.with_name(f"{file.name}.new")
    try:
        new.write_text(text, encoding="utf-8")
        new.replace(file)
    except OSError as error:
        raise RecoverableError(f"{file} cannot be written: {error}") from error
