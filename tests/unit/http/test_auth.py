import hashlib
import re

import pytest
from aiohttp.test_utils import make_mocked_request

from tests.fakes.clock import SeededChance
from triggerx.http.auth import digest_of, key_text, new_key, require_scope
from triggerx.http.problems import ProblemError
from triggerx.ports.store.accounts import ApiKey, Scope


def _row(*scopes: Scope) -> ApiKey:
    return ApiKey(
        api_key_id=1,
        digest=b"",
        owner="o",
        scopes=frozenset(scopes),
        is_active=True,
        rate_limit=1,
        last_used=None,
        created_at=0,
    )


def test_new_key_when_made_then_it_has_prefix_and_256_bits_and_is_stored_as_sha256() -> None:
    key = new_key(SeededChance())
    assert re.fullmatch(r"tgx_[0-9a-f]{64}", key)
    assert digest_of(key) == hashlib.sha256(key.encode()).digest()


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Authorization": "Bearer a"}, "a"),
        ({"Authorization": "bearer  a "}, "a"),
        ({"X-API-KEY": "b"}, "b"),
        ({"Authorization": "Bearer a", "X-API-KEY": "b"}, "a"),
        ({"Authorization": "Basic a", "X-API-KEY": "b"}, "b"),
        ({}, None),
    ],
)
def test_key_text_when_a_request_carries_a_key_then_it_is_found(headers: dict[str, str], expected: str | None) -> None:
    assert key_text(make_mocked_request("GET", "/", headers=headers)) == expected


def test_require_scope_when_it_is_missing_then_the_status_says_which_way() -> None:
    assert require_scope(_row(Scope.READ), Scope.READ).api_key_id == 1
    assert require_scope(_row(Scope.ADMIN), Scope.WRITE).api_key_id == 1
    for key, status in ((None, 401), (_row(Scope.READ), 403)):
        with pytest.raises(ProblemError) as caught:
            require_scope(key, Scope.WRITE)
        assert caught.value.problem.status == status
