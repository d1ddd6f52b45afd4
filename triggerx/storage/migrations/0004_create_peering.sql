-- What a keeper keeps of the peer network: documents, envelopes, its own tasks, its own votes, and the votes it heard.

CREATE TABLE documents (
    cid TEXT NOT NULL PRIMARY KEY,
    content {bytes} NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE messages_seen (
    sender {bytes} NOT NULL,
    nonce {bytes} NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (sender, nonce)
);

CREATE INDEX messages_seen_by_expiry ON messages_seen (expires_at);

CREATE TABLE messages_kept (
    message_number {identity},
    digest {bytes} NOT NULL UNIQUE,
    envelope {bytes} NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE INDEX messages_kept_by_expiry ON messages_kept (expires_at);

CREATE TABLE performances (
    performance_number {identity},
    task_key {bytes} NOT NULL,
    attempt BIGINT NOT NULL,
    signed TEXT NOT NULL,
    body {bytes} NOT NULL,
    evidence TEXT NOT NULL,
    status TEXT NOT NULL,
    execution_tx_hash {bytes},
    cid TEXT,
    reason TEXT NOT NULL,
    UNIQUE (task_key, attempt)
);

CREATE INDEX performances_open ON performances (performance_number) WHERE status IN ('accepted', 'executed');

-- One verdict a task hash, and one yes a task key: the two rules against a double vote, kept by the database itself.
CREATE TABLE votes (
    vote_number {identity},
    phase TEXT NOT NULL,
    task_key {bytes} NOT NULL,
    attempt BIGINT NOT NULL,
    task_hash {bytes} NOT NULL,
    is_approved BOOLEAN NOT NULL,
    code TEXT NOT NULL,
    recorded_at BIGINT NOT NULL,
    UNIQUE (phase, task_hash)
);

CREATE UNIQUE INDEX votes_one_yes ON votes (phase, task_key) WHERE is_approved;
CREATE INDEX votes_of_task ON votes (phase, task_key);

CREATE TABLE attestations (
    task_hash {bytes} NOT NULL,
    operator_id BIGINT NOT NULL,
    task_key {bytes} NOT NULL,
    is_approved BOOLEAN NOT NULL,
    code TEXT NOT NULL,
    signature {bytes} NOT NULL,
    PRIMARY KEY (task_hash, operator_id)
);

CREATE TABLE announcements (
    announcement_number {identity},
    task_key {bytes} NOT NULL,
    task_hash {bytes} NOT NULL UNIQUE,
    cid TEXT NOT NULL,
    performer {bytes} NOT NULL,
    execution_tx_hash {bytes} NOT NULL,
    tp_signature {bytes} NOT NULL,
    heard_at BIGINT NOT NULL,
    is_open BOOLEAN NOT NULL
);

CREATE INDEX announcements_by_action ON announcements (execution_tx_hash);
CREATE INDEX announcements_open ON announcements (announcement_number) WHERE is_open;

-- Apart from the announcements, because the chain may decide a task before its announcement is heard.
CREATE TABLE outcomes (
    task_hash {bytes} NOT NULL PRIMARY KEY,
    outcome TEXT NOT NULL
);
