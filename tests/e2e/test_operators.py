"""An operator comes, looks around and leaves by the command line, on two development chains with their messenger."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.apart import NodeProcess, running_apart
from tests.fakes.log import RecordingLog
from triggerx.evm.keys import PrivateKey
from triggerx.evm.types import Wei, checksum
from triggerx.node.clock import SystemClock
from triggerx.node.devnet.ground import L1_CHAIN_ID, Ground, development_ground, give_power
from triggerx.node.devnet.profile import write_profile
from triggerx.node.keystore import make_keystore
from triggerx.node.options import DevnetOptions

TIMEOUT_S = 120
PASSWORD = b"correct horse"


async def typed(*arguments: str, config: Path, folder: Path) -> tuple[int, str, str]:
    """Exit status, standard output, standard error of a real process without a terminal."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("TRIGGERX_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from triggerx.cli.main import main; main()", *arguments),
        *("--config", str(config), "--config-dir", str(folder)),
        env=bare,
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(TIMEOUT_S):
        out, err = (each.decode() for each in await process.communicate())
    assert "Traceback" not in err
    return process.returncode or 0, out, err


@dataclass(frozen=True, kw_only=True)
class Newcomer:
    """Somebody with a funded key and a configuration, beside one operator."""

    ground: Ground
    folder: Path

    @property
    def key(self) -> PrivateKey:
        return self.ground.user

    @property
    def address(self) -> str:
        return checksum(self.key.address)

    def configure(self, key: PrivateKey) -> None:
        files = {"keeper.json": make_keystore(key, PASSWORD, scrypt_n=2), "password": PASSWORD}
        for name, content in files.items():
            (self.folder / name).touch(mode=0o600)
            (self.folder / name).write_bytes(content)
        chains = [f'[chains.{chain_id}]\nrpc_urls = ["{url}"]' for chain_id, url in self.ground.rpc_urls.items()]
        lines = ['network = "devnet"', "[keys]", 'keeper_file = "keeper.json"', 'keeper_password_file = "password"']
        (self.folder / "triggerx.toml").write_text("\n".join([*lines, *chains]) + "\n")
        write_profile(self.folder, self.ground.network)

    async def empower(self) -> None:
        """Give it voting power, as its stake would elsewhere."""
        await give_power(self.ground.reads[L1_CHAIN_ID], self.ground.keys[0], self.ground.network, [self.key.address])

    async def types(self, *arguments: str) -> tuple[int, str, str]:
        """As `typed`; the key is never part of what is said."""
        ended, out, err = await typed("operator", *arguments, config=self.folder / "triggerx.toml", folder=self.folder)
        assert self.key.reveal().hex() not in out + err
        return ended, out, err

    async def sees(self, status: int) -> dict[str, Any]:
        ended, out, err = await self.types("status", "--json")
        assert ended == status, err
        document: dict[str, Any] = json.loads(out)
        return document


@asynccontextmanager
async def newcomer(folder: Path) -> AsyncIterator[Newcomer]:
    options = DevnetOptions(keepers=1, has_own_l1=True)
    async with development_ground(options, SystemClock(), RecordingLog()) as ground:
        made = Newcomer(ground=ground, folder=folder)
        made.configure(made.key)
        yield made


async def test_operator_when_it_comes_and_leaves_then_both_chains_say_so(tmp_path: Path) -> None:
    async with newcomer(tmp_path) as operator:
        before = await operator.sees(1)
        assert (before["operator"], before["l1"]["is_registered"], before["l2"]["operator_id"]) == (
            operator.address,
            False,
            None,
        )
        assert [sentence.split(" on chain ")[0] for sentence in before["missing"]] == [
            "it has no voting power",
            "it is not registered",
        ]
        status, out, err = await operator.types("register")
        assert (status, out) == (2, "")
        assert "AvsGovernance refuses it: NotEnoughVotingPower" in err
        assert "deposit stake" in err

        await operator.empower()
        status, out, err = await operator.types("register", "--rewards", "0x" + "11" * 20, "--json")
        registered = json.loads(out)
        assert (status, registered["missing"]) == (0, [])
        assert f"was registered on chain {L1_CHAIN_ID} by transaction 0x" in err
        assert (registered["l2"]["operator_id"], registered["l2"]["voting_power"]) == (2, "1000")
        assert (registered["l2"]["total_voting_power"], registered["l2"]["share_percent"]) == ("2000", "50.00")
        assert registered["is_bls_key_known"] is True

        status, _, err = await operator.types("register")
        assert status == 0
        assert f"{operator.address} is registered on chain {L1_CHAIN_ID} already" in err
        assert await operator.sees(0) == registered

        status, out, err = await operator.types("unregister")
        assert (status, out) == (2, "")
        assert "--yes: there is no terminal" in err
        assert (await operator.sees(0))["l1"]["is_registered"] is True

        status, out, _ = await operator.types("unregister", "--yes", "--json")
        assert (status, json.loads(out)["l2"]["is_active"]) == (0, False)
        status, _, err = await operator.types("unregister", "--yes")
        assert status == 0
        assert f"{operator.address} is not registered on chain {L1_CHAIN_ID}" in err


async def test_keeper_when_it_has_voted_then_its_status_says_so_while_it_runs_and_afterwards(tmp_path: Path) -> None:
    async with running_apart(tmp_path, keepers=2) as (network, _):
        customer = network.customer
        await customer.deposit(Wei(10**17))
        job = await customer.register_job(interval_s=6, time_frame_s=6)
        await customer.post_job(job, customer.sign_mandate(job))
        await customer.attested(job.job_id, within_s=TIMEOUT_S)
        api_url = (await network.librarian.logged("api started"))["url"]

        async def status_of(node: NodeProcess) -> dict[str, Any]:
            config = tmp_path / node.name / "triggerx.toml"
            ended, out, err = await typed(
                *("keeper", "status", "--json", "--api", api_url), config=config, folder=tmp_path
            )
            assert ended == 0, err
            document: dict[str, Any] = json.loads(out)
            return document

        points = 0
        for operator, node in network.keepers.items():
            seen = await status_of(node)
            assert core_limits(node.process.pid) == ["0", "0"]
            assert seen["operator"] == operator
            assert seen["node"] == {"data_dir": str(tmp_path / node.name), "process_id": node.process.pid}
            assert (seen["votes"]["approved"], seen["votes"]["rejected"], seen["refusals"]) == (1, 0, [])
            assert seen["peers"]["known"] >= 1
            assert seen["election"]["is_active"] is True
            assert seen["api"]["is_online"] is True
            points += int(seen["api"]["points"])
            assert await node.stop() == 0
            again = await status_of(node)
            assert again["node"]["process_id"] is None
            assert again["votes"] == seen["votes"]
        assert points > 0


def core_limits(process_id: int) -> list[str]:
    """How large a core dump of the process may be, by the kernel's word."""
    lines = Path(f"/proc/{process_id}/limits").read_text().splitlines()
    return next(line.split()[4:6] for line in lines if line.startswith("Max core file size"))
