-- name: put_registry_job
INSERT INTO registry_jobs (job_id, chain_id, owner, job_hash, version, is_active, block_number)
VALUES (:job_id, :chain_id, :owner, :job_hash, :version, :is_active, :block_number)
ON CONFLICT (job_id) DO UPDATE SET
    chain_id = excluded.chain_id, owner = excluded.owner, job_hash = excluded.job_hash, version = excluded.version,
    is_active = excluded.is_active, block_number = excluded.block_number
WHERE registry_jobs.block_number <= excluded.block_number

-- name: get_registry_job
-- lock: r
SELECT r.* FROM registry_jobs r WHERE r.job_id = :job_id

-- name: unclaimed_registry_jobs
SELECT r.* FROM registry_jobs r
WHERE r.is_active AND r.owner = :owner AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.job_id = r.job_id)
ORDER BY r.version DESC, r.job_id DESC LIMIT :limit
