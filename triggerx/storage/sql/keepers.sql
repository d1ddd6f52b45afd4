-- name: ensure_keeper
INSERT INTO keepers (keeper_address) VALUES (:address)
ON CONFLICT (keeper_address) DO UPDATE SET keeper_address = excluded.keeper_address
RETURNING *

-- name: note_keeper
INSERT INTO keepers (keeper_address) VALUES (:address)
ON CONFLICT (keeper_address) DO NOTHING

-- name: save_keeper
UPDATE keepers SET
    keeper_name = :keeper_name, keeper_address = :keeper_address, registered_tx = :registered_tx,
    operator_id = :operator_id, rewards_address = :rewards_address, rewards_booster = :rewards_booster,
    voting_power = :voting_power, keeper_points = :keeper_points, connection_address = :connection_address,
    peer_id = :peer_id, strategies = :strategies, verified = :verified, status = :status, online = :online,
    version = :version, no_exctask = :no_exctask, chat_id = :chat_id, email_id = :email_id, bls_key = :bls_key,
    last_check_in_at = :last_check_in_at
WHERE keeper_id = :keeper_id

-- name: get_keeper
-- lock: k
SELECT k.* FROM keepers k WHERE k.keeper_id = :keeper_id

-- name: keeper_by_address
-- lock: k
SELECT k.* FROM keepers k WHERE k.keeper_address = :address

-- name: keeper_by_operator_id
-- lock: k
SELECT k.* FROM keepers k WHERE k.operator_id = :operator_id ORDER BY k.keeper_id DESC LIMIT 1

-- name: all_keepers
SELECT k.* FROM keepers k ORDER BY k.keeper_id

-- name: record_check_in
INSERT INTO check_ins (keeper_id, peer_id, addresses, version, checked_in_at)
VALUES (:keeper_id, :peer_id, :addresses, :version, :checked_in_at)
ON CONFLICT (keeper_id) DO UPDATE
SET peer_id = excluded.peer_id, addresses = excluded.addresses, version = excluded.version,
    checked_in_at = excluded.checked_in_at
WHERE check_ins.checked_in_at < excluded.checked_in_at

-- name: note_check_in
UPDATE keepers
SET peer_id = :peer_id, connection_address = :connection_address, version = :version, last_check_in_at = :checked_in_at
WHERE keeper_id = :keeper_id

-- name: check_ins_since
SELECT c.*, k.keeper_address
FROM check_ins c JOIN keepers k ON k.keeper_id = c.keeper_id
WHERE c.checked_in_at >= :since
ORDER BY c.keeper_id

-- name: set_keeper_online
INSERT INTO keepers (keeper_address, online) VALUES (:address, :is_online)
ON CONFLICT (keeper_address) DO UPDATE SET online = excluded.online

-- name: credit_keeper
INSERT INTO keepers (keeper_address, keeper_points, no_exctask) VALUES (:address, :points, :tasks)
ON CONFLICT (keeper_address) DO UPDATE
SET keeper_points = add_decimal(keepers.keeper_points, excluded.keeper_points),
    no_exctask = keepers.no_exctask + excluded.no_exctask

-- name: insert_reward
INSERT INTO rewards (operator_id, task_number, fee_wei, tx_hash)
VALUES (:operator_id, :task_number, :fee_wei, :tx_hash)
ON CONFLICT DO NOTHING

-- name: open_alert
INSERT INTO alerts (keeper_id, kind, raised_at) VALUES (:keeper_id, :kind, :raised_at)
ON CONFLICT DO NOTHING

-- name: close_alert
UPDATE alerts SET closed_at = :closed_at
WHERE keeper_id = (SELECT k.keeper_id FROM keepers k WHERE k.keeper_address = :address)
    AND kind = :kind AND closed_at IS NULL
