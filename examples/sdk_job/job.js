// A time job by the published JavaScript SDK, unmodified: deposit, createJob, POST, and wait until it is attested.
// Usage: node job.js PATH-TO/devnet.json [FIRINGS]
"use strict";

const { readFileSync } = require("node:fs");
const { setTimeout: sleep } = require("node:timers/promises");
const { ethers } = require("ethers");
const { CONTRACT_ADDRESSES_BY_CHAIN, TriggerXClient, createJob, getJobDataById } = require("sdk-triggerx");

const INTERVAL_S = 8; // room for the deposit and the job's own transaction, a block each
const FINAL = ["attested", "rejected", "failed", "unknown"];
const WITHIN_MS = 120_000;

// The SDK knows public chains; a development chain is added to its table.
function addChain(devnet) {
  CONTRACT_ADDRESSES_BY_CHAIN[String(devnet.chain_id)] = {
    gasRegistry: devnet.contracts.gas_registry,
    jobRegistry: devnet.contracts.job_registry,
    safeFactory: "",
    safeModule: "",
    multisendCallOnly: "",
    rpcUrl: devnet.rpc_url,
  };
}

// The SDK answers an error instead of throwing it.
function check(answer) {
  if (!answer.success) throw new Error(`${answer.errorCode}: ${answer.error}`);
  return answer.data;
}

// The SDK knows no subscription, so the job's tasks are asked for once a second.
async function attested(client, jobId, owner, count) {
  const until = Date.now() + WITHIN_MS;
  for (;;) {
    const { taskData } = check(await getJobDataById(client, jobId, owner));
    const over = taskData.filter((task) => FINAL.includes(task.task_status));
    const lost = over.find((task) => task.task_status !== "attested");
    if (lost) throw new Error(`task ${lost.task_id} is ${lost.task_status}: ${lost.task_error}`);
    if (over.length >= count) return over;
    if (Date.now() > until) throw new Error(`${over.length} of ${count} tasks attested after ${WITHIN_MS / 1000} s`);
    await sleep(1000);
  }
}

async function main(file, firings) {
  const devnet = JSON.parse(readFileSync(file, "utf8"));
  addChain(devnet);
  console.log = console.error; // the SDK reports its progress by console.log; our stdout is for the tasks

  // A block may follow the last call at once: without cacheTimeout -1 ethers would answer from its memory.
  const provider = new ethers.JsonRpcProvider(devnet.rpc_url, devnet.chain_id, { cacheTimeout: -1 });
  const signer = new ethers.Wallet(devnet.accounts.at(-1).private_key, provider);
  const client = new TriggerXClient(devnet.api_key, { baseURL: devnet.api_url });

  const created = check(
    await createJob(client, {
      signer,
      jobInput: {
        jobTitle: "Count with the SDK",
        timeFrame: INTERVAL_S * firings,
        scheduleType: "interval",
        timeInterval: INTERVAL_S,
        timezone: "UTC",
        chainId: String(devnet.chain_id),
        targetContractAddress: devnet.contracts.example_target,
        targetFunction: devnet.example_target_function,
        abi: JSON.stringify(devnet.example_target_abi),
        arguments: ["3"],
        autotopupETH: true,
      },
    }),
  );
  const [jobId] = created.job_ids;
  console.error(`job ${jobId} is taken: it fires every ${INTERVAL_S} s, ${firings} times`);
  for (const task of await attested(client, jobId, signer.address, firings)) {
    process.stdout.write(`${JSON.stringify(task)}\n`);
  }
  provider.destroy();
}

main(process.argv[2] ?? "devnet.json", Number(process.argv[3] ?? 1)).then(
  () => process.exit(0), // the SDK leaves a provider of its own open
  (error) => {
    console.error(`job.js: ${error.message}`);
    process.exit(1);
  },
);
