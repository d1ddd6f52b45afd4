"""A process that holds keys leaves no core, and shows its memory to no other process of its user."""

import subprocess
import sys

REPORT = """
import ctypes, sys
from pathlib import Path

def report():
    limit = next(line for line in Path("/proc/self/limits").read_text().splitlines() if line.startswith("Max core"))
    sys.stdout.write(f"{ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)} {' '.join(limit.split()[4:6])}\\n")
"""
PRIVATE = "0 0 0"


def said_by(code: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", REPORT + code], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.splitlines()


def test_memory_when_it_was_made_private_then_the_kernel_says_so() -> None:
    before, after = said_by(
        "report()\nfrom triggerx.node.memory import keep_memory_private\nkeep_memory_private()\nreport()\n"
    )
    assert before.startswith("1 ")
    assert after == PRIVATE


def test_memory_when_a_node_runs_then_it_is_private() -> None:
    code = "from triggerx.node.process import run_process\nasync def work():\n    report()\nrun_process(work)\n"
    assert said_by(code) == [PRIVATE]


def test_memory_when_a_secret_was_looked_for_then_it_is_private() -> None:
    code = (
        "from triggerx.node.secret_files import read_secret\n"
        "try:\n"
        "    read_secret(Path('/absent'), setting='', what='', bytes_max=1)\n"
        "except Exception:\n"
        "    report()\n"
    )
    assert said_by(code) == [PRIVATE]
