"""What a network says about a chain: as the action chain that it is, or as the one it registers or attests on."""

from dataclasses import replace

from triggerx.evm.types import ChainId

from .sample import CHAIN, NETWORK


def test_confirmations_on_when_the_chain_has_several_parts_then_its_actions_come_first() -> None:
    network = replace(NETWORK, l1_chain_id=ChainId(1), l2_chain_id=ChainId(10), l1_confirmations=12, l2_confirmations=3)
    assert [network.confirmations_on(ChainId(chain_id)) for chain_id in (CHAIN, 10, 1, 5)] == [1, 3, 12, None]
    assert replace(network, l2_chain_id=CHAIN).confirmations_on(CHAIN) == 1


def test_block_time_when_the_chain_is_an_action_chain_then_it_is_its_own_and_else_l1s_alone() -> None:
    network = replace(NETWORK, l1_chain_id=ChainId(1), l2_chain_id=ChainId(10))
    assert [network.block_time_s_on(ChainId(chain_id)) for chain_id in (CHAIN, 1, 10)] == [1.0, 12.0, None]
    assert replace(network, l1_chain_id=CHAIN).block_time_s_on(CHAIN) == 1.0
