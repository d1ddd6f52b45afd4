"""The names of all crash points: the list that the rigs go through, held equal to the code by a test."""

from typing import Final

ENGINE: Final = (
    "engine.slots.before-commit",
    "engine.slots.after-commit",
    "engine.chain.after-catch-up",
    "engine.chain.before-entries",
    "engine.chain.after-entries",
    "engine.chain.before-release",
    "engine.queue.before-commit",
    "engine.queue.after-commit",
    "engine.values.before-commit",
    "engine.values.after-commit",
    "engine.views.before-cursor",
    "engine.dispatcher.before-send",
    "engine.dispatcher.after-send",
)
SENTINEL: Final = ("sentinel.follower.before-commit", "sentinel.follower.after-commit")
KEEPER: Final = ("keeper.before-action", "transactions.after-broadcast", "keeper.before-submission")
"""Gone through by tests/e2e/test_apart.py."""
ALL: Final = (*ENGINE, *SENTINEL, *KEEPER)
