-- What a store says of itself: `application`, `schema` (the number of its last migration), `machine`.

-- name: create_meta
CREATE TABLE store_meta (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL)

-- name: get_meta
SELECT value FROM store_meta WHERE key = :key

-- name: set_meta
INSERT INTO store_meta (key, value) VALUES (:key, :value)
ON CONFLICT (key) DO UPDATE SET value = excluded.value
