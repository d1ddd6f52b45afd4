"""Logs by their event's values, and transactions with receipts, for the chain in memory."""

from collections.abc import Sequence
from dataclasses import replace

from tests.fakes.chain import FakeChain
from triggerx.evm.abi import Event
from triggerx.evm.abi.codec import encode_type
from triggerx.evm.abi.types import tuple_of
from triggerx.evm.types import ZERO_HASH, Address, Hash32, Wei
from triggerx.ports.chain import Log, Receipt, Transaction

GAS_USED = 150_000
GAS_PRICE = Wei(10**9)


def log_of(address: Address, event: Event, **values: object) -> Log:
    """One log of an event; block, transaction and index are put in when it is mined."""
    indexed = tuple(parameter for parameter in event.parameters if parameter.indexed)
    rest = tuple(parameter for parameter in event.parameters if not parameter.indexed)
    topics = tuple(encode_type(tuple_of((parameter,)), (values[parameter.name],)) for parameter in indexed)
    return Log(
        address=address,
        topics=(event.topic, *topics),
        data=encode_type(tuple_of(rest), tuple(values[parameter.name] for parameter in rest)),
        block_number=0,
        block_hash=ZERO_HASH,
        tx_hash=ZERO_HASH,
        log_index=0,
    )


async def mine_transaction(
    chain: FakeChain, transaction: Transaction, logs: Sequence[Log] = (), *, is_success: bool = True
) -> Receipt:
    """Mine one block with this transaction, so that its receipt, itself and its logs can be read."""
    own = [log._replace(tx_hash=transaction.tx_hash) for log in logs]
    block = await chain.mine(logs=own)
    receipt = Receipt(
        tx_hash=transaction.tx_hash,
        block_number=block.number,
        block_hash=block.hash,
        sender=transaction.sender,
        to=transaction.to,
        is_success=is_success,
        gas_used=GAS_USED,
        effective_gas_price=GAS_PRICE,
        logs=tuple(
            log._replace(block_number=block.number, block_hash=block.hash, log_index=index)
            for index, log in enumerate(own)
        ),
    )
    chain.receipts_by_hash[transaction.tx_hash] = receipt
    chain.transactions[transaction.tx_hash] = replace(transaction, block_number=block.number)
    return receipt


def transaction(tx_hash: Hash32, *, sender: Address, to: Address, data: bytes) -> Transaction:
    """A pending transaction."""
    return Transaction(tx_hash=tx_hash, sender=sender, to=to, nonce=0, value=Wei(0), data=data, block_number=None)
