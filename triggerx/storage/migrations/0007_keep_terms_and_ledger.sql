-- What decides about firings beside each job, the ledger of what became of them, and what they rest on.

-- A body is long and seldom read, what lies beside it is written at every run: apart, a run moves a tenth of the bytes.
CREATE TABLE job_bodies (
    job_number {number} REFERENCES jobs (job_number),
    body TEXT NOT NULL
);

INSERT INTO job_bodies (job_number, body) SELECT job_number, body FROM jobs;

ALTER TABLE jobs DROP COLUMN body;

-- The terms are derived from the body; those of jobs that are here already are filled in by `storage.refill`.
ALTER TABLE jobs ADD COLUMN trigger_kind TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN trigger_terms TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN expires_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN runs_max BIGINT NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN runs_per_day_max BIGINT NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN wei_max TEXT NOT NULL DEFAULT '0';
ALTER TABLE jobs ADD COLUMN wei_per_day_max TEXT NOT NULL DEFAULT '0';
ALTER TABLE jobs ADD COLUMN gas_price_max_wei TEXT;
ALTER TABLE jobs ADD COLUMN mandate_expiry BIGINT;
ALTER TABLE jobs ADD COLUMN run_gas BIGINT NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN runs BIGINT NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN open_runs BIGINT NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN runs_today BIGINT NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN usage_day BIGINT NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN spent_today_wei TEXT NOT NULL DEFAULT '0';
ALTER TABLE jobs ADD COLUMN watched_from BIGINT;

ALTER TABLE users ADD COLUMN runs_today BIGINT NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN usage_day BIGINT NOT NULL DEFAULT 0;

UPDATE jobs SET
    expires_at = created_at + time_frame,
    runs = (
        SELECT COUNT(*) FROM tasks t WHERE t.job_id = jobs.job_id AND t.status NOT IN ('failed', 'rejected')
    ),
    open_runs = (
        SELECT COUNT(*) FROM tasks t
        WHERE t.job_id = jobs.job_id AND t.status IN ('created', 'assigned', 'acknowledged', 'performed')
    );

DROP INDEX jobs_due;
CREATE INDEX jobs_due ON jobs (next_due_at, priority, job_number) WHERE next_due_at IS NOT NULL;
DROP INDEX jobs_unscheduled;
CREATE INDEX jobs_unscheduled ON jobs (job_number)
    WHERE trigger_kind = 'time' AND status = 1 AND NOT is_paused AND next_due_at IS NULL;
CREATE INDEX jobs_finished ON jobs (job_number)
    WHERE trigger_kind <> 'time' AND NOT recurring AND status = 1 AND NOT is_paused AND runs > 0 AND open_runs = 0;
CREATE INDEX jobs_watched ON jobs (trigger_kind, job_number) WHERE status <= 1 OR is_paused;
CREATE INDEX jobs_watched_on_chain ON jobs (trigger_chain_id, trigger_kind, job_number)
    WHERE trigger_chain_id IS NOT NULL AND (status <= 1 OR is_paused);
CREATE INDEX jobs_expiring ON jobs (expires_at, job_number) WHERE trigger_kind <> 'time' AND (status = 1 OR is_paused);
CREATE INDEX jobs_waiting ON jobs (job_number) WHERE chain_status = 2 AND status = 0;
CREATE INDEX jobs_linking ON jobs (link_job_id, job_number) WHERE link_job_id <> '-1';

-- Firings are in the ledger by their job; what else became of a job is found by its subject.
DROP INDEX event_log_of_subject;
CREATE INDEX event_log_of_subject ON event_log (subject, sequence) WHERE kind <> 'fired';

-- A range of due seconds is one row: its firing is the first one's. An event's evidence is its firing, its moment and its
-- block, which are columns of their own (a reorg finds its entries by them), and so it has no text beside.
CREATE TABLE ledger (
    entry_number {append_number},
    task_key {bytes} NOT NULL UNIQUE,
    job_number BIGINT NOT NULL REFERENCES jobs (job_number),
    firing_kind SMALLINT NOT NULL,
    firing_index TEXT NOT NULL,
    firing_chain_id BIGINT NOT NULL,
    firing_tx_hash {bytes} NOT NULL,
    moment BIGINT NOT NULL,
    last_moment BIGINT NOT NULL,
    occurrences BIGINT NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    evidence TEXT NOT NULL,
    priority SMALLINT NOT NULL,
    ready_block BIGINT,
    block_number BIGINT,
    block_hash {bytes},
    noted_at_ms BIGINT NOT NULL,
    decided_at_ms BIGINT NOT NULL
);

CREATE INDEX ledger_of_job ON ledger (job_number, moment);
CREATE INDEX ledger_ranges ON ledger (job_number, last_moment) WHERE occurrences > 1;
CREATE INDEX ledger_queued ON ledger (priority, entry_number) WHERE outcome = 'queued';
CREATE INDEX ledger_held ON ledger (entry_number) WHERE outcome = 'held';
CREATE INDEX ledger_confirming ON ledger (firing_chain_id, ready_block) WHERE outcome = 'confirming';
CREATE INDEX ledger_in_block ON ledger (block_number) WHERE block_number IS NOT NULL;

INSERT INTO ledger (
    task_key, job_number, firing_kind, firing_index, firing_chain_id, firing_tx_hash, moment, last_moment, occurrences,
    outcome, reason, detail, evidence, priority, noted_at_ms, decided_at_ms
)
SELECT
    t.task_key, j.job_number, t.firing_kind, t.firing_index, t.firing_chain_id, t.firing_tx_hash,
    CASE WHEN t.firing_kind = 1 THEN CAST(t.firing_index AS BIGINT) ELSE t.created_at END,
    CASE WHEN t.firing_kind = 1 THEN CAST(t.firing_index AS BIGINT) ELSE t.created_at END,
    1, 'fired', '', '',
    CASE WHEN t.firing_kind = 1 THEN '{"due":' || t.firing_index || ',"kind":"time"}' ELSE t.evidence END,
    j.priority, t.fired_at_ms, t.fired_at_ms
FROM tasks t JOIN jobs j ON j.job_id = t.job_id
ORDER BY t.task_id;

-- A task has its occurrence's number, and so its key and its firing from there: no second index of random keys is kept.
CREATE TABLE numbered_tasks (
    task_id {number} REFERENCES ledger (entry_number),
    job_number BIGINT NOT NULL REFERENCES jobs (job_number),
    task_number BIGINT,
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
    evidence TEXT NOT NULL,
    is_guarded BOOLEAN NOT NULL,
    priority SMALLINT NOT NULL,
    status TEXT NOT NULL,
    attempt BIGINT NOT NULL,
    task_error TEXT NOT NULL,
    deadline_at BIGINT,
    fired_at_ms BIGINT NOT NULL,
    executed_at_ms BIGINT,
    attested_at_ms BIGINT
);

INSERT INTO numbered_tasks
SELECT
    l.entry_number, l.job_number, t.task_number, t.task_definition_id, t.created_at, t.task_cost, t.execution_timestamp,
    t.execution_tx_hash, t.task_performer_id, t.proof_of_task, t.action_data_cid, t.is_approved, t.tp_signature,
    t.ta_signature, t.task_submission_tx_hash, t.is_successful, t.evidence, t.is_guarded, l.priority, t.status,
    t.attempt, t.task_error, t.deadline_at, t.fired_at_ms, t.executed_at_ms, t.attested_at_ms
FROM tasks t JOIN ledger l ON l.task_key = t.task_key;

CREATE TABLE numbered_attesters (
    task_id BIGINT NOT NULL REFERENCES numbered_tasks (task_id),
    place BIGINT NOT NULL,
    operator_id BIGINT NOT NULL,
    PRIMARY KEY (task_id, place)
);

INSERT INTO numbered_attesters
SELECT l.entry_number, a.place, a.operator_id
FROM task_attesters a JOIN tasks t ON t.task_id = a.task_id JOIN ledger l ON l.task_key = t.task_key;

CREATE TABLE entered_assignments (
    task_key {bytes} NOT NULL REFERENCES ledger (task_key),
    attempt BIGINT NOT NULL,
    performer {bytes} NOT NULL,
    signed TEXT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (task_key, attempt)
);

INSERT INTO entered_assignments
SELECT a.task_key, a.attempt, a.performer, a.signed, a.status, a.reason FROM assignments a;

DROP TABLE assignments;
DROP TABLE task_attesters;
DROP TABLE tasks;
ALTER TABLE numbered_tasks RENAME TO tasks;
ALTER TABLE numbered_attesters RENAME TO task_attesters;
ALTER TABLE entered_assignments RENAME TO assignments;

CREATE INDEX tasks_of_job ON tasks (job_number, task_id, status);
CREATE INDEX tasks_by_cid ON tasks (action_data_cid) WHERE action_data_cid IS NOT NULL;
CREATE INDEX tasks_untaken ON tasks (priority, task_id) WHERE status IN ('created', 'assigned');
CREATE INDEX tasks_taken ON tasks (deadline_at, task_id) WHERE status IN ('acknowledged', 'performed');
CREATE INDEX tasks_dead ON tasks (task_id) WHERE status IN ('failed', 'rejected', 'unknown');
CREATE INDEX tasks_of_performer ON tasks (task_performer_id, status) WHERE task_performer_id IS NOT NULL;
CREATE INDEX assignments_replaced ON assignments (performer)
    WHERE status IN ('refused', 'unreachable', 'silent', 'expired');

CREATE TABLE chain_blocks (
    follower TEXT NOT NULL,
    number BIGINT NOT NULL,
    hash {bytes} NOT NULL,
    parent_hash {bytes} NOT NULL,
    block_timestamp BIGINT NOT NULL,
    PRIMARY KEY (follower, number)
);

CREATE TABLE condition_states (
    job_number {number} REFERENCES jobs (job_number),
    is_true BOOLEAN,
    edge BIGINT NOT NULL,
    fired_at_ms BIGINT,
    value TEXT NOT NULL,
    observed_at_ms BIGINT NOT NULL
);

-- One value moves many conditions: the same observation is kept once.
CREATE TABLE observations (
    observation_number {identity},
    source TEXT NOT NULL,
    observed_at_ms BIGINT NOT NULL,
    value TEXT NOT NULL,
    block_number BIGINT,
    block_hash {bytes},
    response_hash {bytes},
    fault TEXT NOT NULL,
    UNIQUE (source, observed_at_ms, value)
);

CREATE TABLE latest_observations (
    source TEXT NOT NULL PRIMARY KEY,
    observed_at_ms BIGINT NOT NULL,
    value TEXT NOT NULL,
    block_number BIGINT,
    block_hash {bytes},
    response_hash {bytes},
    fault TEXT NOT NULL
);

CREATE TABLE deposits (
    user_address {bytes} NOT NULL REFERENCES users (user_address),
    chain_id BIGINT NOT NULL,
    balance TEXT NOT NULL,
    block_number BIGINT NOT NULL,
    PRIMARY KEY (user_address, chain_id)
);

CREATE TABLE registry_jobs (
    job_id TEXT NOT NULL PRIMARY KEY,
    chain_id BIGINT NOT NULL,
    owner {bytes} NOT NULL,
    job_hash {bytes} NOT NULL,
    version BIGINT NOT NULL,
    is_active BOOLEAN NOT NULL,
    block_number BIGINT NOT NULL
);

CREATE INDEX registry_jobs_active ON registry_jobs (owner, version, job_id) WHERE is_active;
