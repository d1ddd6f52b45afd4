"""The owner's deposit, as a POST notes it: of the chain and block that it was read at."""

from pathlib import Path

from tests.roles.librarian.desk import CHAIN, GAS, OWNER, job, open_desk
from triggerx.evm.types import Wei


async def test_post_when_a_job_is_taken_in_then_the_deposit_is_noted_at_the_heads_block(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        head = await desk.chain.mine(7)
        desk.register(job())
        assert (await desk.send("POST", "/api/jobs", body=job()))[0] == 201
        assert [call.block for call in desk.chain.calls if call.to == GAS] == [head.number]
        user = await desk.store.users.by_address(OWNER.address)
        assert user is not None and user.token_balance == 2 * 10**18
        assert await desk.store.deposits.get(CHAIN, OWNER.address) == 2 * 10**18
        older = {"block_number": head.number - 1, "now": 1}
        assert not await desk.store.deposits.set(CHAIN, OWNER.address, Wei(5), **older)
