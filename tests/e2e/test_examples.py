"""The examples as a person runs them, all against one `triggerx run --all` with a stranger's role in it."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest_asyncio

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
BIN = Path(sys.executable).parent
WITHIN_S = 150.0
BANNER_END = "Stop with Ctrl-C"


@dataclass(frozen=True)
class Running:
    """A development network that is up: what it printed, what it wrote, and where receipts go."""

    banner: str
    file: Path
    document: dict[str, Any]
    receipts: Path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def devnet(tmp_path_factory: Any) -> AsyncIterator[Running]:
    folder = tmp_path_factory.mktemp("examples")
    site, receipts, data = folder / "site", folder / "receipts", folder / "data"
    install_stranger(site)
    environment = {**os.environ, "PYTHONPATH": str(site), "TRIGGERX_RECEIPTS__FOLDER": str(receipts)}
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(str(BIN / "triggerx"), "run", "--all", "--api-port", "0", "--data-dir", str(data)),
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            env=environment,
        )
    try:
        assert process.stdout is not None
        banner = ""
        async with asyncio.timeout(WITHIN_S):
            while BANNER_END not in banner:
                line = await process.stdout.readline()
                assert line, (folder / "log").read_text()
                banner += line.decode()
        file = data / "devnet.json"
        yield Running(banner=banner, file=file, document=json.loads(file.read_text()), receipts=receipts)
    finally:
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(WITHIN_S):
            assert await process.wait() == 0


def install_stranger(site: Path) -> None:
    """Install the stranger's distribution into a folder, offline, as `uv pip install` does."""
    command = ["pip", "install", "--quiet", "--offline", "--no-cache", "--no-deps", "--no-build-isolation"]
    where = ["--python", sys.executable, "--target", str(site), str(EXAMPLES / "stranger_role")]
    done = subprocess.run([str(BIN / "uv"), *command, *where], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


async def tasks_of(*command: str | Path) -> list[dict[str, Any]]:
    """Run a command that prints one task a line; it must succeed."""
    process = await asyncio.create_subprocess_exec(
        *(str(part) for part in command), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(WITHIN_S):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, err.decode()
    return [json.loads(line) for line in out.splitlines()]


def node() -> str:
    """The Node of the venv, or the one on the PATH."""
    found = shutil.which("node", path=os.pathsep.join((str(BIN), os.environ.get("PATH", os.defpath))))
    assert found is not None, "there is no node: run dev.py setup"
    return found


def check_attested(task: dict[str, Any], *, is_guarded: bool) -> None:
    assert (task["task_status"], task["is_accepted"], task["is_guarded"]) == ("attested", True, is_guarded)
    assert len(task["attesters_ids"]) >= 3


# The SDK's job is the first that calls the target: its first call takes the most gas, and no mandate says how much.
async def test_sdk_job_when_the_sdk_is_unmodified_then_it_is_attested_on_the_unguarded_path(devnet: Running) -> None:
    tasks = await tasks_of(node(), EXAMPLES / "sdk_job" / "job.js", devnet.file, "1")
    assert len(tasks) == 1
    check_attested(tasks[0], is_guarded=False)
    assert tasks[0]["converted_arguments"] == ["3"]


async def test_heartbeat_when_run_then_every_beat_is_guarded_and_attested(devnet: Running) -> None:
    tasks = await tasks_of(sys.executable, EXAMPLES / "heartbeat" / "heartbeat.py", devnet.file, "2")
    assert len(tasks) == 2
    for task in tasks:
        check_attested(task, is_guarded=True)


async def test_banner_when_its_command_is_pasted_then_it_works_and_the_stranger_keeps_its_receipts(
    devnet: Running,
) -> None:
    lines = [line.strip() for line in devnet.banner.splitlines()]
    command = lines[lines.index("Try, in another terminal:") + 1]
    tasks = await tasks_of("sh", "-c", command)
    check_attested(tasks[-1], is_guarded=True)
    wanted = {devnet.receipts / f"{task['task_key']}.json": task for task in tasks}
    async with asyncio.timeout(WITHIN_S):
        while not all(file.is_file() for file in wanted):  # noqa: ASYNC110 - a folder tells nobody what is put into it
            await asyncio.sleep(0.1)
    for file, task in wanted.items():
        receipt = json.loads(file.read_text())
        assert receipt["task_submission_tx_hash"] == task["task_submission_tx_hash"]
        assert receipt["performer"] == task["task_performer_address"]
