-- The node's own records: event log, chain cursors, sent transactions, quarantine.

CREATE TABLE event_log (
    sequence {identity},
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    payload TEXT NOT NULL,
    recorded_at_ms BIGINT NOT NULL
);

CREATE INDEX event_log_of_subject ON event_log (subject, sequence);

CREATE TABLE chain_cursors (
    name TEXT NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL,
    hash {bytes} NOT NULL
);

CREATE TABLE transactions (
    transaction_number {identity},
    intent_id TEXT NOT NULL UNIQUE,
    chain_id BIGINT NOT NULL,
    sender {bytes} NOT NULL,
    target {bytes} NOT NULL,
    data {bytes} NOT NULL,
    value TEXT NOT NULL,
    deadline BIGINT,
    priority SMALLINT NOT NULL,
    nonce BIGINT,
    status TEXT NOT NULL,
    mined_hash {bytes},
    reason TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE INDEX transactions_pending ON transactions (chain_id, sender) WHERE status = 'pending';

CREATE TABLE transaction_forms (
    form_number {identity},
    intent_id TEXT NOT NULL REFERENCES transactions (intent_id),
    chain_id BIGINT NOT NULL,
    sender {bytes} NOT NULL,
    nonce BIGINT NOT NULL,
    tx_hash {bytes} NOT NULL UNIQUE,
    raw {bytes} NOT NULL,
    max_fee_per_gas TEXT NOT NULL,
    signed_at BIGINT NOT NULL
);

CREATE INDEX transaction_forms_of_intent ON transaction_forms (intent_id, form_number);
CREATE INDEX transaction_forms_by_nonce ON transaction_forms (chain_id, sender, nonce);

CREATE TABLE quarantine (
    quarantine_id {identity},
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    reason TEXT NOT NULL,
    content {bytes} NOT NULL,
    recorded_at BIGINT NOT NULL,
    UNIQUE (kind, subject)
);

CREATE INDEX quarantine_by_time ON quarantine (recorded_at, quarantine_id);
