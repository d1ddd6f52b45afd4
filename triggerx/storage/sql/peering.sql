-- name: put_document
INSERT INTO documents (cid, content, created_at) VALUES (:cid, :content, :now)
ON CONFLICT (cid) DO NOTHING

-- name: get_document
SELECT content FROM documents WHERE cid = :cid

-- name: remember_message
INSERT INTO messages_seen (node, sender, nonce, expires_at) VALUES (:node, :sender, :nonce, :expires_at)
ON CONFLICT DO NOTHING

-- name: keep_message
INSERT INTO messages_kept (digest, envelope, expires_at) VALUES (:digest, :envelope, :expires_at)
ON CONFLICT (digest) DO NOTHING

-- name: kept_messages
SELECT envelope, expires_at FROM messages_kept WHERE expires_at >= :now ORDER BY message_number DESC LIMIT :limit

-- name: forget_seen_messages
DELETE FROM messages_seen WHERE expires_at < :now

-- name: forget_kept_messages
DELETE FROM messages_kept WHERE expires_at < :now

-- name: insert_performance
INSERT INTO performances (
    task_key, attempt, signed, body, evidence, status, computed, execution_tx_hash, cid, reason
) VALUES (
    :task_key, :attempt, :signed, :body, :evidence, :status, :computed, :execution_tx_hash, :cid, :reason
)
ON CONFLICT (task_key, attempt) DO NOTHING

-- name: save_performance
UPDATE performances SET status = :status, execution_tx_hash = :execution_tx_hash, cid = :cid, reason = :reason
WHERE task_key = :task_key AND attempt = :attempt

-- name: get_performance
-- lock: p
SELECT p.* FROM performances p WHERE p.task_key = :task_key AND p.attempt = :attempt

-- name: performances_of_tasks
SELECT p.* FROM performances p
WHERE p.task_key IN (SELECT from_hex(listed.value) FROM {each}(:task_keys) AS listed)
ORDER BY p.performance_number

-- name: open_performances
SELECT p.task_key, p.attempt FROM performances p
WHERE p.status IN ('accepted', 'executed') ORDER BY p.performance_number

-- name: insert_vote
INSERT INTO votes (phase, task_key, attempt, task_hash, is_approved, code, recorded_at)
VALUES (:phase, :task_key, :attempt, :task_hash, :is_approved, :code, :recorded_at)
ON CONFLICT DO NOTHING

-- name: votes_against
SELECT * FROM votes v WHERE v.phase = :phase AND v.task_hash = :task_hash
UNION ALL
SELECT * FROM votes v
WHERE v.phase = :phase AND v.task_key = :task_key AND v.is_approved AND v.task_hash <> :task_hash

-- name: own_votes
SELECT * FROM votes v WHERE v.phase = :phase AND v.task_key = :task_key ORDER BY v.vote_number

-- name: tally_votes
SELECT v.is_approved, v.code, COUNT(*) AS votes, MAX(v.recorded_at) AS last_at
FROM votes v
WHERE v.phase = :phase
GROUP BY v.is_approved, v.code
ORDER BY v.is_approved DESC, COUNT(*) DESC, v.code

-- name: insert_share
INSERT INTO attestations (task_hash, operator_id, task_key, is_approved, code, signature)
VALUES (:task_hash, :operator_id, :task_key, :is_approved, :code, :signature)
ON CONFLICT (task_hash, operator_id) DO NOTHING

-- name: shares_of_hash
SELECT * FROM attestations WHERE task_hash = :task_hash ORDER BY operator_id

-- name: open_documents
SELECT a.* FROM announcements a
WHERE a.is_open AND NOT EXISTS (SELECT 1 FROM outcomes o WHERE o.task_hash = a.task_hash)
ORDER BY a.announcement_number

-- name: documents_announced_with
SELECT a.* FROM announcements a WHERE a.execution_tx_hash = :execution_tx_hash ORDER BY a.announcement_number

-- name: insert_announcement
INSERT INTO announcements (task_key, task_hash, cid, performer, execution_tx_hash, tp_signature, heard_at, is_open)
VALUES (:task_key, :task_hash, :cid, :performer, :execution_tx_hash, :tp_signature, :heard_at, TRUE)
ON CONFLICT (task_hash) DO NOTHING

-- name: insert_outcome
INSERT INTO outcomes (task_hash, outcome) VALUES (:task_hash, :outcome)
ON CONFLICT (task_hash) DO UPDATE SET outcome = excluded.outcome

-- name: close_announcement
UPDATE announcements SET is_open = FALSE WHERE task_hash = :task_hash AND is_open
