-- The gates make "after" complete on Postgres: who appends holds its place until it commits, and who reads waits for
-- everybody who has taken a lower sequence, so that no entry appears behind a reader. SQLite has one writer.

-- name: append_event
-- gate: SELECT pg_advisory_xact_lock_shared({event_log_lock})
INSERT INTO event_log (kind, subject, payload, recorded_at_ms) VALUES (:kind, :subject, :payload, :now_ms)
RETURNING sequence

-- name: add_event
-- gate: SELECT pg_advisory_xact_lock_shared({event_log_lock})
INSERT INTO event_log (kind, subject, payload, recorded_at_ms) VALUES (:kind, :subject, :payload, :now_ms)

-- name: event_of_subject
SELECT sequence FROM event_log WHERE subject = :subject AND kind = :kind AND kind <> 'fired' ORDER BY sequence LIMIT 1

-- name: add_fired_event
-- gate: SELECT pg_advisory_xact_lock_shared({event_log_lock})
INSERT INTO event_log (kind, subject, payload, recorded_at_ms) VALUES ('fired', :subject, :payload, :now_ms)

-- name: events_after
-- gate: SELECT pg_advisory_xact_lock({event_log_lock})
SELECT * FROM event_log WHERE sequence > :sequence ORDER BY sequence LIMIT :limit

-- name: events_of_subject_after
-- gate: SELECT pg_advisory_xact_lock({event_log_lock})
SELECT * FROM event_log WHERE subject = :subject AND kind <> 'fired' AND sequence > :sequence
ORDER BY sequence LIMIT :limit

-- name: get_cursor
-- lock: c
SELECT c.* FROM chain_cursors c WHERE c.name = :follower

-- name: set_cursor
INSERT INTO chain_cursors (name, number, hash) VALUES (:follower, :number, :hash)
ON CONFLICT (name) DO UPDATE SET number = excluded.number, hash = excluded.hash

-- fragment: transaction
SELECT x.*, f.tx_hash AS form_hash, f.raw, f.max_fee_per_gas, f.signed_at
FROM transactions x LEFT JOIN transaction_forms f ON f.intent_id = x.intent_id

-- name: insert_transaction
INSERT INTO transactions (
    intent_id, chain_id, sender, target, data, value, deadline, priority, inner_gas, status, reason, created_at
) VALUES (
    :intent_id, :chain_id, :sender, :target, :data, :value, :deadline, :priority, :inner_gas, :status, '', :now
)
ON CONFLICT (intent_id) DO NOTHING

-- name: get_transaction
-- lock: x
{transaction} WHERE x.intent_id = :intent_id ORDER BY f.form_number

-- name: set_transaction_nonce
UPDATE transactions SET nonce = :nonce WHERE intent_id = :intent_id
RETURNING chain_id, sender

-- name: insert_transaction_form
INSERT INTO transaction_forms (intent_id, chain_id, sender, nonce, tx_hash, raw, max_fee_per_gas, signed_at)
VALUES (:intent_id, :chain_id, :sender, :nonce, :tx_hash, :raw, :max_fee_per_gas, :signed_at)
ON CONFLICT (tx_hash) DO NOTHING

-- name: settle_transaction
UPDATE transactions SET status = :status, mined_hash = :mined_hash, reason = :reason WHERE intent_id = :intent_id

-- name: pending_transactions
{transaction}
WHERE x.chain_id = :chain_id AND x.sender = :sender AND x.status = 'pending'
ORDER BY x.nonce IS NULL, x.nonce, x.transaction_number, f.form_number

-- name: highest_nonce
SELECT f.nonce FROM transaction_forms f
WHERE f.chain_id = :chain_id AND f.sender = :sender
ORDER BY f.nonce DESC LIMIT 1

-- name: add_to_quarantine
INSERT INTO quarantine (kind, subject, reason, content, recorded_at)
VALUES (:kind, :subject, :reason, :content, :now)
ON CONFLICT (kind, subject) DO UPDATE
SET reason = excluded.reason, content = excluded.content, recorded_at = excluded.recorded_at

-- name: newest_of_quarantine
SELECT * FROM quarantine ORDER BY recorded_at DESC, quarantine_id DESC LIMIT :limit
