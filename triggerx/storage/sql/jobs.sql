-- fragment: job
SELECT j.*, b.body FROM jobs j JOIN job_bodies b ON b.job_number = j.job_number

-- name: insert_job
INSERT INTO jobs (
    job_id, owner, job_title, task_definition_id, user_id, api_key_id, priority, security, link_job_id,
    chain_status, time_frame, recurring, time_interval, trigger_chain_id, trigger_contract_address, trigger_event,
    script_ipfs_url, script_trigger_function, script_target_function, created_chain_id, target_chain_id,
    target_contract_address, status, is_paused, status_reason, job_cost_prediction, job_hash, version, created_at,
    accepted_at, next_due_at, last_executed_at, spent_wei, trigger_kind, trigger_terms, expires_at, runs_max,
    runs_per_day_max, wei_max, wei_per_day_max, gas_price_max_wei, mandate_expiry, fee_max,
    run_gas
) VALUES (
    :job_id, :owner, :job_title, :task_definition_id, :user_id, :api_key_id, :priority, :security, :link_job_id,
    :chain_status, :time_frame, :recurring, :time_interval, :trigger_chain_id, :trigger_contract_address, :trigger_event,
    :script_ipfs_url, :script_trigger_function, :script_target_function, :created_chain_id, :target_chain_id,
    :target_contract_address, :status, :is_paused, :status_reason, :job_cost_prediction, :job_hash, :version,
    :created_at, :accepted_at, :next_due_at, :last_executed_at, :spent_wei, :trigger_kind, :trigger_terms,
    :expires_at, :runs_max, :runs_per_day_max, :wei_max, :wei_per_day_max, :gas_price_max_wei,
    :mandate_expiry, :fee_max, :run_gas
)
ON CONFLICT (job_id) DO NOTHING
RETURNING job_number

-- name: put_job_body
INSERT INTO job_bodies (job_number, body) VALUES (:number, :body)
ON CONFLICT (job_number) DO UPDATE SET body = excluded.body

-- name: replace_job_body
UPDATE jobs SET
    owner = :owner, job_title = :job_title, task_definition_id = :task_definition_id,
    priority = :priority, security = :security, link_job_id = :link_job_id, chain_status = :chain_status,
    time_frame = :time_frame, recurring = :recurring, time_interval = :time_interval,
    trigger_chain_id = :trigger_chain_id, trigger_contract_address = :trigger_contract_address,
    trigger_event = :trigger_event, script_ipfs_url = :script_ipfs_url,
    script_trigger_function = :script_trigger_function, script_target_function = :script_target_function,
    created_chain_id = :created_chain_id, target_chain_id = :target_chain_id,
    target_contract_address = :target_contract_address, job_cost_prediction = :job_cost_prediction,
    job_hash = :job_hash, version = :version, trigger_kind = :trigger_kind, expires_at = created_at + :time_frame,
    watched_from = CASE WHEN trigger_terms = :trigger_terms THEN watched_from END, trigger_terms = :trigger_terms,
    runs_max = :runs_max, runs_per_day_max = :runs_per_day_max, wei_max = :wei_max, wei_per_day_max = :wei_per_day_max,
    gas_price_max_wei = :gas_price_max_wei,
    run_gas = CASE WHEN mandate_expiry IS NULL AND :is_unguarded THEN run_gas ELSE :run_gas END,
    mandate_expiry = :mandate_expiry, fee_max = :fee_max
WHERE job_id = :job_id
RETURNING job_number

-- name: jobs_without_terms
SELECT j.job_number, b.body FROM jobs j JOIN job_bodies b ON b.job_number = j.job_number
WHERE j.job_number > :after AND j.trigger_kind = ''
ORDER BY j.job_number LIMIT :limit

-- name: fill_job_terms
UPDATE jobs SET
    trigger_kind = :trigger_kind, trigger_terms = :trigger_terms, script_trigger_function = :script_trigger_function,
    trigger_chain_id = :trigger_chain_id, runs_max = :runs_max, runs_per_day_max = :runs_per_day_max,
    wei_max = :wei_max, wei_per_day_max = :wei_per_day_max, gas_price_max_wei = :gas_price_max_wei,
    mandate_expiry = :mandate_expiry, fee_max = :fee_max, run_gas = :run_gas
WHERE job_number = :number

-- name: get_job
-- lock: j
{job} WHERE j.job_id = :job_id

-- name: jobs_by_id
{job} WHERE j.job_id IN (SELECT listed.value FROM {each}(:job_ids) AS listed) ORDER BY j.job_number

-- name: jobs_of_owner
{job} WHERE j.owner = :owner ORDER BY j.job_number

-- name: jobs_of_owner_on_chain
{job} WHERE j.owner = :owner AND j.created_chain_id = :chain_id ORDER BY j.job_number

-- name: jobs_of_api_key
{job} WHERE j.api_key_id = :api_key_id ORDER BY j.job_number

-- name: jobs_after
{job}
WHERE j.job_number > COALESCE((SELECT known.job_number FROM jobs known WHERE known.job_id = :job_id), 0)
ORDER BY j.job_number LIMIT :limit

-- name: next_due_at
SELECT j.next_due_at FROM jobs j
WHERE j.next_due_at IS NOT NULL
ORDER BY j.next_due_at
LIMIT 1

-- fragment: idle_job
SELECT j.job_number, j.job_id, j.status_reason FROM jobs j

-- name: unscheduled_jobs
{idle_job}
WHERE j.trigger_kind = 'time' AND j.status = 1 AND NOT j.is_paused AND j.next_due_at IS NULL
    AND j.open_runs = 0 AND j.job_number > :after
ORDER BY j.job_number LIMIT :limit

-- name: finished_jobs
{idle_job}
WHERE j.trigger_kind <> 'time' AND NOT j.recurring AND j.status = 1 AND NOT j.is_paused AND j.runs > 0
    AND j.open_runs = 0 AND j.job_number > :after
ORDER BY j.job_number LIMIT :limit

-- The sign keeps SQLite from walking all jobs in their order.

-- name: expired_jobs
{idle_job}
WHERE j.trigger_kind <> 'time' AND (j.status = 1 OR j.is_paused) AND j.expires_at < :now
    AND j.open_runs = 0 AND +j.job_number > :after
ORDER BY +j.job_number LIMIT :limit

-- name: linked_jobs
SELECT w.job_number AS waiting, b.job_number AS before
FROM jobs w JOIN jobs b ON b.link_job_id = w.job_id AND b.link_job_id <> '-1' AND b.owner = w.owner
WHERE w.chain_status = 2 AND w.status = 0 AND b.status IN (2, 3, 4) AND NOT b.is_paused
ORDER BY w.job_number, b.job_number LIMIT :limit

-- name: jobs_naming
SELECT j.job_id FROM jobs j
WHERE j.link_job_id = :job_id AND j.link_job_id <> '-1' AND j.owner = :owner
ORDER BY j.job_number LIMIT :limit

-- name: jobs_by_number
{job} WHERE j.job_number IN (SELECT CAST(listed.value AS BIGINT) FROM {each}(:numbers) AS listed)

-- name: set_job_schedule
UPDATE jobs SET next_due_at = :next_due_at WHERE job_id = :job_id

-- name: set_job_status
UPDATE jobs SET status = :status, is_paused = :is_paused, status_reason = :reason WHERE job_id = :job_id

-- name: record_execution
UPDATE jobs SET
    last_executed_at = CASE
        WHEN last_executed_at IS NULL OR last_executed_at < :executed_at THEN :executed_at ELSE last_executed_at
    END,
    run_gas = CASE WHEN :gas > 0 AND mandate_expiry IS NULL THEN :gas ELSE run_gas END
WHERE job_id = :job_id

-- name: record_charge
UPDATE jobs SET
    spent_wei = add_decimal(spent_wei, :cost_wei),
    spent_today_wei = CASE
        WHEN usage_day < :day THEN :cost_wei
        WHEN usage_day = :day THEN add_decimal(spent_today_wei, :cost_wei)
        ELSE spent_today_wei
    END,
    runs_today = CASE WHEN usage_day < :day THEN 0 ELSE runs_today END,
    usage_day = CASE WHEN usage_day < :day THEN :day ELSE usage_day END
WHERE job_id = :job_id
