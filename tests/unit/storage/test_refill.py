import pytest

from tests.contract.storage.nouns import event_body, time_body
from triggerx.core.budget import paid_gas
from triggerx.core.errors import UnrecoverableError
from triggerx.core.job_body import encode_body
from triggerx.storage.refill import filled
from triggerx.storage.session import Row
from triggerx.storage.statements import statements


def test_rows_when_filled_have_the_parameters_of_the_statement() -> None:
    bodies = [time_body(1), event_body(2)]
    rows = [Row({"job_number": number, "body": encode_body(body).decode()}) for number, body in enumerate(bodies)]
    first, second = filled(rows)
    statements()["fill_job_terms"].check(first)
    assert (first["number"], first["trigger_kind"]) == (0, "time")
    assert (second["number"], second["trigger_kind"], second["run_gas"]) == (1, "event", paid_gas(bodies[1]))


def test_a_body_when_it_cannot_be_read_ends_the_filling() -> None:
    with pytest.raises(UnrecoverableError, match="cannot be read by this program"):
        filled([Row({"job_number": 1, "body": "{}"})])
