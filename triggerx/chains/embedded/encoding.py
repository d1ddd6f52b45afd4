"""JSON shapes of blocks, transactions, receipts and logs, as geth writes them.

Rule: quantities are hex without leading zeros, data is hex of whole bytes; logs go in as encoded when mined.
"""

from __future__ import annotations

from typing import Any

from eth.abc import SignedTransactionAPI

from triggerx.chains.embedded.chain import MinedBlock
from triggerx.chains.embedded.evm import Executed, Header
from triggerx.chains.embedded.logs import data, quantity

Json = dict[str, Any]


def bloom(value: int) -> str:
    """Write a bloom filter: always 256 bytes."""
    return data(value.to_bytes(256, "big"))


def block_json(block: MinedBlock, *, full: bool) -> Json:
    """Write a mined block, with whole transactions or their hashes."""
    if full:
        transactions: list[Any] = [mined_transaction(block, index) for index in range(len(block.executed))]
    else:
        transactions = [data(bytes(item.transaction.hash)) for item in block.executed]
    return header_json(block.header, block.hash) | {"transactions": transactions}


def pending_block_json(header: Header, executed: tuple[Executed, ...], *, full: bool) -> Json:
    """Write the block under way: no hash, no bloom, as geth does."""
    transactions = [
        transaction_json(item.transaction, item.sender) if full else data(bytes(item.transaction.hash))
        for item in executed
    ]
    shape = header_json(header, b"") | {"transactions": transactions, "hash": None, "logsBloom": None, "nonce": None}
    return shape | {"gasUsed": quantity(sum(item.gas_used for item in executed))}


def header_json(header: Header, block_hash: bytes) -> Json:
    """Write what a block's header holds."""
    return {
        "number": quantity(header.block_number),
        "hash": data(block_hash),
        "parentHash": data(header.parent_hash),
        "nonce": data(header.nonce),
        "sha3Uncles": data(header.uncles_hash),
        "logsBloom": bloom(header.bloom),
        "transactionsRoot": data(header.transaction_root),
        "stateRoot": data(header.state_root),
        "receiptsRoot": data(header.receipt_root),
        "miner": data(header.coinbase),
        "difficulty": "0x0",
        "extraData": data(header.extra_data),
        "size": "0x220",
        "gasLimit": quantity(header.gas_limit),
        "gasUsed": quantity(header.gas_used),
        "timestamp": quantity(header.timestamp),
        "uncles": [],
        "mixHash": data(header.mix_hash),
        "baseFeePerGas": quantity(header.base_fee_per_gas),
        "withdrawals": [],
        "withdrawalsRoot": data(header.withdrawals_root),
        "blobGasUsed": quantity(header.blob_gas_used),
        "excessBlobGas": quantity(header.excess_blob_gas),
        "parentBeaconBlockRoot": data(header.parent_beacon_block_root),
        "requestsHash": data(header.requests_hash),
    }


def kind_of(transaction: SignedTransactionAPI) -> int:
    """Tell a transaction's EIP-2718 type; 0 is a legacy one."""
    return int(transaction.type_id or 0)


def transaction_json(transaction: SignedTransactionAPI, sender: bytes) -> Json:
    """Write a transaction that is in no block yet."""
    kind = kind_of(transaction)
    shape: Json = {
        "type": quantity(kind),
        "hash": data(bytes(transaction.hash)),
        "from": data(sender),
        "to": data(transaction.to) if transaction.to else None,
        "nonce": quantity(transaction.nonce),
        "gas": quantity(transaction.gas),
        "value": quantity(transaction.value),
        "input": data(transaction.data),
        "gasPrice": quantity(transaction.max_fee_per_gas),
        "r": quantity(transaction.r),
        "s": quantity(transaction.s),
        "blockHash": None,
        "blockNumber": None,
        "transactionIndex": None,
    }
    if transaction.chain_id is not None:
        shape["chainId"] = quantity(transaction.chain_id)
    if kind == 0:
        signed_for = transaction.chain_id
        shape["v"] = quantity(transaction.y_parity + (27 if signed_for is None else 35 + 2 * signed_for))
        return shape
    shape["v"] = shape["yParity"] = quantity(transaction.y_parity)
    shape["accessList"] = [
        {"address": data(address), "storageKeys": [data(slot.to_bytes(32, "big")) for slot in slots]}
        for address, slots in transaction.access_list
    ]
    if kind >= 2:
        shape["maxFeePerGas"] = quantity(transaction.max_fee_per_gas)
        shape["maxPriorityFeePerGas"] = quantity(transaction.max_priority_fee_per_gas)
    return shape


def price_paid(header: Header, transaction: SignedTransactionAPI) -> int:
    """Compute the effective price of gas in a block, EIP-1559."""
    tip = header.base_fee_per_gas + transaction.max_priority_fee_per_gas
    return min(transaction.max_fee_per_gas, tip)


def mined_transaction(block: MinedBlock, index: int) -> Json:
    """Write a transaction as mined."""
    item = block.executed[index]
    return transaction_json(item.transaction, item.sender) | {
        "gasPrice": quantity(price_paid(block.header, item.transaction)),
        "blockHash": data(block.hash),
        "blockNumber": quantity(block.number),
        "transactionIndex": quantity(index),
    }


def receipt_json(block: MinedBlock, index: int) -> Json:
    """Write a transaction's receipt."""
    item = block.executed[index]
    transaction = item.transaction
    return {
        "type": quantity(kind_of(transaction)),
        "transactionHash": data(bytes(transaction.hash)),
        "transactionIndex": quantity(index),
        "blockHash": data(block.hash),
        "blockNumber": quantity(block.number),
        "from": data(item.sender),
        "to": data(transaction.to) if transaction.to else None,
        "contractAddress": data(item.contract_address) if item.contract_address else None,
        "status": quantity(int(item.succeeded)),
        "gasUsed": quantity(item.gas_used),
        "cumulativeGasUsed": quantity(item.receipt.gas_used),
        "effectiveGasPrice": quantity(price_paid(block.header, transaction)),
        "logsBloom": bloom(item.receipt.bloom),
        "logs": [log.raw for log in block.logs if log.transaction_index == index],
    }
