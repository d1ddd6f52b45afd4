"""One message of every kind, and the seal that the golden vectors are made with."""

from dataclasses import replace

from triggerx.core.canonical import canonical_json, cid_of
from triggerx.core.job import JobId
from triggerx.core.messages import (
    Announcements,
    AssignTasks,
    CheckedIn,
    Document,
    FetchDocument,
    Message,
    Order,
    PullAnnouncements,
    TaskAnswer,
    TaskAnswers,
    TaskPerformed,
    Vote,
    VotesCast,
)
from triggerx.core.task import SignedAssignment
from triggerx.evm.hub import Assignment, Firing
from triggerx.evm.keys import PrivateKey
from triggerx.evm.types import Address, ChainId, Hash32
from triggerx.wire.envelope import PeerDomain
from triggerx.wire.seal import Seal

KEY = PrivateKey(bytes(range(1, 33)))
PEER_ID = "12D3KooWGzxzKZYveHXtpG6AsrUJBcWxHBFS2HsEoGTxrMLvKXtf"
DOMAIN = PeerDomain(chain_id=ChainId(31337), attestation_center=Address(bytes.fromhex("ac" * 20)))
ISSUED_AT = 1_700_000_000
EXPIRES_AT = ISSUED_AT + 60
SEAL = Seal(
    domain=DOMAIN,
    sender=KEY.address,
    peer_id=PEER_ID,
    nonce=bytes(range(16)),
    issued_at=ISSUED_AT,
    expires_at=EXPIRES_AT,
)

TASK_KEY = Hash32(bytes.fromhex("11" * 32))
TX_HASH = Hash32(bytes.fromhex("22" * 32))
TASK_HASH = Hash32(bytes.fromhex("33" * 32))
CID = cid_of(b"a task document")

ASSIGNMENT = SignedAssignment(
    assignment=Assignment(
        task_key=TASK_KEY,
        performer=Address(bytes.fromhex("44" * 20)),
        attempt=2,
        not_before=ISSUED_AT,
        not_after=ISSUED_AT + 15,
    ),
    job_id=JobId(2**255 + 7),
    firing=Firing(kind=2, index=2**64, chain_id=ChainId(84532), tx_hash=TX_HASH),
    seed_block=123_456_789,
    seed_block_hash=Hash32(bytes.fromhex("55" * 32)),
    roster=(1, 2, 3, 300, 70_000),
    signature=bytes(range(65)),
)

CHECKED_IN = CheckedIn(addresses=("/ip4/192.0.2.7/tcp/9000", "/dns4/keeper.example/tcp/9000"), version="0.1.0")
PERFORMED = TaskPerformed(task_key=TASK_KEY, cid=CID, execution_tx_hash=TX_HASH, tp_signature=bytes(range(100, 165)))
ONE_VOTE = Vote(
    task_key=TASK_KEY, task_hash=TASK_HASH, cid=CID, is_approved=True, code="ok", signature=bytes(range(64))
)
VOTE = VotesCast(votes=(ONE_VOTE, replace(ONE_VOTE, task_key=TX_HASH, is_approved=False, code="call_failed")))
ORDER = Order(
    assignment=ASSIGNMENT,
    body=canonical_json({"jobID": str(2**255 + 7), "jobTitle": "größer"}),
    evidence=canonical_json({"block": 123, "observed": True}),
)
ASSIGN = AssignTasks(orders=(ORDER, Order(assignment=ASSIGNMENT, body=b"{}", evidence=b"{}")))
FETCH = FetchDocument(cid=CID)
ANSWER = TaskAnswers(
    answers=(
        TaskAnswer(
            task_key=TASK_KEY,
            attempt=2,
            is_accepted=False,
            code="busy",
            message="eight tasks are under way: ask another",
        ),
        TaskAnswer(task_key=TX_HASH, attempt=1, is_accepted=True, code="ok", message=""),
    )
)

MESSAGES: dict[str, Message] = {
    "checked_in": CHECKED_IN,
    "task_performed": PERFORMED,
    "votes_cast": VOTE,
    "assign_tasks": ASSIGN,
    "fetch_document": FETCH,
    "pull_announcements": PullAnnouncements(issued_since=ISSUED_AT - 60),
    "task_answers": ANSWER,
    "document": Document(content=b"a task document"),
    "announcements": Announcements(envelopes=(b"\x99\x01one", b"\x99\x01another")),
}
