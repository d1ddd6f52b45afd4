-- fragment: entry
SELECT
    l.entry_number, l.job_number, j.job_id, l.task_key, l.firing_kind, l.firing_index, l.firing_chain_id,
    l.firing_tx_hash, l.moment, l.last_moment, l.occurrences, l.outcome, l.reason, l.detail, l.evidence, l.priority,
    l.ready_block, l.block_number, l.block_hash, l.decided_at_ms, l.noted_at_ms
FROM ledger l JOIN jobs j ON j.job_number = l.job_number

-- name: insert_entry
INSERT INTO ledger (
    task_key, job_number, firing_kind, firing_index, firing_chain_id, firing_tx_hash, moment, last_moment, occurrences,
    outcome, reason, detail, evidence, priority, ready_block, block_number, block_hash, noted_at_ms, decided_at_ms
) VALUES (
    :task_key, :job_number, :firing_kind, :firing_index, :firing_chain_id, :firing_tx_hash, :moment, :last_moment,
    :occurrences, :outcome, :reason, :detail, :evidence, :priority, :ready_block, :block_number, :block_hash,
    :decided_at_ms, :decided_at_ms
)
ON CONFLICT (task_key) DO NOTHING

-- The kind of its firing is `FiringKind.EVENT`.

-- name: insert_log_entry
INSERT INTO ledger (
    task_key, job_number, firing_kind, firing_index, firing_tx_hash, priority, firing_chain_id, moment, last_moment,
    occurrences, outcome, reason, detail, evidence, ready_block, block_number, block_hash, noted_at_ms, decided_at_ms
) VALUES (
    :task_key, :job_number, 2, :ordinal, :tx_hash, :priority, :chain_id, :moment, :moment, 1, :outcome, :reason,
    :detail, '', :ready_block, :block_number, :block_hash, :decided_at_ms, :decided_at_ms
)
ON CONFLICT (task_key) DO NOTHING

-- name: entries_by_key
-- lock: l
{entry}
WHERE l.task_key IN (SELECT from_hex(listed.value) FROM {each}(:task_keys) AS listed)
ORDER BY l.entry_number

-- name: put_entry_back
UPDATE ledger SET
    outcome = :outcome, reason = :reason, detail = :detail, evidence = :evidence, moment = :moment,
    last_moment = :last_moment, occurrences = :occurrences, ready_block = :ready_block, block_number = :block_number,
    block_hash = :block_hash, decided_at_ms = :decided_at_ms
WHERE task_key = :task_key

-- name: decide_entry
UPDATE ledger SET outcome = :outcome, reason = :reason, detail = :detail, decided_at_ms = :now_ms
WHERE entry_number = :number

-- name: end_waiting_entries
UPDATE ledger SET outcome = :outcome, reason = :reason, detail = :detail, decided_at_ms = :now_ms
WHERE job_number = :job_number AND outcome IN ('confirming', 'queued', 'held')

-- name: extend_entry
UPDATE ledger SET last_moment = :last_moment, occurrences = :count, detail = :detail, decided_at_ms = :now_ms
WHERE entry_number = :number

-- name: last_entries_of_jobs
{entry}
WHERE l.entry_number IN (
    SELECT (
        SELECT m.entry_number FROM ledger m WHERE m.job_number = CAST(listed.value AS BIGINT)
        ORDER BY m.moment DESC, m.entry_number DESC LIMIT 1
    ) FROM {each}(:numbers) AS listed
)
ORDER BY l.job_number

-- The second half is what began before the span and reaches into it: only ranges do, and the sign keeps to their index.

-- name: entries_of_job
{entry}
WHERE j.job_id = :job_id AND l.moment >= :since AND l.moment <= :until
UNION ALL
{entry}
WHERE j.job_id = :job_id AND l.occurrences > 1 AND +l.moment < :since AND l.last_moment >= :since
ORDER BY moment DESC, entry_number DESC LIMIT :limit

-- name: queued_entries
-- lock: l skip
{entry} WHERE l.outcome = 'queued' ORDER BY l.priority, l.entry_number LIMIT :limit

-- name: held_entries
-- lock: l skip
{entry} WHERE l.outcome = 'held' AND l.entry_number > :after ORDER BY l.entry_number LIMIT :limit

-- name: confirmed_entries
-- lock: l skip
{entry}
WHERE l.outcome = 'confirming' AND l.firing_chain_id = :chain_id AND l.ready_block <= :head
ORDER BY l.entry_number LIMIT :limit

-- name: entries_in_blocks
{entry}
WHERE l.block_number IN (SELECT CAST(listed.value AS BIGINT) FROM {each}(:block_numbers) AS listed)
    AND l.firing_chain_id = :chain_id
    AND l.block_hash IN (SELECT from_hex(listed.value) FROM {each}(:block_hashes) AS listed)
ORDER BY l.entry_number

-- name: count_entries_of_job
SELECT l.outcome, CAST(SUM(l.occurrences) AS BIGINT) AS occurrences
FROM ledger l JOIN jobs j ON j.job_number = l.job_number
WHERE j.job_id = :job_id
GROUP BY l.outcome

-- What waits is most often the newest.

-- name: jobs_with_waiting_entries
SELECT (
    SELECT l.job_number FROM ledger l
    WHERE l.job_number = CAST(listed.value AS BIGINT) AND l.outcome IN ('confirming', 'queued', 'held')
    ORDER BY l.moment DESC LIMIT 1
) AS job_number FROM {each}(:numbers) AS listed

-- name: count_queued_entries
SELECT COUNT(*) AS entries FROM ledger l WHERE l.outcome = 'queued'

-- name: blocks_of_follower
SELECT b.* FROM chain_blocks b WHERE b.follower = :follower ORDER BY b.number

-- name: block_of_follower
SELECT b.hash FROM chain_blocks b WHERE b.follower = :follower AND b.number = :number

-- name: drop_block
DELETE FROM chain_blocks WHERE follower = :follower AND number = :number AND hash = :hash

-- name: put_block
INSERT INTO chain_blocks (follower, number, hash, parent_hash, block_timestamp)
VALUES (:follower, :number, :hash, :parent_hash, :block_timestamp)
ON CONFLICT (follower, number) DO UPDATE
SET hash = excluded.hash, parent_hash = excluded.parent_hash, block_timestamp = excluded.block_timestamp

-- name: forget_blocks
DELETE FROM chain_blocks WHERE follower = :follower AND number <= (
    SELECT b.number FROM chain_blocks b WHERE b.follower = :follower ORDER BY b.number DESC LIMIT 1 OFFSET :keep
)
