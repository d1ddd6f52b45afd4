"""An operator's commands against the contracts alone: nobody carries messages here, and the registration is judged."""

import io
import json
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.contract.chains.deployed import System, running
from triggerx.chains.development import Kind, find_anvil
from triggerx.cli import main as cli
from triggerx.core.network import Network
from triggerx.evm.bn254.bls import REGISTRATION_DOMAIN, BlsKey, registration_message
from triggerx.evm.contracts import AttestationCenter, AvsGovernance
from triggerx.evm.keys import PrivateKey
from triggerx.evm.types import Address, checksum, from_hex, to_hex
from triggerx.node.devnet.profile import write_profile
from triggerx.node.keystore import make_keystore

KIND: Kind = "anvil" if find_anvil() else "embedded"
POWER = 500
RECEIVER = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


@dataclass
class Desk:
    """Somebody with a key, a configuration and voting power, on a chain that is both layers."""

    system: System
    key: PrivateKey
    folder: Path
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    @property
    def governance(self) -> Address:
        return self.system.at.avs_governance

    def configure(self, *lines: str) -> None:
        at, chain_id = self.system.at, self.system.chain_id
        network = Network(
            name="local",
            l1_chain_id=chain_id,
            l2_chain_id=chain_id,
            avs_governance=at.avs_governance,
            attestation_center=at.attestation_center,
            engines=(),
        )
        write_profile(self.folder, network)
        (self.folder / "triggerx.toml").write_text('network = "local"\n' + "\n".join(lines) + "\n")

    def types(self, *arguments: str) -> tuple[int, str, str]:
        """Exit status, standard output, standard error."""
        places = ("--config", str(self.folder / "triggerx.toml"), "--config-dir", str(self.folder))
        self.monkeypatch.setattr(sys, "argv", ["triggerx", "operator", *arguments, *places])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = self.capsys.readouterr()
        assert "Traceback" not in said.err
        assert self.key.reveal().hex() not in said.out + said.err
        return int(ended.value.code or 0), said.out, said.err

    def sees(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.types("status", "--json")[1])
        return document

    def reached_l2(self) -> None:
        """Do what the message from L1 does."""
        bls = BlsKey.from_private_key(self.key.reveal())
        call = AttestationCenter.registerOperator.encode(self.key.address, bls.public, POWER, self.key.address)
        self.system.do(self.system.messenger, self.system.at.attestation_center, call)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Desk]:
    for name in list(os.environ):
        if name.startswith("TRIGGERX_"):
            monkeypatch.delenv(name)
    with running(KIND) as chain:
        system = System(chain)
        made = Desk(system, system.stranger, tmp_path, monkeypatch, capsys)
        key = tmp_path / "keeper.key"
        key.touch(mode=0o600)
        key.write_text(made.key.reveal().hex())
        chains = (f"[chains.{system.chain_id}]", f'rpc_urls = ["{chain.rpc_url}"]')
        made.configure("[keys]", 'keeper_file = "keeper.key"', *chains)
        system.do(system.deployer, made.governance, AvsGovernance.setVotingPower.encode(made.key.address, POWER))
        yield made


def test_register_when_it_is_sent_then_its_bytes_are_what_the_contract_specifies(desk: Desk) -> None:
    status, _, err = desk.types("register", "--rewards", RECEIVER, "--auth-token", "0xabcd", "--wait", "0")
    found = re.search(r"by transaction (0x[0-9a-f]{64})", err)
    assert status == 0
    assert found is not None
    sent = desk.system.ask("eth_getTransactionByHash", found[1])
    bls = BlsKey.from_private_key(desk.key.reveal())
    message = registration_message(desk.key.address, desk.governance, desk.system.chain_id)
    proof = bls.sign(REGISTRATION_DOMAIN, message)
    expected = AvsGovernance.registerAsOperator.encode((bls.public, from_hex(RECEIVER), (proof,), b"\xab\xcd"))
    assert (sent["to"], sent["input"]) == (to_hex(desk.governance), to_hex(expected))


def test_register_when_the_other_layer_hears_nothing_then_the_wait_ends_and_it_may_be_typed_again(desk: Desk) -> None:
    status, out, err = desk.types("register", "--wait", "1")
    assert (status, out) == (69, "")
    assert f"chain {desk.system.chain_id} has not heard of it within 1 s" in err
    assert "triggerx operator status" in err
    seen = desk.sees()
    assert (seen["l1"]["is_registered"], seen["l2"]["is_active"], seen["is_bls_key_known"]) == (True, False, True)
    assert "does not count it yet" in seen["missing"][0]
    desk.reached_l2()
    status, out, err = desk.types("register", "--wait", "1", "--json")
    assert (status, json.loads(out)["l2"]["operator_id"]) == (0, 5)
    assert "is registered on chain" in err


def test_register_when_another_bls_key_stands_there_then_it_is_told_to_leave_first(desk: Desk) -> None:
    other = BlsKey.from_private_key("77" * 32)
    message = registration_message(desk.key.address, desk.governance, desk.system.chain_id)
    proof = other.sign(REGISTRATION_DOMAIN, message)
    call = AvsGovernance.registerAsOperator.encode((other.public, desk.key.address, (proof,), b""))
    desk.system.do(desk.key, desk.governance, call)
    status, out, err = desk.types("register", "--wait", "0")
    assert (status, out) == (2, "")
    assert "with another BLS key" in err
    seen = desk.sees()
    assert seen["is_bls_key_known"] is False
    assert "with another BLS key" in seen["missing"][0]
    desk.types("unregister", "--yes", "--wait", "0")
    assert desk.types("register", "--wait", "0")[0] == 0
    assert desk.sees()["is_bls_key_known"] is True


def test_key_when_its_keystore_has_no_configured_password_then_the_options_file_opens_it(desk: Desk) -> None:
    keystore, password = desk.folder / "keeper.key", desk.folder / "password"
    keystore.write_bytes(make_keystore(desk.key, b"swordfish", scrypt_n=2))
    password.touch(mode=0o600)
    password.write_text("swordfish\n")
    status, out, _ = desk.types("status", "--json", "--key-password-file", str(password))
    assert (status, json.loads(out)["operator"]) == (1, checksum(desk.key.address))
    status, out, err = desk.types("status")
    assert (status, out) == (2, "")
    assert "there is no terminal to ask for it: give --key-password-file FILE" in err


def test_status_when_a_person_reads_it_then_what_is_missing_stands_below(desk: Desk) -> None:
    status, out, _ = desk.types("status")
    assert status == 1
    assert checksum(desk.key.address) in out
    assert out.splitlines()[-1] == (
        f"missing: it is not registered on chain {desk.system.chain_id}: triggerx operator register"
    )


@pytest.mark.parametrize(("answer", "is_left"), [("yes\n", True), ("y\n", False), ("", False)])
def test_unregister_when_a_person_is_asked_then_yes_alone_goes_on(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, answer: str, is_left: bool
) -> None:
    assert desk.types("register", "--wait", "0")[0] == 0
    terminal = io.StringIO(answer)
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)
    status, _, err = desk.types("unregister", "--wait", "0")
    assert status == (0 if is_left else 2)
    assert "Type yes to go on" in err
    assert desk.sees()["l1"]["is_registered"] is not is_left


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("status", "--network", "elsewhere"), 78, 'no profile "elsewhere"'),
        (("status", "--key-file", "absent"), 2, "--key-file: the file absent cannot be read"),
        (("register", "--rewards", "me"), 2, "--rewards: expected"),
        (("register", "--rewards", RECEIVER.swapcase().replace("X", "x")), 2, "its checksum (EIP-55) is wrong"),
        (("register", "--rewards", "0x" + "00" * 20), 2, "--rewards: the zero address is nobody's"),
        (("register", "--auth-token", "me"), 2, "--auth-token: expected"),
        (("register", "--wait", "-1"), 2, "--wait"),
        (("leave",), 2, "leave"),
    ],
)
def test_command_when_it_is_wrong_then_one_sentence_says_so(
    desk: Desk, arguments: tuple[str, ...], status: int, message: str
) -> None:
    ended, out, err = desk.types(*arguments)
    assert (ended, out) == (status, "")
    assert message in err
