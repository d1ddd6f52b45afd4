"""One job's life by `triggerx jobs` and `tasks` alone, against `triggerx run --all` with real processes."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.contract.scripts.programs import answering

TRIGGERX = str(Path(sys.executable).with_name("triggerx"))
WITHIN_S = 120.0
LOOK_S = 0.5
BANNER_END = "Stop with Ctrl-C"
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("TRIGGERX_API")}


@dataclass
class Person:
    """Types commands beside a development network."""

    folder: Path

    async def types(self, *arguments: str, status: int = 0) -> str:
        """Type one command; it must end with this status. Returns its standard output."""
        process = await asyncio.create_subprocess_exec(
            *(TRIGGERX, *arguments, "--data-dir", str(self.folder)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=ENVIRONMENT,
        )
        async with asyncio.timeout(WITHIN_S):
            out, err = await process.communicate()
        assert process.returncode == status, err.decode()
        assert b"Traceback" not in err
        return out.decode()

    async def asks(self, *arguments: str) -> Any:
        """Type one command with --json."""
        return json.loads(await self.types(*arguments, "--json"))

    async def attested(self, job: str, count: int) -> list[dict[str, Any]]:
        """Look until this many tasks of a job are attested; returns all."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                tasks: list[dict[str, Any]] = await self.asks("tasks", "list", job)
                if sum(task["task_status"] == "attested" for task in tasks) >= count:
                    return tasks
                await asyncio.sleep(LOOK_S)

    def job(self, *, interval_s: int, job_id: str = "") -> str:
        """Write a time job's file; returns its name."""
        given = {"job_id": job_id} if job_id else {}
        return self.file("job", task_definition_id=1, schedule_type="interval", time_interval=interval_s, **given)

    def file(self, name: str, **fields: object) -> str:
        """Write the file of a job that calls the example target, with amount 7 where nothing else is said."""
        document = self.document()
        whole = {
            "job_title": name,
            "time_frame": 3600,
            "recurring": True,
            "target_contract_address": document["contracts"]["example_target"],
            "target_function": document["example_target_function"],
            "abi": json.dumps(document["example_target_abi"]),
            "arguments": ["7"],
            **fields,
        }
        file = self.folder / f"{name}.json"
        file.write_text(json.dumps(whole))
        return str(file)

    def document(self) -> Any:
        """What the network wrote about itself."""
        return json.loads((self.folder / "devnet.json").read_text())

    async def head(self) -> str:
        """The number of the chain's newest block."""
        question = {"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber", "params": []}
        async with (
            aiohttp.ClientSession() as session,
            session.post(self.document()["rpc_url"], json=question) as answer,
        ):
            return str(int((await answer.json())["result"], 16))

    async def creates(self, file: str) -> str:
        """Make a job on chain, mandate it and hand it in; returns its id."""
        created = await self.asks("jobs", "create", file, "--deposit", str(10**17))
        (job,) = created["job_ids"]
        return str(job)


@asynccontextmanager
async def development_network(folder: Path) -> AsyncIterator[Person]:
    """Run one while the context is open."""
    process = await asyncio.create_subprocess_exec(
        *(TRIGGERX, "run", "--all", "--keepers", "3", "--api-port", "0", "--data-dir", str(folder)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(WITHIN_S):
            while BANNER_END not in (line := (await process.stdout.readline()).decode()):
                assert line, "the network ended before it was ready"
        yield Person(folder)
    finally:
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(WITHIN_S):
            assert await process.wait() == 0


async def test_job_when_only_commands_are_typed_then_it_lives_its_whole_life(tmp_path: Path) -> None:
    async with development_network(tmp_path) as person:
        created = await person.asks("jobs", "create", person.job(interval_s=5), "--deposit", str(10**17))
        (job,) = created["job_ids"]
        assert created["is_guarded"] == [True]
        (task, *_) = await person.attested(job, 1)
        assert (await person.asks("tasks", "show", str(task["task_id"])))["is_guarded"] is True
        assert "attested as task 1 (task.attested)" in await person.types("jobs", "why", job)

        assert (await person.asks("jobs", "pause", job))["status"] == "paused"
        assert "paused" in await person.types("jobs", "list")
        assert (await person.asks("jobs", "resume", job))["status"] == "scheduled"

        file = person.job(interval_s=3000, job_id=job)
        await person.types("jobs", "update", file)
        shown = await person.asks("jobs", "show", job)
        assert shown["time_job_data"]["time_interval"] == 3000
        asked = await person.asks("jobs", "run", job, "--nonce", "7")
        again = await person.asks("jobs", "run", job, "--nonce", "7")
        assert again["task_key"] == asked["task_key"]

        await person.types("tasks", "retry", str(task["task_id"]), status=2)
        assert (await person.asks("jobs", "delete", job))["status"] == "deleted"
        await person.types("jobs", "run", job, status=2)


async def test_jobs_when_events_conditions_and_a_hand_make_them_fire_then_all_is_attested_and_proved(
    tmp_path: Path,
) -> None:
    async with development_network(tmp_path) as person:
        target = person.document()["contracts"]["example_target"]
        event = person.file(
            "event",
            task_definition_id=3,
            trigger_chain_id="31337",
            trigger_contract_address=target,
            trigger_event="Incremented(address indexed caller, uint256 amount, uint256 total, uint256 value)",
            event_filters=[{"name": "amount", "value": "7"}],
            event_confirmations=2,
            arguments=["5"],
        )
        condition = person.file(
            "condition",
            task_definition_id=5,
            condition_type="greater_equal",
            value_source_type="view",
            value_source_url=target,
            value_source_chain_id="31337",
            value_source_function="total() returns (uint256)",
            upper_limit="14",
            arguments=["1"],
        )
        on_event, on_value = await person.creates(event), await person.creates(condition)
        by_time = await person.creates(person.job(interval_s=6))
        for job in (by_time, on_event, on_value):
            (task, *_) = await person.attested(job, 1)
            assert task["is_guarded"] is True
        await person.asks("jobs", "run", on_value)
        assert len(await person.attested(on_value, 2)) == 2

        assert "the condition became true for time 1" in await person.types("jobs", "why", on_value)
        head = await person.head()
        (seen, *_) = (await person.asks("jobs", "simulate", event, "--from", "1", "--to", head))["firings"]
        assert seen["call_succeeded"] is True
        assert "the ledger is complete" in await person.types("audit", "--from", "1", "--to", head)


ARGUMENTS = ("--now", "1700000000", "--argument", 'trigger={"kind": "time"}')
SCRIPT = """
def main(now, trigger):
    if trigger["kind"] == "event":
        return [trigger["ordinal"] + 40]
    if now % 2:
        return None
    return [30]
"""


async def test_jobs_when_a_script_computes_their_arguments_then_every_keeper_runs_it_and_agrees(tmp_path: Path) -> None:
    async with development_network(tmp_path) as person:
        file = person.folder / "amounts.py"
        file.write_text(SCRIPT)
        assert "[30]" in await person.types("script", "run", str(file), "--function", "main", *ARGUMENTS)
        url = (await person.asks("script", "publish", str(file)))["url"]
        computed = {"arguments": [], "dynamic_arguments_script_url": url}
        event = person.file(
            "on event",
            task_definition_id=4,
            trigger_chain_id="31337",
            trigger_contract_address=person.document()["contracts"]["example_target"],
            trigger_event="Incremented(address indexed caller, uint256 amount, uint256 total, uint256 value)",
            event_filters=[{"name": "amount", "value": "30"}],
            **computed,
        )
        on_event = await person.creates(event)
        every = {"schedule_type": "interval", "time_interval": 3}
        by_time = await person.creates(person.file("by time", task_definition_id=2, **every, **computed))
        module = person.folder / "amount.wasm"
        module.write_bytes(answering("[50]"))
        published = (await person.asks("script", "publish", str(module)))["url"]
        by_module = await person.creates(
            person.file(
                "by module",
                task_definition_id=2,
                **every,
                **{**computed, "dynamic_arguments_script_url": published, "language": "wasm"},
            )
        )
        for job, arguments in ((by_time, ["30"]), (on_event, ["41"]), (by_module, ["50"])):
            attested = [task for task in await person.attested(job, 1) if task["task_status"] == "attested"]
            assert {task["is_guarded"] for task in attested} == {True}
            assert [task["converted_arguments"] for task in attested] == [arguments] * len(attested)
        declined = [task for task in await person.asks("tasks", "list", by_time) if task["task_status"] == "declined"]
        assert declined
        assert "its script had nothing to do" in await person.types("jobs", "why", by_time)
