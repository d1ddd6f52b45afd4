-- Transactions remember what an inner call may take on top of the node's estimate.

ALTER TABLE transactions ADD COLUMN inner_gas BIGINT NOT NULL DEFAULT 0;
