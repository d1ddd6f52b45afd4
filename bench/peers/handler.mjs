// Hears one contract's logs as its documentation has it, and says for each when its handler ran.
// node handler.mjs viem|ethers WEBSOCKET_URL ADDRESS; a line is the number of the log and unix milliseconds.

const [library, url, address] = process.argv.slice(2);
const now = () => performance.timeOrigin + performance.now();
const say = (number) => process.stdout.write(`${number} ${now()}\n`);

if (library === "viem") {
  const { createPublicClient, parseAbi, webSocket } = await import("viem");
  const client = createPublicClient({ transport: webSocket(url) });
  client.watchContractEvent({
    address,
    abi: parseAbi(["event Pinged(uint256 indexed number, uint256 value)"]),
    eventName: "Pinged",
    onLogs: (logs) => logs.forEach((log) => say(log.args.number)),
  });
} else {
  const { Contract, WebSocketProvider } = await import("ethers");
  const provider = new WebSocketProvider(url);
  const contract = new Contract(address, ["event Pinged(uint256 indexed number, uint256 value)"], provider);
  await contract.on("Pinged", (number) => say(number));
}
