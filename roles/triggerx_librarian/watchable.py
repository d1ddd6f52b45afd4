"""Whether this network can watch what a body's trigger names, and run its scripts: found out before it is taken in.

Rule: nothing outside is asked for a job that is not there yet; a source that does not answer is the engine's to report.
"""

from typing import assert_never

from triggerx.core.cid import parse_cid
from triggerx.core.errors import InvalidInput
from triggerx.core.job import ConditionTrigger, EventTrigger, JobBody, TimeTrigger
from triggerx.core.job_fields import shown
from triggerx.evm.types import ChainId
from triggerx.http.problems import refuse
from triggerx.http.urls import HTTP, WEB_SOCKET, checked_url
from triggerx.ports.fetch import FetchRefused
from triggerx.ports.scripts import LANGUAGE_DEFAULT
from triggerx.role import Services
from triggerx.triggers.condition import spec_of
from triggerx.triggers.event import event_spec
from triggerx.triggers.sources import (
    FeedSource,
    HttpSource,
    ScriptSource,
    Source,
    StaticSource,
    ViewSource,
    WebSocketSource,
    source_of,
)

SCRIPT_SCHEMES = ("ipfs://", "https://")


def check_trigger(services: Services, body: JobBody) -> None:
    """Refuse a trigger that makes no sense, or that this node's network cannot watch; the field is the body's.

    A time trigger is held against the calendar by `first_due`.
    """
    match body.trigger:
        case TimeTrigger():
            return
        case EventTrigger() as trigger:
            event_spec(trigger)
            _check_endpoint(services, trigger.chain_id, "trigger_chain_id")
        case ConditionTrigger() as trigger:
            spec_of(trigger)
            _check_source(services, source_of(trigger))
        case _:
            assert_never(body.trigger)


def check_action(services: Services, body: JobBody) -> None:
    """Refuse a script that could not compute the action's arguments here."""
    if body.action.script_url:
        fields = ("dynamic_arguments_script_url", "language")
        _check_script(services, body.action.script_url, body.action.language, fields=fields)


def _check_source(services: Services, source: Source) -> None:
    match source:
        case StaticSource():
            return
        case HttpSource():
            _check_url(source.url, HTTP)
        case WebSocketSource():
            _check_url(source.url, WEB_SOCKET)
        case FeedSource() | ViewSource():
            _check_endpoint(services, source.chain_id, "value_source_chain_id")
        case ScriptSource():
            _check_script(services, source.url, source.language, fields=("value_source_url", "script_language"))
        case _:
            assert_never(source)


def _check_endpoint(services: Services, chain_id: ChainId, field: str) -> None:
    if chain_id not in services.chains:
        known = ", ".join(str(each) for each in sorted(services.chains)) or "none"
        raise refuse(
            422,
            "no-endpoint",
            f"chain {chain_id} cannot be watched here: this network has endpoints of {known}",
            field=field,
        )


def _check_url(url: str, schemes: frozenset[str]) -> None:
    try:
        checked_url(url, schemes)
    except FetchRefused as refusal:
        raise InvalidInput("value_source_url", str(refusal)) from refusal


def _check_script(services: Services, url: str, language: str, *, fields: tuple[str, str]) -> None:
    """Refuse a script's URL or language; `fields` are what the body calls the two."""
    if not url.startswith(SCRIPT_SCHEMES):
        raise InvalidInput(fields[0], f"expected the script's URL, of ipfs:// or https://, got {shown(url)}")
    if url.startswith("ipfs://"):
        parse_cid(url.removeprefix("ipfs://").partition("/")[0], fields[0])
    languages, language = services.scripts.languages(), language or LANGUAGE_DEFAULT
    if language not in languages:
        known = ", ".join(sorted(languages)) or "none"
        raise refuse(
            422,
            "no-language",
            f"scripts in {language} are not run here: this network runs {known}",
            field=fields[1],
        )
