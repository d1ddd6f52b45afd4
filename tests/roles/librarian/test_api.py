import json
from pathlib import Path

import pytest
from aiohttp import web

from tests.fakes.chain import FakeChain
from tests.fakes.clock import SeededChance
from tests.fakes.firings import fire
from tests.roles.librarian.desk import NOW, OWNER, STRANGER, job, open_desk
from triggerx.core.errors import RecoverableError
from triggerx.core.evidence import TimeEvidence
from triggerx.core.job import JobId
from triggerx.core.keeper import CheckIn
from triggerx.core.task import transition
from triggerx.core.task_inputs import EngineAssigned
from triggerx.evm.types import Address, checksum
from triggerx.http.auth import digest_of, issue_key
from triggerx.http.routes import PUBLIC
from triggerx.ports.store.accounts import Scope
from triggerx_librarian.api import routes

KEEPER = Address(b"\x55" * 20)


def _path(path: str) -> str:
    for name, value in (
        ("{address}", checksum(OWNER.address)),
        ("{job_id}", "7"),
        ("{chain_id}", "31337"),
        ("{task_id}", "7"),
        ("{keeper_id}", "7"),
        ("{api_key_id}", "7777"),
    ):
        path = path.replace(name, value)
    return path


async def test_routes_when_served_then_each_stands_in_the_table_and_keeps_its_policy(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        table = routes(desk.services, registry_wait_s=0, explorer_url="")
        for route in table:
            if route.policy is PUBLIC:
                continue
            await desk.clock.advance(60)  # whoever is refused too often in a minute hears nothing else
            path, scope = _path(route.path), route.policy.scope
            assert scope is not None
            anonymous = await desk.send(route.method, path, key=None, body={})
            assert anonymous[0] == 401, route.path
            unknown = await desk.send(route.method, path, key="tgx_" + "0" * 64, body={})
            assert unknown[0] == 401, route.path
            key = "reader" if scope is not Scope.READ else "keeper"
            if key == "keeper":
                desk.keys["keeper"], _ = await issue_key(
                    desk.store.api_keys, SeededChance(9), owner="k", scopes=[Scope.KEEPER], now=NOW
                )
            refused = await desk.send(route.method, path, key=key, body={})
            assert (refused[0], refused[1]["code"]) == (403, "missing-scope"), route.path


async def test_routes_when_counted_then_the_application_serves_no_other(tmp_path: Path) -> None:
    from triggerx_librarian.api import application

    async with open_desk(tmp_path) as desk:
        app: web.Application = application(desk.services, registry_wait_s=0, explorer_url="", request_timeout_s=1)
        served = {(each.method, each.resource.canonical) for each in app.router.routes() if each.resource}
        table = routes(desk.services, registry_wait_s=0, explorer_url="")
        expected = {(each.method, each.path) for each in table}
        assert served == expected | {("HEAD", path) for method, path in expected if method == "GET"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/jobs/user/0x12", 400),
        ("GET", "/api/jobs/abc", 400),
        ("GET", "/api/tasks/0", 400),
        ("GET", "/api/tasks/7", 404),
        ("GET", "/api/keepers/7", 404),
        ("GET", f"/api/users/{checksum(STRANGER.address)}", 404),
        ("GET", "/api/tasks/recent?limit=100000", 400),
        ("GET", "/api/fees?target_chain_id=5", 400),
        ("GET", "/api/nothing", 404),
        ("PATCH", "/api/jobs", 405),
    ],
)
async def test_get_when_something_is_wrong_then_a_problem_answers(
    tmp_path: Path, method: str, path: str, status: int
) -> None:
    async with open_desk(tmp_path) as desk:
        found, problem = await desk.send(method, path)
        assert (found, problem["status"]) == (status, status)
        assert {"type", "title", "detail"} <= set(problem)


async def test_key_when_sent_as_x_api_key_then_it_counts_too(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        url = desk.url + "/api/jobs/by-apikey"
        async with desk.client.get(url, headers={"X-API-KEY": desk.keys["app"]}) as response:
            assert response.status == 200
            assert response.headers["RateLimit-Policy"].endswith("w=60")
        async with desk.client.get(desk.url + "/api/jobs/abc", headers={"X-API-KEY": desk.keys["app"]}) as response:
            assert (response.status, "RateLimit" in response.headers) == (400, True)
        row = await desk.store.api_keys.by_digest(digest_of(desk.keys["app"]))
        assert row is not None
        assert row.last_used == NOW


async def test_rate_when_a_key_asks_too_often_then_429_says_when(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        text, _ = await issue_key(
            desk.store.api_keys, SeededChance(9), owner="slow", scopes=[Scope.READ], now=NOW, rate_limit=1
        )
        assert (await desk.send("GET", "/api/jobs/by-apikey", key=text))[0] == 200
        headers = {"X-API-KEY": text}
        async with desk.client.get(desk.url + "/api/jobs/by-apikey", headers=headers) as response:
            assert (response.status, response.headers["Retry-After"]) == (429, "60")
            assert json.loads(await response.text())["code"] == "too-many-requests"
        await desk.clock.advance(60)
        assert (await desk.send("GET", "/api/jobs/by-apikey", key=text))[0] == 200


async def test_fees_when_the_sdk_asks_then_they_are_decimal_strings(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        query = "ipfs_url=&task_definition_id=1&target_chain_id=31337&target_function=add&args=%5B%225%22%5D"
        status, answer = await desk.send("GET", f"/api/fees?{query}&abi={'x' * 60_000}", key=None)
        assert status == 200
        assert answer["total_fee"] == answer["current_total_fee_wei"] == str(330_000 * 10**9 * 120 // 100)


async def test_user_when_known_then_balances_are_read_from_the_chain(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        desk.register(job())
        await desk.send("POST", "/api/jobs", body=job())
        desk.chain.balances[OWNER.address] = 5 * 10**18
        status, answer = await desk.send("GET", f"/api/users/{checksum(OWNER.address)}")
        assert status == 200
        assert (answer["ether_balance"], answer["token_balance"]) == (str(5 * 10**18), str(2 * 10**18))
        assert (answer["total_jobs"], answer["job_ids"]) == (1, [job()["job_id"]])


async def test_tasks_when_there_is_one_then_every_list_shows_its_row(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        desk.register(job())
        await desk.send("POST", "/api/jobs", body=job())
        keeper = await desk.store.keepers.ensure(KEEPER)
        job_id = JobId(int(str(job()["job_id"])))
        task = await fire(desk.store, job_id, TimeEvidence(due=NOW + 60), now_ms=(NOW + 60) * 1000 + 7)
        step = transition(task, EngineAssigned(performer=KEEPER, deadline_at=NOW + 90), attempts_max=3)
        await desk.store.tasks.save(step.state)
        _, rows = await desk.send("GET", f"/api/tasks/job/{job_id}")
        assert isinstance(rows, list)
        assert rows[0]["task_status"] == "assigned"
        assert rows[0]["task_performer_id"] == keeper.keeper_id
        assert rows[0]["task_performer_address"] == checksum(KEEPER)
        assert rows[0]["fired_at"] == "2023-11-14T22:14:20.007Z"
        assert (rows[0]["converted_arguments"], rows[0]["tx_url"]) == (["5"], "")
        assert (await desk.send("GET", "/api/tasks/recent"))[1] == {"tasks": rows}
        assert (await desk.send("GET", f"/api/tasks/user/{checksum(OWNER.address)}"))[1] == {"tasks": rows}
        assert (await desk.send("GET", f"/api/tasks/{task.task_id}"))[1] == rows[0]
        assert (await desk.send("GET", f"/api/jobs/{job_id}"))[1]["task_ids"] == [task.task_id]


async def test_keepers_when_shown_then_contact_data_is_left_out(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        await desk.store.keepers.record_check_in(
            CheckIn(operator=KEEPER, peer_id="peer", addresses=(), version="1", checked_in_at=NOW)
        )
        _, answer = await desk.send("GET", "/api/keepers/all", key=None)
        (row,) = answer["keepers"]
        assert row["online"] is True
        assert not {"email_id", "chat_id", "connection_address"} & set(row)
        assert (await desk.send("GET", f"/api/keepers/{row['keeper_id']}", key=None))[1] == row
        status = {"total_keepers": 1, "active_keepers": 1, "active_keeper_list": [checksum(KEEPER)]}
        assert (await desk.send("GET", "/status", key=None))[1] == status
        await desk.clock.jump(61)
        assert (await desk.send("GET", "/status", key=None))[1]["active_keepers"] == 0


async def test_health_when_a_chain_is_down_then_it_lives_but_is_not_ready(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        assert (await desk.send("GET", "/readyz", key=None))[0] == 200
        assert (await desk.send("GET", "/version", key=None))[1]["network"] == "test"
        assert isinstance(desk.chain, FakeChain)
        desk.chain.fault = RecoverableError("no endpoint answers")
        assert (await desk.send("GET", "/readyz", key=None))[0] == 503
        assert (await desk.send("GET", "/livez", key=None))[0] == 200
        assert (await desk.send("POST", "/api/jobs", body=job()))[0] == 503


async def test_admin_keys_when_made_and_turned_off_then_they_work_and_stop(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        body = {"owner": checksum(OWNER.address).lower(), "scopes": ["read"], "rate_limit": 60}
        status, made = await desk.send("POST", "/admin/api-keys", key="admin", body=body)
        assert (status, made["owner"]) == (201, checksum(OWNER.address))
        key = str(made["key"])
        assert (await desk.send("GET", "/api/jobs/by-apikey", key=key))[0] == 200
        listed = await desk.send("GET", f"/admin/api-keys?owner={made['owner']}", key="admin")
        assert key not in json.dumps(listed[1])
        assert len(listed[1]["api_keys"]) == 2
        path = f"/admin/api-keys/{made['api_key_id']}"
        assert (await desk.send("PUT", path, key="admin", body={"is_active": False}))[0] == 200
        assert (await desk.send("GET", "/api/jobs/by-apikey", key=key))[0] == 401
        assert (await desk.send("DELETE", path, key="admin"))[0] == 200
        for unsaid in ({}, {"is_active": None}, {"is_active": "no"}):
            status, problem = await desk.send("PUT", path, key="admin", body=unsaid)
            assert (status, problem["field"]) == (400, "is_active")
        assert (await desk.send("DELETE", "/admin/api-keys/7777", key="admin"))[0] == 404
        for wrong in ({}, {"owner": "0x1", "scopes": ["read"]}, {"owner": "x", "scopes": ["root"]}):
            assert (await desk.send("POST", "/admin/api-keys", key="admin", body=wrong))[0] == 400
        assert not any(key in str(record.fields) for record in desk.log.records)
