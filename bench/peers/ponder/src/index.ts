import { ponder } from "ponder:registry";
import { found } from "ponder:schema";

ponder.on("Emitter:Pinged", async ({ event, context }) => {
  await context.db.insert(found).values({
    id: event.id,
    number: event.args.number,
    txHash: event.transaction.hash,
    logIndex: event.log.logIndex,
    block: event.block.number,
  });
});
