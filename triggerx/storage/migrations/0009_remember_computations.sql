-- What a script computed for a task that this keeper took on, kept before the action, so that a restart sends the same.

ALTER TABLE performances ADD COLUMN computed TEXT;
