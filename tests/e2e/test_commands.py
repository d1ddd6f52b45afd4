"""`triggerx run --all` and `triggerx demo` as a person types them."""

import asyncio
import json
import sys
from pathlib import Path

import aiohttp
import pytest

TRIGGERX = str(Path(sys.executable).with_name("triggerx"))
WITHIN_S = 120.0

TASK_FIELDS = {
    "task_id",
    "task_number",
    "job_id",
    "performer",
    "attesters_ids",
    "execution_tx_hash",
    "task_submission_tx_hash",
    "is_approved",
    "fired_at",
    "executed_at",
    "attested_at",
}


@pytest.mark.parametrize("chain", ["anvil", "embedded"])
async def test_demo_when_asked_for_json_then_prints_one_document_and_exits_0(chain: str, tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        TRIGGERX,
        *("demo", "--json", "--chain", chain, "--data-dir", str(tmp_path)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(WITHIN_S):
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    document = json.loads(out)
    assert (document["ok"], document["chain"]) == (True, chain)
    (task,) = document["tasks"]
    assert set(task) == TASK_FIELDS
    assert (task["task_number"], task["attesters_ids"], task["is_approved"]) == (1, [1, 2, 3, 4], True)
    assert task["fired_at"] < task["executed_at"] < task["attested_at"]
    assert b"task 1 is attested" in err


async def test_run_all_when_ready_then_devnet_json_says_how_to_use_it_and_sigterm_ends_it(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        TRIGGERX,
        *("run", "--all", "--chain", "anvil", "--keepers", "2", "--api-port", "0", "--data-dir", str(tmp_path)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        banner = ""
        async with asyncio.timeout(WITHIN_S):
            while "Stop with Ctrl-C" not in banner:
                line = await process.stdout.readline()
                assert line, banner
                banner += line.decode()
        document = json.loads((tmp_path / "devnet.json").read_text())
        assert set(document["contracts"]) == {
            "attestation_center",
            "avs_governance",
            "job_registry",
            "gas_registry",
            "task_execution_hub",
            "example_target",
            "multicall",
        }
        assert [keeper["operator_id"] for keeper in document["keepers"]] == [1, 2]
        assert document["chain_id"] == 31337
        assert document["accounts"][-1]["address"] in banner
        assert document["example_target_function"] in {entry.get("name") for entry in document["example_target_abi"]}
        assert (tmp_path / "devnet.json").stat().st_mode & 0o077 == 0
        headers = {"Authorization": f"Bearer {document['api_key']}"}
        async with (
            aiohttp.ClientSession(document["api_url"], headers=headers) as session,
            session.get("/api/keepers/all") as answer,
        ):
            assert answer.status == 200
            assert document["keepers"][0]["operator"] in await answer.text()
    finally:
        process.terminate()
    async with asyncio.timeout(WITHIN_S):
        assert await process.wait() == 0
