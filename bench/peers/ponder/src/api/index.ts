// What was stored, to be compared: number, transaction and log index of each row.

import { Hono } from "hono";
import { db } from "ponder:api";
import { found } from "ponder:schema";

const app = new Hono();

app.get("/found", async (context) => {
  const rows = await db.select().from(found);
  return context.json(rows.map((row) => [Number(row.number), row.txHash, row.logIndex]));
});

export default app;
