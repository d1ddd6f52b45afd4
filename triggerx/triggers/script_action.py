"""The action that a job's script computes for one firing: one way for the performer, the attesters and the simulation.

The script is told the moment of the evidence, not the present one, and the evidence itself, so that all run the same.
"""

import json
from collections.abc import Mapping
from typing import Final

from triggerx.core.canonical import Json
from triggerx.core.computation import Computation, Computed, calldata_from
from triggerx.core.job import SCRIPT_FUNCTION_DEFAULT, JobBody
from triggerx.evm.nesting import shallow_json
from triggerx.ports.scripts import (
    LANGUAGE_DEFAULT,
    ScriptCall,
    ScriptFailed,
    ScriptLimits,
    ScriptRun,
    Scripts,
    ScriptSources,
)

RUN_S: Final = 2.0  # the engine waits 3 s for its order to be acknowledged


async def compute(
    scripts: Scripts, sources: ScriptSources, body: JobBody, evidence: Mapping[str, Json], *, moment: int
) -> Computed:
    """Run the script once; raises `ScriptFailed`, `LanguageUnavailable`, `InvalidInput` and `RecoverableError`."""
    action = body.action
    script = await sources.get(action.script_url)
    try:
        run = await scripts.run(
            script.content,
            ScriptCall(
                language=action.language or LANGUAGE_DEFAULT,
                function=action.computed_by,
                offered={"trigger": dict(evidence)},
                now=moment,
                limits=ScriptLimits(time_s=RUN_S),
            ),
        )
    except ScriptFailed as error:
        if error.code != "function" or action.script_function:
            raise
        run = ScriptRun(value=_printed(error), output=error.output, requests=error.requests)
    return Computed(
        calldata=calldata_from(body, run.value),
        computation=Computation(script_sha256=script.sha256, requests=run.requests),
    )


def _printed(failed: ScriptFailed) -> Json:
    """Return the JSON that a script without a function printed as its last line, as the published examples do."""
    lines = failed.output.strip().splitlines()
    if not lines:
        raise ScriptFailed("function", f"the script has no function {SCRIPT_FUNCTION_DEFAULT!r}, and printed nothing")
    try:
        value: Json = json.loads(shallow_json(lines[-1].encode()))
    except (ValueError, RecursionError) as error:
        raise ScriptFailed("value", "the last line that the script printed is not JSON") from error
    return value
