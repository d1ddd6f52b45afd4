-- Users, API keys and jobs. 256-bit numbers are decimal text; the sets of the schema (job_ids, task_ids) are joins.

CREATE TABLE users (
    user_id {identity},
    user_address {bytes} NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    account_balance TEXT NOT NULL DEFAULT '0',
    token_balance TEXT NOT NULL DEFAULT '0',
    last_updated_at BIGINT NOT NULL
);

CREATE TABLE api_keys (
    api_key_id {identity},
    digest {bytes} NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    scopes TEXT NOT NULL,
    is_active BOOLEAN NOT NULL,
    rate_limit BIGINT NOT NULL,
    last_used BIGINT,
    created_at BIGINT NOT NULL
);

CREATE INDEX api_keys_of_owner ON api_keys (owner);

-- The body is the fact; the columns beside it are derived from it whenever it is written.
CREATE TABLE jobs (
    job_number {identity},
    job_id TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL,
    owner {bytes} NOT NULL,
    job_title TEXT NOT NULL,
    task_definition_id SMALLINT NOT NULL,
    user_id BIGINT NOT NULL REFERENCES users (user_id),
    api_key_id BIGINT REFERENCES api_keys (api_key_id),
    priority SMALLINT NOT NULL,
    security SMALLINT NOT NULL,
    link_job_id TEXT NOT NULL,
    chain_status SMALLINT NOT NULL,
    time_frame BIGINT NOT NULL,
    recurring BOOLEAN NOT NULL,
    time_interval BIGINT NOT NULL,
    trigger_chain_id BIGINT,
    trigger_contract_address {bytes},
    trigger_event TEXT NOT NULL,
    script_ipfs_url TEXT NOT NULL,
    script_trigger_function TEXT NOT NULL,
    script_target_function TEXT NOT NULL,
    created_chain_id BIGINT NOT NULL,
    target_chain_id BIGINT NOT NULL,
    target_contract_address {bytes} NOT NULL,
    status SMALLINT NOT NULL CHECK (status BETWEEN 0 AND 4),
    is_paused BOOLEAN NOT NULL,
    status_reason TEXT NOT NULL,
    job_cost_prediction TEXT NOT NULL,
    job_hash {bytes} NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    accepted_at BIGINT NOT NULL,
    next_due_at BIGINT,
    last_executed_at BIGINT,
    spent_wei TEXT NOT NULL
);

CREATE INDEX jobs_due ON jobs (next_due_at, priority, job_number)
    WHERE status = 1 AND NOT is_paused AND next_due_at IS NOT NULL;
CREATE INDEX jobs_unscheduled ON jobs (job_number) WHERE status = 1 AND NOT is_paused AND next_due_at IS NULL;
CREATE INDEX jobs_of_owner ON jobs (owner, job_number);
CREATE INDEX jobs_of_user ON jobs (user_id);
CREATE INDEX jobs_of_api_key ON jobs (api_key_id, job_number) WHERE api_key_id IS NOT NULL;
