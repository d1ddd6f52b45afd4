"""Keepers: operators of the network, their check-ins, and when one counts as online."""

from dataclasses import dataclass

from triggerx.evm.types import Address, Hash32, Wei

OFFLINE_ALERT_AFTER_S = 600
"""The operator is told after 10 minutes (the user's notes, "Health Service")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeper:
    """One row of the keeper table (the user's schema). `operator_id` is None until the L2 contract knows it.

    `status` is whether it is registered on both layers; `verified` whether the form's whitelist has it; points are in
    wei of task cost. `rewards_booster` multiplies points by a whole number of thousandths.
    """

    keeper_id: int
    keeper_address: Address
    keeper_name: str = ""
    registered_tx: Hash32 | None = None
    operator_id: int | None = None
    rewards_address: Address | None = None
    rewards_booster: int = 1000
    voting_power: int = 0
    keeper_points: Wei = Wei(0)
    connection_address: str = ""
    peer_id: str = ""
    strategies: tuple[str, ...] = ()
    verified: bool = False
    status: bool = False
    online: bool = False
    version: str = ""
    no_exctask: int = 0
    chat_id: str = ""
    email_id: str = ""
    bls_key: tuple[int, int, int, int] | None = None
    last_check_in_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckIn:
    """A keeper's sign of life, as heard: signed by its operator key, bound to its peer id. Time is unix seconds."""

    operator: Address
    peer_id: str
    addresses: tuple[str, ...]
    version: str
    checked_in_at: int


def is_online(checked_in_at: int | None, *, now: int, epoch_s: int) -> bool:
    """Whether a check-in was heard within the last epoch."""
    return checked_in_at is not None and now - checked_in_at <= epoch_s
