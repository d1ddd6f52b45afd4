"""The profile a development network writes is read back as the same network."""

from dataclasses import replace
from pathlib import Path

from tests.unit.core.sample import NETWORK
from triggerx.node.config.networks import load_profile
from triggerx.node.devnet.profile import write_profile


def test_write_profile_when_read_again_then_gives_an_equal_network(tmp_path: Path) -> None:
    chains = {chain_id: replace(chain, start_block=17) for chain_id, chain in NETWORK.action_chains.items()}
    network = replace(NETWORK, bootstrap=("/ip4/127.0.0.1/tcp/4001/p2p/12D3KooWExample",), action_chains=chains)
    write_profile(tmp_path, network)
    assert load_profile(network.name, [tmp_path], "the test") == network
