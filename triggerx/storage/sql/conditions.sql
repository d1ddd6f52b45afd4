-- name: condition_states_after
SELECT s.* FROM condition_states s WHERE s.job_number > :after ORDER BY s.job_number LIMIT :limit

-- name: condition_state
-- lock: s
SELECT s.* FROM condition_states s WHERE s.job_number = :job_number

-- name: save_condition_state
INSERT INTO condition_states (job_number, is_true, edge, fired_at_ms, value, observed_at_ms)
VALUES (:job_number, :is_true, :edge, :fired_at_ms, :value, :observed_at_ms)
ON CONFLICT (job_number) DO UPDATE SET
    is_true = excluded.is_true, edge = excluded.edge, fired_at_ms = excluded.fired_at_ms, value = excluded.value,
    observed_at_ms = excluded.observed_at_ms

-- name: insert_observation
INSERT INTO observations (source, observed_at_ms, value, block_number, block_hash, response_hash, fault)
VALUES (:source, :observed_at_ms, :value, :block_number, :block_hash, :response_hash, :fault)
ON CONFLICT (source, observed_at_ms, value) DO NOTHING

-- name: note_latest_observation
INSERT INTO latest_observations (source, observed_at_ms, value, block_number, block_hash, response_hash, fault)
VALUES (:source, :observed_at_ms, :value, :block_number, :block_hash, :response_hash, :fault)
ON CONFLICT (source) DO UPDATE SET
    observed_at_ms = excluded.observed_at_ms, value = excluded.value, block_number = excluded.block_number,
    block_hash = excluded.block_hash, response_hash = excluded.response_hash, fault = excluded.fault
WHERE latest_observations.observed_at_ms <= excluded.observed_at_ms

-- name: latest_observation
SELECT o.* FROM latest_observations o WHERE o.source = :source

-- name: recorded_observations
SELECT o.* FROM observations o
WHERE o.source = :source AND o.observed_at_ms >= :since_ms AND o.observed_at_ms <= :until_ms
ORDER BY o.observed_at_ms, o.observation_number LIMIT :limit
