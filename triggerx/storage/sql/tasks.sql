-- fragment: task
SELECT
    t.*, l.task_key, l.firing_kind, l.firing_index, l.firing_chain_id, l.firing_tx_hash, j.job_id,
    p.keeper_address AS task_performer,
    (
        SELECT {string_agg}(CAST(a.place AS TEXT) || ':' || CAST(a.operator_id AS TEXT), ',')
        FROM task_attesters a WHERE a.task_id = t.task_id
    ) AS task_attester_ids
FROM tasks t
JOIN ledger l ON l.entry_number = t.task_id
JOIN jobs j ON j.job_number = t.job_number
LEFT JOIN keepers p ON p.keeper_id = t.task_performer_id

-- What is listed is a key's 64 digits, followed by the evidence.

-- name: add_fired_tasks
INSERT INTO tasks (
    task_id, job_number, task_definition_id, created_at, evidence, is_guarded, priority, status, attempt, task_error,
    fired_at_ms
)
SELECT
    l.entry_number, l.job_number, j.task_definition_id, l.decided_at_ms / 1000, substr(listed.value, 65),
    j.mandate_expiry IS NOT NULL, j.priority, 'created', 0, '', l.decided_at_ms
FROM {each}(:firings) AS listed
JOIN ledger l ON l.task_key = from_hex(substr(listed.value, 1, 64))
JOIN jobs j ON j.job_number = l.job_number
WHERE l.outcome = 'fired'
ON CONFLICT (task_id) DO NOTHING

-- fragment: saved_task
UPDATE tasks SET
    task_number = :task_number, task_cost = :task_cost, execution_timestamp = :execution_timestamp,
    execution_tx_hash = :execution_tx_hash,
    task_performer_id = (SELECT k.keeper_id FROM keepers k WHERE k.keeper_address = :task_performer),
    proof_of_task = :proof_of_task, action_data_cid = :action_data_cid, is_approved = :is_approved,
    tp_signature = :tp_signature, ta_signature = :ta_signature, task_submission_tx_hash = :task_submission_tx_hash,
    is_successful = :is_successful, evidence = :evidence, status = :status, attempt = :attempt,
    task_error = :task_error, deadline_at = :deadline_at, executed_at_ms = :executed_at_ms,
    attested_at_ms = :attested_at_ms
WHERE task_id = :task_id

-- name: save_task
{saved_task}
RETURNING task_performer_id

-- name: save_tasks
{saved_task}

-- name: task_attesters
SELECT operator_id FROM task_attesters WHERE task_id = :task_id ORDER BY place

-- name: forget_task_attesters
DELETE FROM task_attesters WHERE task_id = :task_id

-- name: insert_task_attester
INSERT INTO task_attesters (task_id, place, operator_id) VALUES (:task_id, :place, :operator_id)

-- name: get_task
-- lock: t
{task} WHERE t.task_id = :task_id

-- name: task_by_key
-- lock: t
{task} WHERE l.task_key = :task_key

-- name: tasks_by_key
-- lock: t
{task} WHERE l.task_key IN (SELECT from_hex(listed.value) FROM {each}(:task_keys) AS listed)
ORDER BY t.task_id

-- name: task_by_cid
-- lock: t
{task} WHERE t.action_data_cid = :cid ORDER BY t.task_id LIMIT 1

-- name: tasks_of_job
{task} WHERE j.job_id = :job_id ORDER BY t.task_id

-- name: count_tasks_of_job
SELECT t.status, COUNT(*) AS tasks FROM tasks t JOIN jobs j ON j.job_number = t.job_number
WHERE j.job_id = :job_id
GROUP BY t.status

-- name: last_dead_task_of_job
-- lock: t
{task} WHERE j.job_id = :job_id AND t.status IN ('failed', 'rejected', 'unknown') ORDER BY t.task_id DESC LIMIT 1

-- name: tasks_of_owner
{task} WHERE j.owner = :owner ORDER BY t.task_id DESC LIMIT :limit

-- name: recent_tasks
{task} ORDER BY t.task_id DESC LIMIT :limit

-- Without an order: SQLite would walk the whole table for it.

-- name: open_tasks
{task} WHERE t.status IN ('created', 'assigned')
UNION ALL
{task} WHERE t.status IN ('acknowledged', 'performed')

-- name: workable_tasks
SELECT t.priority AS priority, t.task_id AS task_id, l.task_key FROM tasks t JOIN ledger l ON l.entry_number = t.task_id
WHERE t.status IN ('created', 'assigned') AND (t.priority, t.task_id) > (:priority, :task_id)
UNION ALL
SELECT t.priority AS priority, t.task_id AS task_id, l.task_key FROM tasks t JOIN ledger l ON l.entry_number = t.task_id
WHERE t.status IN ('acknowledged', 'performed') AND t.deadline_at <= :now
    AND (t.priority, t.task_id) > (:priority, :task_id)
ORDER BY priority, task_id LIMIT :limit

-- name: dead_tasks
{task} WHERE t.status IN ('failed', 'rejected', 'unknown') ORDER BY t.task_id DESC LIMIT :limit

-- name: dead_tasks_of_owner
{task} WHERE j.owner = :owner AND t.status IN ('failed', 'rejected', 'unknown')
ORDER BY t.task_id DESC LIMIT :limit

-- name: count_tasks_of_performers
SELECT p.keeper_address AS performer, t.status, COUNT(*) AS tasks
FROM tasks t JOIN keepers p ON p.keeper_id = t.task_performer_id
WHERE t.task_performer_id IS NOT NULL
GROUP BY p.keeper_address, t.status

-- name: count_replaced_assignments
SELECT a.performer, COUNT(*) AS assignments FROM assignments a
WHERE a.status IN ('refused', 'unreachable', 'silent', 'expired')
GROUP BY a.performer

-- name: insert_assignment
INSERT INTO assignments (task_key, attempt, performer, signed, status, reason)
VALUES (:task_key, :attempt, :performer, :signed, :status, '')
ON CONFLICT (task_key, attempt) DO NOTHING

-- name: set_assignment_status
UPDATE assignments SET status = :status, reason = :reason WHERE task_key = :task_key AND attempt = :attempt

-- name: assignments_of_task
SELECT * FROM assignments WHERE task_key = :task_key ORDER BY attempt
