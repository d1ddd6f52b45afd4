import json
from pathlib import Path

import pytest

from triggerx.client.job_file import FIELDS, BadJobFile, JobFile
from triggerx.core.canonical import cid_of
from triggerx.core.job import ConditionTrigger, EventTrigger, JobId, TimeTrigger
from triggerx.core.job_body import dump_body
from triggerx.evm.registry import pack_job_id
from triggerx.evm.types import Address, ChainId, checksum

EXAMPLES = sorted((Path(__file__).resolve().parents[3] / "examples" / "job_files").glob("*.toml"))
OWNER = Address(b"\1" * 20)
CHAIN = ChainId(31337)
NOW = 1_800_000_000
ID = JobId(pack_job_id(CHAIN, NOW, 1))
JOB = """
job_title = "a job"
task_definition_id = 1
time_frame = 3600
schedule_type = "interval"
time_interval = 60
target_contract_address = "0x5FC8d32690cc91D4c39d9d3abcBD16989F875707"
target_function = "increment"
abi = '[{"type":"function","name":"increment","inputs":[{"name":"amount","type":"uint256"}],"outputs":[]}]'
arguments = ["7"]
"""


def written(folder: Path, text: str | bytes, name: str = "job.toml") -> Path:
    file = folder / name
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_when_read_then_it_is_a_job_with_known_fields_alone(path: Path) -> None:
    body = JobFile.read(path).draft(owner=OWNER, chain_id=CHAIN, now=NOW)
    assert set(dump_body(body)) <= FIELDS
    assert (body.owner, body.created_chain_id, body.action.chain_id) == (OWNER, CHAIN, CHAIN)


def test_examples_when_taken_together_then_there_is_one_of_every_kind_of_trigger() -> None:
    kinds = set()
    for path in EXAMPLES:
        body = JobFile.read(path).draft(owner=OWNER, chain_id=CHAIN, now=NOW)
        match body.trigger:
            case TimeTrigger(schedule_type=kind) | ConditionTrigger(source_type=kind):
                kinds.add(str(kind))
            case EventTrigger():
                kinds.add("event")
        if body.chain_status:
            kinds.add("linked")
    conditions = {"api", "oracle", "view", "script", "static", "websocket"}
    assert kinds == {"interval", "cron", "specific", "event", "linked", *conditions}


@pytest.mark.parametrize(("name", "script"), [("time_script", "amount.py"), ("time_wasm", "amount.wasm")])
def test_example_when_it_names_a_script_then_that_is_the_one_in_the_examples(name: str, script: str) -> None:
    (path,) = (path for path in EXAMPLES if path.stem == name)
    body = JobFile.read(path).draft(owner=OWNER, chain_id=CHAIN, now=NOW)
    content = (path.parents[1] / "scripts" / script).read_bytes()
    assert body.action.script_url == f"ipfs://{cid_of(content)}"


def test_json_when_read_then_it_is_the_same_job_as_in_toml(tmp_path: Path) -> None:
    toml = JobFile.read(written(tmp_path, JOB))
    as_json = JobFile.read(written(tmp_path, json.dumps(dict(toml.fields)), "job.json"))
    assert as_json.body(job_id=ID, owner=OWNER, chain_id=CHAIN) == toml.body(job_id=ID, owner=OWNER, chain_id=CHAIN)


def test_moments_when_they_are_tomls_own_then_they_are_read(tmp_path: Path) -> None:
    text = (
        JOB.replace('"interval"', '"specific"') + "specific_schedule = [2030-01-31T09:00:00Z, 2030-02-28T09:00:00Z]\n"
    )
    body = JobFile.read(written(tmp_path, text)).body(job_id=ID, owner=OWNER, chain_id=CHAIN)
    assert isinstance(body.trigger, TimeTrigger)
    assert body.trigger.specific == (1_896_080_400, 1_898_499_600)


def test_fields_when_the_file_has_them_then_nothing_is_filled_in(tmp_path: Path) -> None:
    text = f'job_id = "{ID}"\nuser_address = "{checksum(OWNER)}"\ncreated_chain_id = 31337\ntarget_chain_id = 31337\n'
    file = JobFile.read(written(tmp_path, text + JOB))
    body = file.body(chain_id=ChainId(1))
    assert (file.has_job_id, file.has_mandate, file.chain_id()) == (True, False, CHAIN)
    assert (body.job_id, body.owner, body.created_chain_id) == (ID, OWNER, CHAIN)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("job.toml", JOB.replace("time_interval", "time_intervall"), 'is no field of a job; did you mean "time_interv'),
        ("job.toml", JOB + "qqqqqqq = 1\n", "qqqqqqq: is no field of a job: see examples/job_files"),
        ("job.toml", JOB + "broken", "job.toml:11: not valid TOML"),
        ("job.toml", JOB.replace("= 60", "= 0"), "job.toml: time_interval: expected a whole number from 1"),
        ("job.toml", JOB.replace('["7"]', '["seven"]'), "job.toml: arguments[0]: expected"),
        ("job.toml", JOB.replace('job_title = "a job"', ""), "job.toml: job_title: is missing"),
        ("job.toml", 'job_id = "5"\n' + JOB, "job.toml: job_id: is 5, which was made on chain 0, not on 31337"),
        ("job.toml", JOB + "[limits]\nruns = 5\n", "job.toml: limits.runs: is no limit"),
        ("job.toml", b"\n\xff", "job.toml:2: not UTF-8 text"),
        ("job.toml", "job_id = " + "9" * 5000, "job.toml: cannot be read as a job"),
        ("job.json", '{"job_title": "x",\n}', "job.json:2: not valid JSON"),
        ("job.json", "[1]", "job.json: expected one job"),
        ("job.json", "[" * 100_000, "job.json: cannot be read as a job"),
        ("job.yaml", "a: 1", "ends with .toml or .json"),
    ],
)
def test_file_when_it_is_wrong_then_it_and_the_field_are_named(
    tmp_path: Path, name: str, text: str | bytes, says: str
) -> None:
    with pytest.raises(BadJobFile) as caught:
        JobFile.read(written(tmp_path, text, name)).draft(owner=OWNER, chain_id=CHAIN, now=NOW)
    assert says in str(caught.value)
    assert str(tmp_path / name) in str(caught.value)
    assert caught.value.exit_status == 2


def test_file_when_it_is_absent_a_folder_or_too_large_then_it_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadJobFile, match=r"none\.toml: cannot be read: No such file"):
        JobFile.read(tmp_path / "none.toml")
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(BadJobFile, match=r"folder\.toml: cannot be read: Is a directory"):
        JobFile.read(tmp_path / "folder.toml")
    monkeypatch.setattr("triggerx.client.job_file.FILE_BYTES_MAX", 10)
    with pytest.raises(BadJobFile, match="expected at most 10 bytes"):
        JobFile.read(written(tmp_path, JOB))


def test_owner_when_the_key_is_anothers_then_both_are_named(tmp_path: Path) -> None:
    file = JobFile.read(written(tmp_path, f'user_address = "{checksum(OWNER)}"\n' + JOB))
    with pytest.raises(BadJobFile, match=f"user_address: is {checksum(OWNER)}, but the key is 0x02"):
        file.body(job_id=ID, owner=Address(b"\2" * 20), chain_id=CHAIN)


def test_job_id_when_another_is_given_then_it_is_refused(tmp_path: Path) -> None:
    file = JobFile.read(written(tmp_path, f'job_id = "{ID}"\n' + JOB))
    with pytest.raises(BadJobFile, match="job_id: is "):
        file.body(job_id=JobId(ID + 1), owner=OWNER, chain_id=CHAIN)
