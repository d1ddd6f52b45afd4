"""Whether a claimed event is true: the log is read from this keeper's own endpoint, and held against the job.

Rule: what a block of this hash holds never changes, so a log that is not in it, or another one, is a no. Whether the
block is canonical may change either way, so that is only ever waited for. A log that a reorg has mined again elsewhere
is the same firing, but its evidence is the engine's to renew: the draw's seed hangs on the block's second.
"""

import asyncio

from triggerx.core.errors import InvalidInput
from triggerx.core.evidence import EventEvidence
from triggerx.core.job import EventTrigger, JobBody
from triggerx.core.job_body import created_at_of
from triggerx.core.validation import Verdict, trigger_false, trigger_unknown, trigger_unproven
from triggerx.evm.types import to_hex
from triggerx.ports.chain import Block, Chain, Receipt
from triggerx.role import Services
from triggerx.triggers.event import event_spec


async def check_event(services: Services, body: JobBody, evidence: EventEvidence) -> Verdict | None:
    """Say what speaks against the claim; None when it is true. Raises `RecoverableError` when the chain is away."""
    trigger = body.trigger
    if not isinstance(trigger, EventTrigger) or trigger.chain_id != evidence.chain_id:
        return trigger_false(f"the job waits for no event of chain {evidence.chain_id}")
    confirmations = trigger.confirmations
    if confirmations is None:
        confirmations = services.network.confirmations_on(trigger.chain_id)
    chain = services.chains.get(trigger.chain_id)
    if chain is None or confirmations is None:
        return trigger_unproven(f"chain {trigger.chain_id} is not one of this node's")
    block, receipt, head = await asyncio.gather(
        chain.block(evidence.block_number), chain.receipt(evidence.tx_hash), chain.head()
    )  # asked together, they are one request
    if block is None:
        return trigger_unknown(f"block {evidence.block_number} of chain {trigger.chain_id} is not known here yet")
    if block.hash != evidence.block_hash:
        return trigger_unknown(f"block {evidence.block_number} of chain {trigger.chain_id} has another hash here")
    if receipt is None or receipt.block_hash != block.hash:
        receipt = await _receipt_inside(chain, block, evidence)
    fault = _contradiction(body, trigger, evidence, block, receipt)
    if fault:
        return trigger_false(fault)
    on_top = head.number - block.number
    if on_top < confirmations:
        return trigger_unknown(f"the event has {max(0, on_top)} of {confirmations} confirmations here")
    return None


async def is_at_the_top(services: Services, evidence: EventEvidence) -> bool:
    """Whether the newest block is the evidence's own or its child: then it is canonical, and holds what it held."""
    head = await services.chain(evidence.chain_id).head()
    return evidence.block_hash in (head.hash, head.parent_hash)


async def _receipt_inside(chain: Chain, block: Block, evidence: EventEvidence) -> Receipt | None:
    """Return the transaction's receipt from all those of the block: certain even while endpoints are out of step."""
    receipts = await chain.receipts(block)
    return next((receipt for receipt in receipts if receipt.tx_hash == evidence.tx_hash), None)


def _contradiction(
    body: JobBody, trigger: EventTrigger, evidence: EventEvidence, block: Block, receipt: Receipt | None
) -> str:
    """Say what in the block of the evidence's hash contradicts the claim; an empty text when nothing does."""
    if block.timestamp != evidence.block_timestamp:
        return f"block {block.number} is of second {block.timestamp}, not {evidence.block_timestamp}"
    if receipt is None or not receipt.is_success:
        return f"block {block.number} holds no successful transaction {to_hex(evidence.tx_hash)}"
    if evidence.ordinal >= len(receipt.logs):
        return f"the transaction has {len(receipt.logs)} logs, and so none at place {evidence.ordinal}"
    try:
        is_match = event_spec(trigger).matches(receipt.logs[evidence.ordinal])
    except InvalidInput as error:
        return f"the job's event is none: {error}"
    if not is_match:
        return f"the log at place {evidence.ordinal} of the transaction is not the job's event"
    return outside_time_frame(body, block.timestamp)


def outside_time_frame(body: JobBody, moment: int) -> str:
    """Say that the moment is before the job's creation or after its end; an empty text when it is neither."""
    created_at = created_at_of(body.job_id)
    if not created_at <= moment <= created_at + body.time_frame_s:
        return f"second {moment} is outside of the job's time, {created_at} to {created_at + body.time_frame_s}"
    return ""
