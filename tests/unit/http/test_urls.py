import pytest
from yarl import URL

from triggerx.http.urls import WEB_SOCKET, checked_url, followed_url, name_of
from triggerx.ports.fetch import FetchRefused


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://feed.example", "https://feed.example"),
        ("HTTPS://FEED.example./a/../b?c=d&e#f", "https://feed.example/b?c=d&e"),
        ("http://feed.example:80/", "http://feed.example/"),
        ("http://feed.example:8080/%2F", "http://feed.example:8080/%2F"),
        ("https://b\u00fccher.example/\u20ac", "https://xn--bcher-kva.example/%E2%82%AC"),
        ("http://8.8.8.8./", "http://8.8.8.8/"),
        ("http://[2606:4700::0001]:8443/", "http://[2606:4700::1]:8443/"),
        ("http://feed.example/a@b:c", "http://feed.example/a@b:c"),
        ("http://1.feed.example/", "http://1.feed.example/"),
    ],
)
def test_url_when_allowed_then_it_is_normal_and_has_no_fragment(text: str, url: str) -> None:
    assert str(checked_url(text)) == url


@pytest.mark.parametrize(("text", "schemes"), [("ws://a.example/", None), ("http://a.example/", WEB_SOCKET)])
def test_url_when_of_the_other_kind_then_it_is_refused(text: str, schemes: frozenset[str] | None) -> None:
    with pytest.raises(FetchRefused) as raised:
        checked_url(text) if schemes is None else checked_url(text, schemes)
    assert raised.value.code == "scheme"


@pytest.mark.parametrize(
    ("base", "location", "target"),
    [
        ("http://a.example/b/c?d", "e", "http://a.example/b/e"),
        ("http://a.example/b/c?d", "?e=f", "http://a.example/b/c?e=f"),
        ("http://a.example/b", "//other.example/c#d", "http://other.example/c"),
        ("http://a.example/b", "https://a.example:8443/", "https://a.example:8443/"),
        ("https://a.example/b", "//other.example/", "https://other.example/"),
        ("http://a.example/b", "/../../c", "http://a.example/c"),
    ],
)
def test_redirect_when_relative_or_absolute_then_it_is_resolved(base: str, location: str, target: str) -> None:
    assert str(followed_url(URL(base), location)) == target


@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("http://a.example/", "redirects"),
        ("ws://a.example/", "scheme"),
        ("//a@b.example/", "credentials"),
        ("/a b", "url"),
        ("/a\udcff", "url"),
        ("/" + "a" * 3_000, "url"),
        ("//a.example:22/", "port"),
        ("//[::1/", "url"),
    ],
)
def test_redirect_when_it_breaks_a_rule_then_it_is_refused(location: str, code: str) -> None:
    with pytest.raises(FetchRefused) as raised:
        followed_url(URL("https://a.example/"), location)
    assert raised.value.code == code


def test_name_then_it_holds_neither_path_nor_query() -> None:
    assert name_of(URL("https://a.example/secret?key=secret")) == "https://a.example"
