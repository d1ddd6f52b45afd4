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

from tests.fakes.log import RecordingLog
from triggerx.evm.keys import PrivateKey
from triggerx.evm.types import checksum
from triggerx.node.clock import SystemClock
from triggerx.node.devnet.ground import L1_CHAIN_ID, Ground, development_ground, give_power
from triggerx.node.devnet.profile import write_profile
from triggerx.node.keystore import make_keystore
from triggerx.node.options import DevnetOptions

TIMEOUT_S = 120
PASSWORD = b"correct horse"


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
        """Exit status, standard output, standard error of a real process without a terminal."""
        places = ("--config", str(self.folder / "triggerx.toml"), "--config-dir", str(self.folder))
        bare = {name: value for name, value in os.environ.items() if not name.startswith("TRIGGERX_")}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            "from triggerx.cli.main import main; main()",
            "operator",
            *arguments,
            *places,
            env=bare,
            cwd=self.folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(TIMEOUT_S):
            out, err = (each.decode() for each in await process.communicate())
        assert "Traceback" not in err
        assert self.key.reveal().hex() not in out + err
        return process.returncode or 0, out, err

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
