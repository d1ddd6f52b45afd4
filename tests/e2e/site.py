"""A site for what an operator can do wrong: a profile, a configuration, and the command line over it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

CHAIN_ID = 31337
PROFILE = f"""
l1_chain_id = {CHAIN_ID}
l2_chain_id = {CHAIN_ID}
avs_governance = "0x0000000000000000000000000000000000000001"
attestation_center = "0x0000000000000000000000000000000000000002"
engines = []
"""
TIMEOUT_S = 60


@dataclass
class Site:
    """A directory with a profile `local` and a configuration, and the command line over it."""

    directory: Path
    rpc_url: str
    lines: list[str] = field(default_factory=list)

    @property
    def data_dir(self) -> Path:
        return self.directory / "data"

    @property
    def config_file(self) -> Path:
        return self.directory / "triggerx.toml"

    def write(self, *lines: str) -> None:
        (self.directory / "networks").mkdir(exist_ok=True)
        (self.directory / "networks" / "local.toml").write_text(PROFILE)
        default = ['network = "local"', 'data_dir = "data"', f"[chains.{CHAIN_ID}]", f'rpc_urls = ["{self.rpc_url}"]']
        self.config_file.write_text("\n".join(lines or [*default, "[librarian]", "port = 0"]) + "\n")

    def command(self, *arguments: str) -> list[str]:
        places = ["--config", str(self.config_file), "--config-dir", str(self.directory)]
        return [sys.executable, "-c", "from triggerx.cli.main import main; main()", *arguments, *places]

    def environ(self, **variables: str) -> dict[str, str]:
        bare = {name: value for name, value in os.environ.items() if not name.startswith("TRIGGERX_")}
        return {**bare, "XDG_DATA_HOME": str(self.directory / "xdg"), **variables}

    def refused(self, status: int, *arguments: str, **variables: str) -> str:
        """Run to the refusal and return its sentence, the last line of standard error."""
        return self.refused_command(status, "run", *arguments, **variables)

    def refused_command(self, status: int, *arguments: str, **variables: str) -> str:
        """The same of any command."""
        done = subprocess.run(
            self.command(*arguments),
            env=self.environ(**variables),
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        assert done.returncode == status, done.stderr
        assert "Traceback" not in done.stderr
        assert not (self.data_dir / "crash.log").exists()
        assert done.stdout == ""
        sentence = done.stderr.splitlines()[-1]
        assert sentence.startswith("triggerx: ")
        return sentence

    @contextmanager
    def running(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """Run a node until the context ends; entered once it has started."""
        with subprocess.Popen(
            self.command("run", *arguments), env=self.environ(), stderr=subprocess.PIPE, text=True, cwd=self.directory
        ) as process:
            try:
                assert process.stderr is not None
                said = []
                for line in process.stderr:
                    said.append(line)
                    if "node started" in line:
                        break
                else:
                    raise AssertionError("".join(said))
                yield process
            finally:
                if process.poll() is None:
                    process.send_signal(signal.SIGTERM)
                process.communicate(timeout=TIMEOUT_S)
