"""Fixtures of the contract tests: one deployed system a module and chain, put back after each test."""

from collections.abc import Iterator

import pytest

from tests.contract.chains.deployed import System, running
from triggerx.chains.development import Kind, find_anvil

KINDS: list[Kind] = ["embedded", "anvil"] if find_anvil() else ["embedded"]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Each kind of development chain that this machine has."""
    chosen: Kind = request.param
    return chosen


@pytest.fixture(scope="module", params=KINDS)
def deployed_system(request: pytest.FixtureRequest) -> Iterator[System]:
    with running(request.param) as chain:
        yield System(chain)


@pytest.fixture
def system(deployed_system: System) -> Iterator[System]:
    """The deployed system, as it was deployed: what a test did is undone after it."""
    snapshot = deployed_system.ask("evm_snapshot")
    yield deployed_system
    assert deployed_system.ask("evm_revert", snapshot)
