"""A log that keeps its records, for tests that ask what was said."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Record:
    level: str
    event: str
    fields: dict[str, object] = field(default_factory=dict)


class RecordingLog:
    """Implements `ports.log.Log`; a bound log writes into the same list."""

    def __init__(self, records: list[Record] | None = None, fields: dict[str, object] | None = None) -> None:
        self.records: list[Record] = [] if records is None else records
        self._fields = fields or {}

    def bind(self, **fields: object) -> "RecordingLog":
        return RecordingLog(self.records, self._fields | fields)

    def debug(self, event: str, **fields: object) -> None:
        self.records.append(Record("debug", event, self._fields | fields))

    def info(self, event: str, **fields: object) -> None:
        self.records.append(Record("info", event, self._fields | fields))

    def warning(self, event: str, **fields: object) -> None:
        self.records.append(Record("warning", event, self._fields | fields))

    def error(self, event: str, **fields: object) -> None:
        self.records.append(Record("error", event, self._fields | fields))

    def events(self, level: str | None = None) -> list[str]:
        """The events' names in order, of one level or of all."""
        return [record.event for record in self.records if level in (None, record.level)]
