"""Content in memory (`ports.content.Content`)."""

from triggerx.core.canonical import cid_of


class FakeContent:
    """Keeps what it was given, by CID."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    async def put(self, content: bytes) -> str:
        """Keep it."""
        cid = cid_of(content)
        self.kept[cid] = content
        return cid

    async def get(self, cid: str, *, peer_ids: tuple[str, ...] = ()) -> bytes | None:
        """Return it, if it was put here."""
        return self.kept.get(cid)
