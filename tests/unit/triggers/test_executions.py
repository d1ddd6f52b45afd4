"""Executions on the chain: successes alone count, each transaction once."""

from dataclasses import replace

from tests.fakes.chain import FakeChain
from tests.fakes.mining import log_of, mine_transaction, transaction
from tests.unit.core.sample import CHAIN, DUE, HUB, KEEPERS, TARGET, job_body
from triggerx.core.task import Task, TaskId
from triggerx.evm.contracts import TaskExecutionHub
from triggerx.evm.hub import Firing, task_key
from triggerx.evm.keccak import keccak256
from triggerx.evm.types import Hash32
from triggerx.triggers.executions import executions_of

KEY = task_key(job_body().job_id, Firing.time(DUE))
TASK = Task(
    task_id=TaskId(1),
    task_key=KEY,
    job_id=job_body().job_id,
    task_definition_id=job_body().task_definition_id,
    created_at=DUE,
    firing=Firing.time(DUE),
    is_guarded=True,
    evidence={},
)


async def execute(chain: FakeChain, salt: bytes, *, is_success: bool = True, is_guarded: bool = True) -> Hash32:
    event = TaskExecutionHub.TaskExecuted if is_guarded else TaskExecutionHub.FunctionExecuted
    given = {"taskKey": KEY, "performer": KEEPERS[0].address, "success": is_success, "target": TARGET, "data": b""}
    zeros = {"address": TARGET, "bytes": b""}
    values = {each.name: given.get(each.name, zeros.get(each.type.text, 0)) for each in event.parameters}
    sent = transaction(keccak256(salt), sender=KEEPERS[0].address, to=HUB, data=b"")
    await mine_transaction(chain, sent, [log_of(HUB, event, **values)])
    return sent.tx_hash


async def found(chain: FakeChain, task: Task, *, first: int = 0, last: int = 9) -> list[Hash32]:
    return (await executions_of(chain, HUB, [task], first=first, last=last))[KEY]


async def test_executions_when_one_failed_and_one_succeeded_then_is_the_one() -> None:
    chain = FakeChain(CHAIN)
    await execute(chain, b"failed", is_success=False)
    assert await found(chain, TASK) == []
    success = await execute(chain, b"succeeded")
    assert await found(chain, TASK) == [success]


async def test_executions_when_two_succeeded_then_are_both() -> None:
    chain = FakeChain(CHAIN)
    both = [await execute(chain, salt) for salt in (b"one", b"two")]
    assert await found(chain, TASK) == both


async def test_executions_when_outside_the_span_then_the_announced_transaction_is_looked_at() -> None:
    chain = FakeChain(CHAIN)
    success = await execute(chain, b"one")
    assert await found(chain, TASK, first=5) == []
    assert await found(chain, replace(TASK, execution_tx_hash=success), first=5) == [success]
    other = replace(TASK, execution_tx_hash=keccak256(b"never mined"))
    assert await found(chain, other, first=5) == []


async def test_executions_when_unguarded_then_the_announced_transaction_must_have_called() -> None:
    chain = FakeChain(CHAIN)
    success = await execute(chain, b"free", is_guarded=False)
    task = replace(TASK, is_guarded=False, execution_tx_hash=success)
    assert await found(chain, task) == [success]
    assert await found(chain, replace(task, execution_tx_hash=await execute(chain, b"guarded"))) == []
