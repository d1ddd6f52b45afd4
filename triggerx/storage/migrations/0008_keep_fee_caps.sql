-- The most that one run of a job may be charged; those of jobs that are here already are filled in by `storage.refill`,
-- which knows them by their empty kind.
ALTER TABLE jobs ADD COLUMN fee_max TEXT NOT NULL DEFAULT '1000000000000000';

UPDATE jobs SET trigger_kind = '' WHERE mandate_expiry IS NOT NULL;
