"""A network's confirmations: an action chain's own, or those of the chain that it registers or attests on."""

from dataclasses import replace

from triggerx.evm.types import ChainId

from .sample import CHAIN, NETWORK


def test_confirmations_on_when_the_chain_has_several_parts_then_its_actions_come_first() -> None:
    network = replace(NETWORK, l1_chain_id=ChainId(1), l2_chain_id=ChainId(10), l1_confirmations=12, l2_confirmations=3)
    assert [network.confirmations_on(ChainId(chain_id)) for chain_id in (CHAIN, 10, 1, 5)] == [1, 3, 12, None]
    assert replace(network, l2_chain_id=CHAIN).confirmations_on(CHAIN) == 1
