from pathlib import Path

from tests.fakes.store import temporary_store
from triggerx.evm.types import Address
from triggerx.storage.lock import LOCK_FILE
from triggerx.storage.store import SessionStore

USER = Address(bytes(20))


async def test_a_temporary_store_when_opened_again_by_its_name_is_the_same(tmp_path: Path) -> None:
    async with temporary_store(tmp_path) as store:
        assert isinstance(store, SessionStore)
        user = await store.users.ensure(USER, now=1)
    async with temporary_store(tmp_path) as store:
        assert await store.users.by_address(USER) == user


async def test_temporary_stores_when_named_differently_are_apart(tmp_path: Path) -> None:
    async with temporary_store(tmp_path, "first") as first, temporary_store(tmp_path, "second") as second:
        await first.users.ensure(USER, now=1)
        assert await second.users.by_address(USER) is None
    assert (tmp_path / "first" / LOCK_FILE).is_file()
