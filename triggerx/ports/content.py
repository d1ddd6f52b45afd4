"""Documents by the hash of their content, wherever they lie."""

from typing import Protocol


class Content(Protocol):
    """Content-addressed documents: kept here, fetched from peers where they are not."""

    async def put(self, content: bytes) -> str:
        """Keep the content durably and return its CID (CIDv1 raw, sha2-256); idempotent."""
        ...

    async def get(self, cid: str, *, peer_ids: tuple[str, ...] = ()) -> bytes | None:
        """Return the content, from here or from the first of these peers (then any) that has it; None if nobody has.

        What a peer gives is checked against the CID and kept.
        """
        ...
