import ipaddress

import pytest

from triggerx.http.guard import Exemption, Guard, address_of, is_own, is_public

PUBLIC = (
    *("1.1.1.1", "8.8.8.8", "93.184.216.34", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0"),
    *("126.255.255.255", "128.0.0.0", "169.253.255.255", "192.167.255.255", "192.0.3.0", "198.17.255.255"),
    *("198.20.0.0", "223.255.255.255", "2001:4860:4860::8888", "2606:4700::1", "2a00::1", "3ffe:ffff::1"),
    "64:ff9b::808:808",
)
NO_EXEMPTIONS = (
    *("", "127.0.0.1", "localhost:80", "127.1:80", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:+8"),
    *("::1:80", "[::1]", "[127.0.0.1]:80", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/8:80", "127.0.0.1:\u0661"),
    "[fe80::1%lo]:80",
)


@pytest.mark.parametrize("text", PUBLIC)
def test_address_when_of_the_internet_then_it_is_public(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    "text", ["64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "::ffff:8.8.8.8", "2002:808:808::1", "::8.8.8.8"]
)
def test_address_when_it_embeds_another_then_only_nat64s_of_a_public_one_is_public(text: str) -> None:
    assert not is_public(ipaddress.ip_address(text))


def test_addresses_when_python_calls_them_private_then_they_are_not_public() -> None:
    for base in range(0, 2**32, 2**32 // 4_096):  # one of each /12
        address = ipaddress.IPv4Address(base)
        assert not (is_public(address) and (address.is_private or address.is_multicast or not address.is_global))


@pytest.mark.parametrize(
    "text", ["", "localhost", "127.1", "0x7f.0.0.1", "010.0.0.1", "fe80::1%eth0", "1.1.1.1%a", " 1.1.1.1", "::1/128"]
)
def test_address_when_not_as_the_system_writes_it_then_it_is_none(text: str) -> None:
    assert address_of(text) is None


@pytest.mark.parametrize(
    ("text", "address", "port", "is_covered"),
    [
        ("127.0.0.1:8080", "127.0.0.1", 8080, True),
        ("127.0.0.1:8080", "127.0.0.1", 8081, False),
        ("127.0.0.1:8080", "127.0.0.2", 8080, False),
        ("127.0.0.1:8080", "::ffff:127.0.0.1", 8080, False),
        ("[::1]:8080", "::1", 8080, True),
        ("[::1]:8080", "::2", 8080, False),
        ("10.1.0.0/16", "10.1.255.255", 1, True),
        ("10.1.0.0/16", "10.2.0.0", 1, False),
        ("::1/128", "::1", 65_535, True),
        ("0.0.0.0/0", "::1", 1, False),
    ],
)
def test_exemption_when_parsed_then_it_covers_exactly_what_it_says(
    text: str, address: str, port: int, is_covered: bool
) -> None:
    assert Exemption.parse(text).covers(ipaddress.ip_address(address), port) is is_covered
    assert Guard([text]).allows(ipaddress.ip_address(address), port) is is_covered


@pytest.mark.parametrize("text", NO_EXEMPTIONS)
def test_exemption_when_it_is_none_then_it_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected ADDRESS:PORT"):
        Exemption.parse(text)


def test_guard_without_exemptions_then_public_addresses_alone_are_allowed() -> None:
    assert Guard().allows(ipaddress.ip_address("8.8.8.8"), 443)
    assert not Guard().allows(ipaddress.ip_address("127.0.0.1"), 443)
    assert not Guard(["8.8.8.8:443"]).exempts(ipaddress.ip_address("8.8.4.4"), 443)


def test_address_when_of_this_machine_then_it_is_its_own() -> None:
    assert is_own(ipaddress.ip_address("127.0.0.1"), 80)
    assert not is_own(ipaddress.ip_address("203.0.113.7"), 80)
