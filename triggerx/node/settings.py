"""What one node is made from."""

from dataclasses import dataclass, field

from triggerx.node.clock import SystemChance, SystemClock
from triggerx.node.config import Config
from triggerx.node.log import NodeLog
from triggerx.node.supervisor import DEFAULT_LIMITS, SupervisionLimits
from triggerx.ports.clock import Chance, Clock
from triggerx.ports.log import Log
from triggerx.ports.signer import AttesterSigner, Signer


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSettings:
    """What a node is made from.

    Signers given here go over the configuration's key files; a log given here over its table. `name` is bound into the
    log, to tell several nodes of one process apart. `has_moved` accepts a data directory of another machine.
    """

    config: Config
    roles: tuple[str, ...]
    name: str = ""
    has_moved: bool = False
    log: Log | None = None
    clock: Clock = field(default_factory=SystemClock)
    chance: Chance = field(default_factory=SystemChance)
    engine_signer: Signer | None = None
    keeper_signer: AttesterSigner | None = None
    limits: SupervisionLimits = DEFAULT_LIMITS

    def node_log(self) -> Log:
        """The log of this node: the given one, or one as the configuration has it, with the name bound."""
        table = self.config.log
        log = self.log or NodeLog(self.clock, level=table.level, lines=table.format)
        return log.bind(node=self.name) if self.name else log
