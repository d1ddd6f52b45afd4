"""URLs that ask for what they may not have, each with the code it must be refused with; `{port}` is the canary's."""

import ipaddress


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


PRIVATE_4 = _words(
    """
    0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 100.127.255.255 127.0.0.1 127.0.0.2
    127.1.2.3 127.255.255.255 168.63.129.16 169.254.0.1 169.254.169.254 169.254.170.2 172.16.0.1 172.31.255.255
    192.0.0.1 192.0.0.192 192.0.2.1 192.88.99.1 192.168.0.1 192.168.255.255 198.18.0.1 198.19.255.255 198.51.100.1
    203.0.113.1 224.0.0.1 233.252.0.1 239.255.255.255 240.0.0.1 255.255.255.255
    """
)
PRIVATE_6 = _words(
    """
    :: ::1 ::7f00:1 ::127.0.0.1 ::ffff:0:127.0.0.1 64:ff9b:1::7f00:1 100::1 100:0:0:1::1 2001::1
    2001:0:4136:e378:8000:63bf:80ff:fffe 2001:2::1 2001:10::1 2001:20::1 2001:db8::1 2620:4f:8000::1 3fff::1
    4000::1 5f00::1 fc00::1 fd00:ec2::254 fdff:ffff::1 fe80::1 fe80::a9fe:a9fe febf::1 fec0::1 feff::1 ff00::1
    ff02::1 ff0e::1 0:0:0:0:0:0:0:1 ::0001
    """
)
NOT_CANONICAL = _words(
    """
    2130706433 0x7f000001 0X7F000001 0x7f.1 0x7f.0.0.1 0x7f.0x0.0x0.0x1 017700000001 0177.0.0.1 0177.0.0.01 127.1
    127.0.1 127.000.000.001 0127.0.0.1 127.0.0.01 127.0.0.0x1 127.0.0.1.1 127.0.0.256 127.0.0.-1 4294967295
    4294967296 425510585857 0 00 0x 0x0 1 1. 127.0.0.1.. 127..0.1 .127.0.0.1 169.254.43518 2852039166 0xa9fea9fe
    0251.0376.0251.0376 a.1 a.0x7f localhost.1 example.com.0 ::ffff:127.0.0.1 ::1
    """
)
LEADING_TO_LOOPBACK = _words(
    """
    localhost LOCALHOST localhost. a.localhost localhost.localdomain ip6-localhost localtest.me 127.0.0.1.nip.io
    metadata.google.internal metadata instance-data host.docker.internal kubernetes.default.svc printer.local
    router.lan xn--bcher-kva.example b\xfccher.example \uff4c\uff4f\uff43\uff41\uff4c\uff48\uff4f\uff53\uff54
    loc\u24d0lhost feed.example _service.example a-b.example [v1.x]
    """
)
DISGUISED_4 = (
    "\uff11\uff12\uff17.\uff10.\uff10.\uff11",  # full-width digits
    "127\u30020\u30020\u30021",  # ideographic full stops
    "127\uff0e0\uff0e0\uff0e1",
    "\u2460\u2461\u2466.0.0.1",  # circled digits
    "\u00b9\u00b2\u2077.0.0.1",  # superscripts
    "127.0.0.1.",
)
BAD_HOSTS = (
    *(
        "a..example",
        ".example",
        "-a.example",
        "a-.example",
        f"{'a' * 64}.example",
        f"{'a.' * 130}example",
        "a$b.example",
    ),
    *("%31%32%37.0.0.1", "127.0.0.1%00", "127.0.0.1%0d%0a", "127.0.0.1%23.example", "loc%61lhost", "*", "a,b", "a'b"),
    *("[fe80::1%25lo]", "[fe80::1%lo]", "[::1%251]"),
)
BAD_URLS = (
    *("http://", "http:", "http:///", "http:///etc/passwd", "http:127.0.0.1:{port}", "https:/127.0.0.1:{port}/"),
    *("http://[::1", "http://[::1]:{port}]/", "http://[]/", "http://[127.0.0.1]/", "http://::1]/"),
    *("http://127.0.0.1:{port}:80/", "http://127.0.0.1:65536/", "http://127.0.0.1:99999/", "http://127.0.0.1:-1/"),
    *("http://127.0.0.1:8x/", "http://a b/", " http://127.0.0.1:{port}/", "http://127.0.0.1:{port}/ ", "http://a\tb/"),
    *("\nhttp://127.0.0.1:{port}/", "ht\ntp://127.0.0.1:{port}/", "http://127.0.0.1\r\n:{port}/", "http://a/\r\nX: y"),
    *(
        "http://a/\0",
        "http://127.0.0.1\0.example/",
        "http://a\x7f/",
        "http://a\\@127.0.0.1:{port}/",
        "http:\\\\127.0.0.1/",
    ),
    *("http://127.0.0.1:{port}\\@a.example/", "http://a.example\\.b/", "http://a\u00a0b/", "http://a\u2028b/"),
    *(
        "http://a.example/\ud800",
        "http://a\u00ad.example/",
        "http://a.example/" + "a" * 2_048,
        "http://a\u200b.example/",
    ),
)
BAD_SCHEMES = (
    *("", "file:///etc/passwd", "file://localhost/etc/passwd", "FILE:///etc/passwd", "gopher://127.0.0.1:{port}/_x"),
    *(
        "dict://127.0.0.1:{port}/x",
        "ftp://127.0.0.1:{port}/",
        "sftp://127.0.0.1/",
        "tftp://127.0.0.1/",
        "ldap://127.0.0.1/",
    ),
    *(
        "data:text/plain,x",
        "javascript:alert(1)",
        "jar:http://127.0.0.1:{port}/!/",
        "netdoc:///etc/passwd",
        "about:blank",
    ),
    *(
        "unix:///run/docker.sock",
        "http+unix://%2frun%2fdocker.sock/",
        "blob:http://127.0.0.1:{port}/",
        "tcp://127.0.0.1:{port}",
    ),
    *(
        "view-source:http://127.0.0.1:{port}/",
        "localhost:{port}",
        "//127.0.0.1:{port}/",
        "/etc/passwd",
        "etc",
        "mailto:a@b.c",
    ),
    *("httpx://127.0.0.1:{port}/", "ssh://127.0.0.1/", "telnet://127.0.0.1:{port}/", "php://filter/x", "s3://a/b"),
)
WITH_CREDENTIALS = (
    *(
        "http://a@127.0.0.1:{port}/",
        "http://a:b@127.0.0.1:{port}/",
        "http://:b@127.0.0.1:{port}/",
        "http://a:@feed.example/",
    ),
    *("http://feed.example@127.0.0.1:{port}/", "http://127.0.0.1:{port}@feed.example/", "http://a%40b:c@feed.example/"),
    *("http://feed.example:80@127.0.0.1:{port}/", "http://a@b@127.0.0.1:{port}/", "http://a:b@[::1]:{port}/"),
)
BAD_PORTS = (0, 1, 7, 21, 22, 23, 25, 53, 110, 143, 389, 445, 465, 587, 993, 1023, 2049, 5060, 6000, 6667, 10080)


def _table() -> list[tuple[str, str]]:
    rows = [(f"http://{address}:{{port}}/", "private_address") for address in (*PRIVATE_4, *DISGUISED_4)]
    for address in PRIVATE_4:
        number = int(ipaddress.IPv4Address(address))
        high, low = number >> 16, number & 0xFFFF
        embedding = (
            f"::ffff:{address}",
            f"::ffff:{high:x}:{low:x}",
            f"64:ff9b::{high:x}:{low:x}",
            f"2002:{high:x}:{low:x}::1",
        )
        rows += [(f"http://[{each}]:{{port}}/", "private_address") for each in embedding]
    rows += [(f"http://[{address}]:{{port}}/", "private_address") for address in PRIVATE_6]
    rows += [(f"http://{name}:{{port}}/latest/meta-data", "private_address") for name in LEADING_TO_LOOPBACK]
    rows += [
        ("https://127.0.0.1:{port}/", "private_address"),
        ("HTTP://127.0.0.1:{port}/?a=http://b#@c", "private_address"),
    ]
    rows += [(f"http://{host}/", "host") for host in (*NOT_CANONICAL[:-2], *BAD_HOSTS)]
    rows += [(f"http://{host}/", "url") for host in NOT_CANONICAL[-2:]]
    rows += [(url, "url") for url in BAD_URLS]
    rows += [(url, "scheme") for url in BAD_SCHEMES]
    rows += [(url, "credentials") for url in WITH_CREDENTIALS]
    rows += [(f"http://127.0.0.1:{port}/", "port") for port in BAD_PORTS]
    return rows


TABLE = _table()
