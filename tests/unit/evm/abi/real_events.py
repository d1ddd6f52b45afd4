"""Events of contracts that everybody uses, as their sources write them, with their canonical signatures."""

REAL_EVENTS = [
    (
        "Transfer( address from , address  indexed to, uint value )",
        "Transfer(address,address,uint256)",
    ),
    (
        "event Transfer(address indexed from, address indexed to, uint256 value);",
        "Transfer(address,address,uint256)",
    ),
    (
        "event Approval(address indexed owner, address indexed spender, uint256 value);",
        "Approval(address,address,uint256)",
    ),
    (
        "event ApprovalForAll(address indexed owner, address indexed operator, bool approved);",
        "ApprovalForAll(address,address,bool)",
    ),
    (
        "event TransferSingle(address indexed operator, address indexed from, address indexed to, uint256 id,"
        " uint256 value);",
        "TransferSingle(address,address,address,uint256,uint256)",
    ),
    (
        "event TransferBatch(address indexed operator, address indexed from, address indexed to, uint256[] "
        "ids, uint256[] values);",
        "TransferBatch(address,address,address,uint256[],uint256[])",
    ),
    (
        "event URI(string value, uint256 indexed id);",
        "URI(string,uint256)",
    ),
    (
        "event Deposit(address indexed dst, uint wad);",
        "Deposit(address,uint256)",
    ),
    (
        "event  Withdrawal(address indexed src, uint wad);",
        "Withdrawal(address,uint256)",
    ),
    (
        "event OwnershipTransferred(address indexed previousOwner, address indexed newOwner);",
        "OwnershipTransferred(address,address)",
    ),
    (
        "event RoleGranted(bytes32 indexed role, address indexed account, address indexed sender);",
        "RoleGranted(bytes32,address,address)",
    ),
    (
        "event RoleAdminChanged(bytes32 indexed role, bytes32 indexed previousAdminRole, bytes32 indexed "
        "newAdminRole);",
        "RoleAdminChanged(bytes32,bytes32,bytes32)",
    ),
    (
        "event Paused(address account);",
        "Paused(address)",
    ),
    (
        "event Pause();",
        "Pause()",
    ),
    (
        "event Upgraded(address indexed implementation);",
        "Upgraded(address)",
    ),
    (
        "event AdminChanged(address previousAdmin, address newAdmin);",
        "AdminChanged(address,address)",
    ),
    (
        "event BeaconUpgraded(address indexed beacon);",
        "BeaconUpgraded(address)",
    ),
    (
        "event Initialized(uint64 version);",
        "Initialized(uint64)",
    ),
    (
        "event AnswerUpdated(int256 indexed current, uint256 indexed roundId, uint256 updatedAt);",
        "AnswerUpdated(int256,uint256,uint256)",
    ),
    (
        "event NewRound(uint256 indexed roundId, address indexed startedBy, uint256 startedAt);",
        "NewRound(uint256,address,uint256)",
    ),
    (
        "event NewTransmission(uint32 indexed aggregatorRoundId, int192 answer, address transmitter, int192[]"
        " observations, bytes observers, bytes32 rawReportContext);",
        "NewTransmission(uint32,int192,address,int192[],bytes,bytes32)",
    ),
    (
        "event OracleRequest(bytes32 indexed specId, address requester, bytes32 requestId, uint256 payment, "
        "address callbackAddr, bytes4 callbackFunctionId, uint256 cancelExpiration, uint256 dataVersion, "
        "bytes data);",
        "OracleRequest(bytes32,address,bytes32,uint256,address,bytes4,uint256,uint256,bytes)",
    ),
    (
        "event PairCreated(address indexed token0, address indexed token1, address pair, uint);",
        "PairCreated(address,address,address,uint256)",
    ),
    (
        "event Swap(address indexed sender, uint amount0In, uint amount1In, uint amount0Out, uint amount1Out,"
        " address indexed to);",
        "Swap(address,uint256,uint256,uint256,uint256,address)",
    ),
    (
        "event Sync(uint112 reserve0, uint112 reserve1);",
        "Sync(uint112,uint112)",
    ),
    (
        "event Mint(address indexed sender, uint amount0, uint amount1);",
        "Mint(address,uint256,uint256)",
    ),
    (
        "event Swap(address indexed sender, address indexed recipient, int256 amount0, int256 amount1, "
        "uint160 sqrtPriceX96, uint128 liquidity, int24 tick);",
        "Swap(address,address,int256,int256,uint160,uint128,int24)",
    ),
    (
        "event PoolCreated(address indexed token0, address indexed token1, uint24 indexed fee, int24 "
        "tickSpacing, address pool);",
        "PoolCreated(address,address,uint24,int24,address)",
    ),
    (
        "event Mint(address sender, address indexed owner, int24 indexed tickLower, int24 indexed tickUpper, "
        "uint128 amount, uint256 amount0, uint256 amount1);",
        "Mint(address,address,int24,int24,uint128,uint256,uint256)",
    ),
    (
        "event Flash(address indexed,address indexed,uint,uint,uint,uint)",
        "Flash(address,address,uint256,uint256,uint256,uint256)",
    ),
    (
        "event Initialize(bytes32 indexed id, address indexed currency0, address indexed currency1, uint24 "
        "fee, int24 tickSpacing, address hooks, uint160 sqrtPriceX96, int24 tick);",
        "Initialize(bytes32,address,address,uint24,int24,address,uint160,int24)",
    ),
    (
        "event Supply(address indexed reserve, address user, address indexed onBehalfOf, uint256 amount, "
        "uint16 indexed referralCode);",
        "Supply(address,address,address,uint256,uint16)",
    ),
    (
        "event LiquidationCall(address indexed collateralAsset, address indexed debtAsset, address indexed "
        "user, uint256 debtToCover, uint256 liquidatedCollateralAmount, address liquidator, bool "
        "receiveAToken);",
        "LiquidationCall(address,address,address,uint256,uint256,address,bool)",
    ),
    (
        "event AccrueInterest(uint cashPrior, uint interestAccumulated, uint borrowIndex, uint totalBorrows)",
        "AccrueInterest(uint256,uint256,uint256,uint256)",
    ),
    (
        "event ProposalCreated(uint256 proposalId, address proposer, address[] targets, uint256[] values, "
        "string[] signatures, bytes[] calldatas, uint256 voteStart, uint256 voteEnd, string description);",
        "ProposalCreated(uint256,address,address[],uint256[],string[],bytes[],uint256,uint256,string)",
    ),
    (
        "event VoteCast(address indexed voter, uint256 proposalId, uint8 support, uint256 weight, string reason);",
        "VoteCast(address,uint256,uint8,uint256,string)",
    ),
    (
        "event DelegateChanged(address indexed delegator, address indexed fromDelegate, address indexed toDelegate);",
        "DelegateChanged(address,address,address)",
    ),
    (
        "event NewOwner(bytes32 indexed node, bytes32 indexed label, address owner);",
        "NewOwner(bytes32,bytes32,address)",
    ),
    (
        "event NameRegistered(string name, bytes32 indexed label, address indexed owner, uint cost, uint expires);",
        "NameRegistered(string,bytes32,address,uint256,uint256)",
    ),
    (
        "event TextChanged(bytes32 indexed node, string indexed indexedKey, string key, string value);",
        "TextChanged(bytes32,string,string,string)",
    ),
    (
        "event OrderFulfilled(bytes32 orderHash, address indexed offerer, address indexed zone, address "
        "recipient, (uint8 itemType, address token, uint256 identifier, uint256 amount)[] offer, (uint8 "
        "itemType, address token, uint256 identifier, uint256 amount, address payable recipient)[] "
        "consideration);",
        "OrderFulfilled(bytes32,address,address,address,(uint8,address,uint256,uint256)[],(uint8,address,uint"
        "256,uint256,address)[])",
    ),
    (
        "event DiamondCut(tuple(address facetAddress, uint8 action, bytes4[] functionSelectors)[] "
        "_diamondCut, address _init, bytes _calldata);",
        "DiamondCut((address,uint8,bytes4[])[],address,bytes)",
    ),
    (
        "event UserOperationEvent(bytes32 indexed userOpHash, address indexed sender, address indexed "
        "paymaster, uint256 nonce, bool success, uint256 actualGasCost, uint256 actualGasUsed);",
        "UserOperationEvent(bytes32,address,address,uint256,bool,uint256,uint256)",
    ),
    (
        "event ExecutionSuccess(bytes32 indexed txHash, uint256 payment);",
        "ExecutionSuccess(bytes32,uint256)",
    ),
    (
        "event SafeSetup(address indexed initiator, address[] owners, uint256 threshold, address initializer,"
        " address fallbackHandler);",
        "SafeSetup(address,address[],uint256,address,address)",
    ),
    (
        "event LogNote(bytes4 indexed sig, address indexed usr, bytes32 indexed arg1, bytes32 indexed arg2, "
        "bytes data) anonymous;",
        "LogNote(bytes4,address,bytes32,bytes32,bytes)",
    ),
    (
        "event AddLiquidity(address indexed provider, uint256[2] token_amounts, uint256[2] fees, uint256 "
        "invariant, uint256 token_supply)",
        "AddLiquidity(address,uint256[2],uint256[2],uint256,uint256)",
    ),
    (
        "event TokenExchange(address indexed buyer, int128 sold_id, uint256 tokens_sold, int128 bought_id, "
        "uint256 tokens_bought)",
        "TokenExchange(address,int128,uint256,int128,uint256)",
    ),
    (
        "TaskSubmitted(address indexed operator, uint32 taskNumber, string proofOfTask, bytes data, uint16 "
        "indexed taskDefinitionId)",
        "TaskSubmitted(address,uint32,string,bytes,uint16)",
    ),
    (
        "event MessagePassed(uint256 indexed nonce, address indexed sender, address indexed target, uint256 "
        "value, uint256 gasLimit, bytes data, bytes32 withdrawalHash);",
        "MessagePassed(uint256,address,address,uint256,uint256,bytes,bytes32)",
    ),
    (
        "event Logged(byte flag, byte[4] flags, function callback)",
        "Logged(bytes1,bytes1[4],function)",
    ),
]
