-- Keepers with what hangs on them, tasks and the orders that were signed for them.

CREATE TABLE keepers (
    keeper_id {identity},
    keeper_name TEXT NOT NULL DEFAULT '',
    keeper_address {bytes} NOT NULL UNIQUE,
    registered_tx {bytes},
    operator_id BIGINT,
    rewards_address {bytes},
    rewards_booster BIGINT NOT NULL DEFAULT 1000,
    voting_power TEXT NOT NULL DEFAULT '0',
    keeper_points TEXT NOT NULL DEFAULT '0',
    connection_address TEXT NOT NULL DEFAULT '',
    peer_id TEXT NOT NULL DEFAULT '',
    strategies TEXT NOT NULL DEFAULT '[]',
    verified BOOLEAN NOT NULL DEFAULT FALSE,
    status BOOLEAN NOT NULL DEFAULT FALSE,
    online BOOLEAN NOT NULL DEFAULT FALSE,
    version TEXT NOT NULL DEFAULT '',
    no_exctask BIGINT NOT NULL DEFAULT 0,
    chat_id TEXT NOT NULL DEFAULT '',
    email_id TEXT NOT NULL DEFAULT '',
    bls_key TEXT,
    last_check_in_at BIGINT
);

-- Not unique: an operator that registers again may take over an id while the older row still names it.
CREATE INDEX keepers_by_operator_id ON keepers (operator_id) WHERE operator_id IS NOT NULL;

CREATE TABLE check_ins (
    keeper_id BIGINT NOT NULL PRIMARY KEY REFERENCES keepers (keeper_id),
    peer_id TEXT NOT NULL,
    addresses TEXT NOT NULL,
    version TEXT NOT NULL,
    checked_in_at BIGINT NOT NULL
);

CREATE INDEX check_ins_by_time ON check_ins (checked_in_at);

CREATE TABLE alerts (
    alert_id {identity},
    keeper_id BIGINT NOT NULL REFERENCES keepers (keeper_id),
    kind TEXT NOT NULL,
    raised_at BIGINT NOT NULL,
    closed_at BIGINT
);

CREATE UNIQUE INDEX alerts_open ON alerts (keeper_id, kind) WHERE closed_at IS NULL;

CREATE TABLE rewards (
    operator_id BIGINT NOT NULL,
    task_number BIGINT NOT NULL,
    fee_wei TEXT NOT NULL,
    tx_hash {bytes} NOT NULL,
    PRIMARY KEY (operator_id, task_number)
);

CREATE TABLE tasks (
    task_id {identity},
    task_key {bytes} NOT NULL UNIQUE,
    task_number BIGINT,
    job_id TEXT NOT NULL REFERENCES jobs (job_id),
    task_definition_id SMALLINT NOT NULL,
    created_at BIGINT NOT NULL,
    task_cost TEXT,
    execution_timestamp BIGINT,
    execution_tx_hash {bytes},
    task_performer_id BIGINT REFERENCES keepers (keeper_id),
    proof_of_task TEXT,
    action_data_cid TEXT,
    is_approved BOOLEAN,
    tp_signature {bytes},
    ta_signature {bytes},
    task_submission_tx_hash {bytes},
    is_successful BOOLEAN,
    firing_kind SMALLINT NOT NULL,
    firing_index TEXT NOT NULL,
    firing_chain_id BIGINT NOT NULL,
    firing_tx_hash {bytes} NOT NULL,
    evidence TEXT NOT NULL,
    is_guarded BOOLEAN NOT NULL,
    status TEXT NOT NULL,
    attempt BIGINT NOT NULL,
    task_error TEXT NOT NULL,
    deadline_at BIGINT,
    fired_at_ms BIGINT NOT NULL,
    executed_at_ms BIGINT,
    attested_at_ms BIGINT
);

CREATE INDEX tasks_of_job ON tasks (job_id, task_id, status);
CREATE INDEX tasks_by_cid ON tasks (action_data_cid) WHERE action_data_cid IS NOT NULL;
CREATE INDEX tasks_open ON tasks (task_id) WHERE status IN ('created', 'assigned', 'acknowledged', 'performed');

CREATE TABLE task_attesters (
    task_id BIGINT NOT NULL REFERENCES tasks (task_id),
    place BIGINT NOT NULL,
    operator_id BIGINT NOT NULL,
    PRIMARY KEY (task_id, place)
);

CREATE TABLE assignments (
    task_key {bytes} NOT NULL REFERENCES tasks (task_key),
    attempt BIGINT NOT NULL,
    performer {bytes} NOT NULL,
    signed TEXT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (task_key, attempt)
);
