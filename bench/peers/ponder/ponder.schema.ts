import { onchainTable } from "ponder";

export const found = onchainTable("found", (column) => ({
  id: column.text().primaryKey(),
  number: column.bigint().notNull(),
  txHash: column.hex().notNull(),
  logIndex: column.integer().notNull(),
  block: column.bigint().notNull(),
}));
