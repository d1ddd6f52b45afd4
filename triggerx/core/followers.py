"""The names under which the engine notes how far it has come on each chain; an audit reads what stands under them."""

from typing import Final

from triggerx.evm.types import ChainId

BLOCKS_UNREAD: Final = "blocks_unread"
"""The kind of the event log's entry that says which blocks' values nobody read: `first_block` to `last_block`."""
CONDITION_WATCHED: Final = "condition_watched"
"""The kind of the event log's entry that says with which value the watch of a condition began: `observed_at_ms`,
`block_number` (null off chain), and `edge`, the number of edges before it."""

SCHEDULE_BEFORE: Final = "schedule_before"
"""In a `job_updated` of the event log: the schedule that was settled up to that update, in the fields of a body, with
its `time_frame` and `until`, its last second; null of a job that had none, or was over."""

BEGINS_ANEW: Final = "begins_anew"
"""In a `job_updated` of the event log: whether what the job waited for before is not what it waits for since."""


def chain_follower(chain_id: ChainId) -> str:
    """Return the name of the follower of a chain's blocks and logs."""
    return f"engine.chain.{chain_id}"


def views_follower(chain_id: ChainId) -> str:
    """Return the name of the cursor of the confirmed blocks whose values were read."""
    return f"engine.views.{chain_id}"
