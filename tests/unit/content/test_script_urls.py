import pytest

from triggerx.content.script_urls import ContentPath, parse_script_url
from triggerx.core.cid import parse_cid
from triggerx.core.errors import InvalidInput

V0 = "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o"
V1 = "bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4"


@pytest.mark.parametrize(
    ("url", "cid", "names", "gateway"),
    [
        (f"ipfs://{V0}", V0, (), ""),
        (f"ipfs://{V1}/a%20b/c.py", V1, ("a b", "c.py"), ""),
        (f"https://ipfs.io/ipfs/{V1}", V1, (), "https://ipfs.io"),
        (f"https://ipfs.io/ipfs/{V0}/c.py?filename=x#y", V0, ("c.py",), "https://ipfs.io"),
        (f"http://127.0.0.1:8080/ipfs/{V1}/", V1, (), "http://127.0.0.1:8080"),
        (f"https://{V1}.ipfs.dweb.link/c.py", V1, ("c.py",), "https://dweb.link"),
    ],
)
def test_url_when_it_names_a_cid_then_it_is_a_path_below_it(
    url: str, cid: str, names: tuple[str, ...], gateway: str
) -> None:
    assert parse_script_url(url) == ContentPath(cid=parse_cid(cid), names=names, gateway=gateway)


@pytest.mark.parametrize(
    "url", ["https://example.org/script.py", "http://127.0.0.1:8000/a.py", "https://example.org/a/ipfs/b"]
)
def test_url_when_it_names_none_then_it_is_a_page(url: str) -> None:
    assert parse_script_url(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "",
        "script.py",
        "file:///etc/passwd",
        "ftp://example.org/a",
        "data:text/plain,x",
        "https://",
        "https://[::1",
        "ipfs://",
        "ipfs://example",
        "https://ipfs.io/ipfs/example",
        f"ipfs://{V1}" + "/a" * 17,
        "https://example.org/" + "a" * 2048,
    ],
)
def test_url_when_no_script_can_be_there_then_it_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match=r"^url: "):
        parse_script_url(url)
