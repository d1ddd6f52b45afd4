-- What decides about firings, without the body: read by the thousand, and counted by the thousand.

-- Read by place: `job_rows.terms_of` takes the columns in this order.

-- fragment: terms
SELECT
    j.job_number, j.user_id, j.priority, j.created_at, j.expires_at, j.next_due_at, j.watched_from, j.chain_status,
    j.runs_max, j.runs_per_day_max, j.run_gas, j.runs, j.open_runs, j.runs_today, j.usage_day,
    u.runs_today AS user_runs_today, u.usage_day AS user_usage_day,
    j.job_id, j.owner, j.task_definition_id, j.trigger_terms, j.time_frame, j.target_chain_id, j.recurring, j.status,
    j.is_paused, j.link_job_id, j.wei_max, j.wei_per_day_max, j.gas_price_max_wei, j.spent_wei, j.spent_today_wei,
    d.balance AS balance_wei, j.mandate_expiry, j.fee_max
FROM jobs j
JOIN users u ON u.user_id = j.user_id
LEFT JOIN deposits d ON d.user_address = j.owner AND d.chain_id = j.target_chain_id

-- name: claim_due_jobs
-- lock: j skip
{terms}
WHERE j.next_due_at IS NOT NULL AND j.next_due_at <= :now
ORDER BY j.next_due_at, j.priority, j.job_number
LIMIT :limit

-- name: job_terms
-- lock: j
{terms}
WHERE j.job_number IN (SELECT CAST(listed.value AS BIGINT) FROM {each}(:numbers) AS listed)
ORDER BY j.job_number

-- name: job_terms_by_id
-- lock: j
{terms} WHERE j.job_id = :job_id

-- name: watched_jobs
{terms}
WHERE j.trigger_kind = :kind AND (j.status <= 1 OR j.is_paused) AND j.job_number > :after
ORDER BY j.job_number LIMIT :limit

-- name: watched_jobs_on_chain
{terms}
WHERE j.trigger_kind = :kind AND j.trigger_chain_id = :chain_id AND (j.status <= 1 OR j.is_paused)
    AND j.job_number > :after
ORDER BY j.job_number LIMIT :limit

-- A clock that is behind at midnight counts into the day that has begun.

-- fragment: counted_runs
runs = runs + :runs,
    open_runs = open_runs + :runs,
    runs_today = CASE WHEN usage_day < :day THEN :runs ELSE runs_today + :runs END,
    spent_today_wei = CASE WHEN usage_day < :day THEN '0' ELSE spent_today_wei END,
    usage_day = CASE WHEN usage_day < :day THEN :day ELSE usage_day END

-- name: move_job_on
UPDATE jobs SET
    next_due_at = :next_due_at,
    {counted_runs}
WHERE job_number = :number

-- name: count_due_jobs
SELECT j.next_due_at FROM jobs j WHERE j.next_due_at IS NOT NULL AND j.next_due_at <= :until LIMIT :limit

-- name: count_fired_runs
UPDATE jobs SET
    {counted_runs}
WHERE job_number = :number

-- name: count_users_runs
UPDATE users SET
    runs_today = CASE WHEN usage_day < :day THEN :runs ELSE runs_today + :runs END,
    usage_day = CASE WHEN usage_day < :day THEN :day ELSE usage_day END
WHERE user_id = :user_id

-- name: count_run
UPDATE jobs SET runs = runs + :runs, open_runs = open_runs + :open_runs
WHERE job_id = :job_id AND open_runs + :open_runs >= 0

-- name: set_watched_from
UPDATE jobs SET watched_from = :block_number WHERE job_number = :number
