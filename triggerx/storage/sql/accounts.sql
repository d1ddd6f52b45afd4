-- name: ensure_user
INSERT INTO users (user_address, created_at, last_updated_at)
VALUES (:address, :now, :now)
ON CONFLICT (user_address) DO UPDATE SET user_address = excluded.user_address
RETURNING *

-- name: user_by_address
-- lock: u
SELECT u.* FROM users u WHERE u.user_address = :address

-- name: set_token_balance
UPDATE users SET token_balance = :balance, last_updated_at = :now WHERE user_address = :address

-- name: add_points
INSERT INTO users (user_address, created_at, last_updated_at, account_balance)
VALUES (:address, :now, :now, :points)
ON CONFLICT (user_address) DO UPDATE
SET account_balance = add_decimal(users.account_balance, excluded.account_balance),
    last_updated_at = excluded.last_updated_at

-- name: put_deposit
INSERT INTO deposits (user_address, chain_id, balance, block_number)
VALUES (:address, :chain_id, :balance, :block_number)
ON CONFLICT (user_address, chain_id) DO UPDATE
SET balance = excluded.balance, block_number = excluded.block_number
WHERE deposits.block_number <= excluded.block_number

-- name: get_deposit
SELECT d.balance FROM deposits d WHERE d.user_address = :address AND d.chain_id = :chain_id

-- name: deposits_of_user
SELECT d.balance FROM deposits d WHERE d.user_address = :address

-- name: insert_api_key
INSERT INTO api_keys (digest, owner, scopes, is_active, rate_limit, created_at)
VALUES (:digest, :owner, :scopes, TRUE, :rate_limit, :now)
ON CONFLICT (digest) DO UPDATE SET digest = excluded.digest
RETURNING *

-- name: api_key_by_digest
SELECT * FROM api_keys WHERE digest = :digest

-- name: touch_api_key
UPDATE api_keys SET last_used = :now
WHERE api_key_id = :api_key_id AND (last_used IS NULL OR last_used < :now)

-- name: set_api_key_active
UPDATE api_keys SET is_active = :is_active WHERE api_key_id = :api_key_id

-- name: all_api_keys
SELECT * FROM api_keys ORDER BY api_key_id

-- name: api_keys_of_owner
SELECT * FROM api_keys WHERE owner = :owner ORDER BY api_key_id
