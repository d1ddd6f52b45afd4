// One contract's event on one chain. The first request for logs is told on standard output: from there on time counts.

import { createConfig } from "ponder";
import { http, parseAbi } from "viem";

const { BENCH_RPC_URL, BENCH_ADDRESS, BENCH_FOLDER } = process.env;
let isAsked = false;

const rpc = http(BENCH_RPC_URL, {
  onFetchRequest: (_request, { body }) => {
    if (isAsked || !String(body).includes("eth_getLogs")) return;
    isAsked = true;
    process.stdout.write(`asked ${performance.timeOrigin + performance.now()}\n`);
  },
});

export default createConfig({
  database: { kind: "pglite", directory: `${BENCH_FOLDER}/pglite` },
  // viem takes 10 MB at most for an answer: eight blocks of 2,000 logs. The cache is left out, as is advised for anvil.
  chains: { anvil: { id: 31337, rpc, ethGetLogsBlockRange: 8, disableCache: true } },
  contracts: {
    Emitter: {
      chain: "anvil",
      abi: parseAbi(["event Pinged(uint256 indexed number, uint256 value)"]),
      address: BENCH_ADDRESS as `0x${string}`,
      startBlock: 2,
    },
  },
});
