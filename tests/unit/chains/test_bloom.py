"""Blooms: "no" is certain."""

from eth_bloom.bloom import BloomFilter

from triggerx.chains.bloom import matcher
from triggerx.evm.types import Address
from triggerx.ports.chain import LogFilter

ADDRESS, OTHER = Address(b"\x01" * 20), Address(b"\x02" * 20)
TOPIC, ELSE = b"\x03" * 32, b"\x04" * 32
BLOOM = int(BloomFilter.from_iterable([ADDRESS, TOPIC])).to_bytes(256, "big")


def test_bloom_when_it_holds_address_and_topic_then_may_hold_the_log() -> None:
    assert matcher(LogFilter(addresses=(ADDRESS,), topics=((TOPIC,),)))(BLOOM)
    assert matcher(LogFilter(addresses=(OTHER, ADDRESS), topics=(None, (ELSE, TOPIC))))(BLOOM)
    assert matcher(LogFilter())(BLOOM)


def test_bloom_when_one_of_them_is_not_in_it_then_holds_none() -> None:
    assert not matcher(LogFilter(addresses=(OTHER,), topics=((TOPIC,),)))(BLOOM)
    assert not matcher(LogFilter(addresses=(ADDRESS,), topics=((ELSE,),)))(BLOOM)
    assert not matcher(LogFilter())(bytes(256))
