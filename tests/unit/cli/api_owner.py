"""A person who types commands against an API of recorded answers, and what that API shows."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.api import FakeApi
from triggerx.cli import main as cli
from triggerx.evm.keys import PrivateKey
from triggerx.evm.registry import pack_job_id
from triggerx.evm.types import ChainId, checksum, to_hex

USER = PrivateKey(b"\7" * 32)
ADDRESS = checksum(USER.address)
CHAIN = ChainId(31337)
JOB = pack_job_id(CHAIN, 1_800_000_000, 1)
HUB = "0xDc64a140Aa3E981100a9becA4E685f962f0cF6C9"
TARGET = "0x5FC8d32690cc91D4c39d9d3abcBD16989F875707"
KEY = "tgx_" + "a" * 64
ROW = {
    "job_id": str(JOB),
    "job_title": "a \x1b[31mjob",
    "task_definition_id": 1,
    "user_address": ADDRESS,
    "status": "scheduled",
    "version": "1800000000",
    "created_chain_id": "31337",
    "time_frame": 60,
    "recurring": False,
    "job_cost_actual": 0.5,
    "task_ids": [1, 2],
    "hold": None,
    "time_job_data": {"target_contract_address": TARGET, "time_interval": 6, "is_active": True},
}
TASK = {"task_id": 1, "job_id": str(JOB), "task_status": "failed", "task_error": "reverted: no"}
JOB_FILE = f"""
job_title = "a job"
task_definition_id = 1
time_frame = 3600
schedule_type = "interval"
time_interval = 60
target_contract_address = "{TARGET}"
target_function = "increment"
abi = '[{{"type":"function","name":"increment","inputs":[{{"name":"amount","type":"uint256"}}],"outputs":[]}}]'
arguments = ["7"]
"""

COMPLETE = {"job_id": str(JOB), "complete": True, "checked": "chain", "expected": 4, "findings": [], "notes": ["odd"]}


@dataclass
class Owner:
    """Types commands on a machine where a development network has left its document."""

    folder: Path
    api: FakeApi
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def types(self, *arguments: str) -> tuple[int, str, str]:
        """Exit status, standard output, standard error."""
        self.monkeypatch.setattr(sys, "argv", ["triggerx", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = self.capsys.readouterr()
        assert "Traceback" not in said.err
        assert not (self.folder / "crash.log").exists()
        return int(ended.value.code or 0), said.out, said.err

    def write(self, name: str, text: str, mode: int = 0o600) -> Path:
        file = self.folder / name
        file.write_text(text)
        file.chmod(mode)
        return file

    def has_devnet(self, url: str) -> None:
        contracts = {"job_registry": TARGET, "gas_registry": TARGET, "task_execution_hub": HUB}
        document = {
            "rpc_url": "http://127.0.0.1:1",
            "chain_id": CHAIN,
            "api_url": url,
            "api_key": KEY,
            "contracts": contracts,
            "accounts": [{"address": ADDRESS, "private_key": to_hex(USER.reveal())}],
        }
        self.write("devnet.json", json.dumps(document))
