-- name: insert_job
INSERT INTO jobs (
    job_id, body, owner, job_title, task_definition_id, user_id, api_key_id, priority, security, link_job_id,
    chain_status, time_frame, recurring, time_interval, trigger_chain_id, trigger_contract_address, trigger_event,
    script_ipfs_url, script_trigger_function, script_target_function, created_chain_id, target_chain_id,
    target_contract_address, status, is_paused, status_reason, job_cost_prediction, job_hash, version, created_at,
    accepted_at, next_due_at, last_executed_at, spent_wei
) VALUES (
    :job_id, :body, :owner, :job_title, :task_definition_id, :user_id, :api_key_id, :priority, :security, :link_job_id,
    :chain_status, :time_frame, :recurring, :time_interval, :trigger_chain_id, :trigger_contract_address, :trigger_event,
    :script_ipfs_url, :script_trigger_function, :script_target_function, :created_chain_id, :target_chain_id,
    :target_contract_address, :status, :is_paused, :status_reason, :job_cost_prediction, :job_hash, :version,
    :created_at, :accepted_at, :next_due_at, :last_executed_at, :spent_wei
)
ON CONFLICT (job_id) DO NOTHING

-- name: replace_job_body
UPDATE jobs SET
    body = :body, owner = :owner, job_title = :job_title, task_definition_id = :task_definition_id,
    priority = :priority, security = :security, link_job_id = :link_job_id, chain_status = :chain_status,
    time_frame = :time_frame, recurring = :recurring, time_interval = :time_interval,
    trigger_chain_id = :trigger_chain_id, trigger_contract_address = :trigger_contract_address,
    trigger_event = :trigger_event, script_ipfs_url = :script_ipfs_url,
    script_trigger_function = :script_trigger_function, script_target_function = :script_target_function,
    created_chain_id = :created_chain_id, target_chain_id = :target_chain_id,
    target_contract_address = :target_contract_address, job_cost_prediction = :job_cost_prediction,
    job_hash = :job_hash, version = :version
WHERE job_id = :job_id

-- name: get_job
-- lock: j
SELECT j.* FROM jobs j WHERE j.job_id = :job_id

-- name: jobs_of_owner
SELECT j.* FROM jobs j WHERE j.owner = :owner ORDER BY j.job_number

-- name: jobs_of_owner_on_chain
SELECT j.* FROM jobs j WHERE j.owner = :owner AND j.created_chain_id = :chain_id ORDER BY j.job_number

-- name: jobs_of_api_key
SELECT j.* FROM jobs j WHERE j.api_key_id = :api_key_id ORDER BY j.job_number

-- name: jobs_due
SELECT j.* FROM jobs j
WHERE j.status = 1 AND NOT j.is_paused AND j.next_due_at IS NOT NULL AND j.next_due_at <= :now
ORDER BY j.next_due_at, j.priority, j.job_number
LIMIT :limit

-- name: next_due_at
SELECT j.next_due_at FROM jobs j
WHERE j.status = 1 AND NOT j.is_paused AND j.next_due_at IS NOT NULL
ORDER BY j.next_due_at
LIMIT 1

-- name: unscheduled_jobs
SELECT j.* FROM jobs j WHERE j.status = 1 AND NOT j.is_paused AND j.next_due_at IS NULL ORDER BY j.job_number

-- name: set_job_schedule
UPDATE jobs SET next_due_at = :next_due_at WHERE job_id = :job_id

-- name: advance_job
UPDATE jobs SET next_due_at = :next_due_at
WHERE job_id = :job_id AND status = 1 AND NOT is_paused AND next_due_at = :due

-- name: set_job_status
UPDATE jobs SET status = :status, is_paused = :is_paused, status_reason = :reason WHERE job_id = :job_id

-- name: record_execution
UPDATE jobs SET
    last_executed_at = CASE
        WHEN last_executed_at IS NULL OR last_executed_at < :executed_at THEN :executed_at ELSE last_executed_at
    END,
    spent_wei = add_decimal(spent_wei, :cost_wei)
WHERE job_id = :job_id
