"""A job in a file: the fields of POST /api/jobs in TOML or JSON, checked before anything is sent.

What an owner need not write is filled in: the id of a job that is not on chain yet, the owner, and the chains where
there is only one. An error names the file and the field.
"""

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

import tomli

from triggerx.core.errors import InvalidInput, UnrecoverableError
from triggerx.core.job import JobBody, JobId
from triggerx.core.job_body import chain_id_of, parse_body
from triggerx.evm.nesting import shallow_json
from triggerx.evm.registry import pack_job_id
from triggerx.evm.types import Address, ChainId, checksum

FILE_BYTES_MAX: Final = 1024 * 1024  # what the API takes in one request
# fmt: off
FIELDS: Final = frozenset((
    "job_id", "user_address", "job_title", "task_definition_id", "created_chain_id", "time_frame", "recurring",
    "job_cost_prediction", "priority", "security", "link_job_id", "chain_status", "link_on_failure", "limits",
    "mandate", "timezone", "target_chain_id", "target_contract_address", "target_function", "abi", "arg_type",
    "arguments", "dynamic_arguments_script_url", "script_target_function", "arguments_tolerance", "language",
    "is_safe", "safe_address", "schedule_type", "time_interval", "cron_expression", "specific_schedule",
    "misfire_policy", "misfire_within", "trigger_chain_id", "trigger_contract_address", "trigger_event",
    "event_filter_para_name", "event_filter_value", "event_filters", "event_abi", "event_confirmations",
    "condition_type", "value_source_type", "value_source_url", "selected_key_route", "upper_limit", "lower_limit",
    "value_source_chain_id", "value_source_function", "value_source_arguments", "script_trigger_function",
    "script_language", "trigger_mode", "hysteresis", "cooldown", "tolerance", "ether_balance", "token_balance",
    "custom", "is_imua",
))
# fmt: on
"""Those that `core.job_body` reads, and those of the published SDK that it passes over."""


class BadJobFile(UnrecoverableError):
    """The file is no job that could be sent; the message names file and field."""

    exit_status = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFile:
    """A file's fields as they stand there."""

    path: Path
    fields: Mapping[str, object]

    @classmethod
    def read(cls, path: Path) -> "JobFile":
        """Read a `.toml` or `.json` file; raises `BadJobFile`."""
        is_toml = path.suffix.lower() == ".toml"
        if not is_toml and path.suffix.lower() != ".json":
            raise BadJobFile(f"{path}: expected a file whose name ends with .toml or .json")
        text = _text(path)
        try:
            if is_toml:
                fields: object = _without_dates(tomli.loads(text, parse_float=Decimal))
            else:
                fields = json.loads(shallow_json(text.encode()), parse_float=Decimal)
        except tomli.TOMLDecodeError as error:
            raise BadJobFile(f"{path}:{error.lineno}: not valid TOML: {error.msg} (column {error.colno})") from error
        except json.JSONDecodeError as error:
            raise BadJobFile(f"{path}:{error.lineno}: not valid JSON: {error.msg} (column {error.colno})") from error
        except (ValueError, RecursionError) as error:
            raise BadJobFile(f"{path}: cannot be read as a job: {error}") from error
        if not isinstance(fields, dict):
            raise BadJobFile(f"{path}: expected one job, as an object with the fields of POST /api/jobs")
        for name in fields:
            if name not in FIELDS:
                near = difflib.get_close_matches(name, FIELDS, n=1)
                meant = f'; did you mean "{near[0]}"?' if near else ": see examples/job_files for what there is"
                raise BadJobFile(f"{path}: {name[:80]}: is no field of a job{meant}")
        return cls(path=path, fields=fields)

    @property
    def has_job_id(self) -> bool:
        """Whether the file says which job on chain it is."""
        return self.fields.get("job_id") not in (None, "")

    @property
    def has_mandate(self) -> bool:
        """Whether the file brings a signed mandate along."""
        return self.fields.get("mandate") is not None

    def chain_id(self) -> ChainId | None:
        """The chain that the file names for the job, or for its action; None where it names none."""
        for name in ("created_chain_id", "target_chain_id"):
            text = str(self.fields.get(name) or "")
            if text.isascii() and text.isdigit() and len(text) <= 10:
                return ChainId(int(text))
        return None

    def body(
        self, *, job_id: JobId | None = None, owner: Address | None = None, chain_id: ChainId | None = None
    ) -> JobBody:
        """Return the job, with what is given here wherever the file has nothing; raises `BadJobFile`.

        An owner or id that is given must not contradict the file's.
        """
        fields = dict(self.fields)
        chain_id = self.chain_id() or chain_id
        defaults: dict[str, object] = {
            "job_id": None if job_id is None else str(job_id),
            "user_address": None if owner is None else checksum(owner),
            "created_chain_id": None if chain_id is None else str(chain_id),
            "target_chain_id": None if chain_id is None else str(chain_id),
        }
        for name, value in defaults.items():
            if fields.get(name) in (None, "") and value is not None:
                fields[name] = value
        try:
            body = parse_body(fields)
        except InvalidInput as error:
            if error.field == "created_chain_id" and error.field not in self.fields and self.has_job_id:
                made_on = chain_id_of(int(str(fields["job_id"])))
                message = f"is {fields['job_id']}, which was made on chain {made_on}, not on {chain_id}"
                raise self.wrong("job_id", f"{message}: triggerx jobs list shows the numbers of jobs") from error
            raise self.wrong(error.field, error.message) from error
        if owner is not None and body.owner != owner:
            raise self.wrong("user_address", f"is {checksum(body.owner)}, but the key is {checksum(owner)}'s")
        if job_id is not None and body.job_id != job_id:
            raise self.wrong("job_id", f"is {body.job_id}, not {job_id}")
        return body

    def draft(self, *, owner: Address | None, chain_id: ChainId | None, now: int) -> JobBody:
        """Return the job as it would be if it were created on chain now; its id is made up where the file has none."""
        made_on = self.chain_id() or chain_id
        if self.has_job_id or made_on is None:
            return self.body(owner=owner, chain_id=chain_id)
        return self.body(job_id=JobId(pack_job_id(made_on, now, 0)), owner=owner, chain_id=chain_id)

    def wrong(self, field: str, message: str) -> BadJobFile:
        """The error about one field of this file."""
        return BadJobFile(f"{self.path}: {field}: {message}")


def _without_dates(fields: Mapping[str, object]) -> dict[str, object]:
    """TOML has moments of its own; here they are the ISO 8601 that bodies have."""

    def plain(value: object) -> object:
        if isinstance(value, list):
            return [plain(each) for each in value]
        return value.isoformat() if isinstance(value, date | datetime) else value

    return {name: plain(value) for name, value in fields.items()}


def _text(path: Path) -> str:
    try:
        with path.open("rb") as opened:
            content = opened.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise BadJobFile(f"{path}: cannot be read: {error.strerror}") from error
    if len(content) > FILE_BYTES_MAX:
        raise BadJobFile(f"{path}: expected at most {FILE_BYTES_MAX} bytes")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise BadJobFile(f"{path}:{line}: not UTF-8 text") from error
