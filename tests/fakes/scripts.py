"""Scripts without a sandbox: every run comes to what the test says, and each is noted."""

from dataclasses import dataclass, field

from triggerx.core.canonical import Json
from triggerx.core.computation import RequestMade
from triggerx.core.errors import TriggerxError
from triggerx.ports.scripts import ScriptCall, ScriptRun, ScriptSource

SHA256 = "ab" * 32


class FakeScriptSources:
    """Each script's bytes are its URL (`ports.scripts.ScriptSources`)."""

    def __init__(self, *, sha256: str = SHA256) -> None:
        self.sha256 = sha256

    async def get(self, url: str, *, sha256: str | None = None) -> ScriptSource:
        """Return them."""
        return ScriptSource(content=url.encode(), sha256=self.sha256)


@dataclass
class FakeScripts:
    """A sandbox whose every run gives `value` or fails (`ports.scripts.Scripts`); `runs` is what it was asked for."""

    value: Json = None
    failure: TriggerxError | None = None
    requests: tuple[RequestMade, ...] = ()
    runs: list[tuple[bytes, ScriptCall]] = field(default_factory=list)

    def languages(self) -> frozenset[str]:
        """Python alone."""
        return frozenset({"python"})

    async def run(self, source: bytes, call: ScriptCall) -> ScriptRun:
        """Give the answer."""
        self.runs.append((source, call))
        if self.failure is not None:
            raise self.failure
        return ScriptRun(value=self.value, output="", requests=self.requests)
