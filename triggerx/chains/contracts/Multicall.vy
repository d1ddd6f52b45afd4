#pragma version 0.4.3
#pragma evm-version cancun
"""
@title Multicall: many calls in one, each with its own outcome
@notice Development chains have it where public ones have Multicall3, for reads by eth_call. It holds nothing.
@dev The interface of Multicall3's aggregate3. Its bounds are static: at most CALLS_MAX calls of CALL_BYTES_MAX bytes,
     and an answer is cut off after RETURN_BYTES_MAX bytes, so that who gets one of just this length asks alone again.
     Calldata of more than the bounds is refused. Filled to the bounds, its memory costs 4 million gas.
"""

CALLS_MAX: constant(uint256) = 500
# A selector and 16 words.
CALL_BYTES_MAX: constant(uint256) = 516
RETURN_BYTES_MAX: constant(uint256) = 1024


struct Call3:
    target: address
    allowFailure: bool
    callData: Bytes[CALL_BYTES_MAX]


struct Result:
    success: bool
    returnData: Bytes[RETURN_BYTES_MAX]


@external
@payable
def aggregate3(calls: DynArray[Call3, CALLS_MAX]) -> DynArray[Result, CALLS_MAX]:
    """
    @notice Makes the calls in order; one that fails and may not fails them all.
    """
    results: DynArray[Result, CALLS_MAX] = []
    for call: Call3 in calls:
        success: bool = False
        returned: Bytes[RETURN_BYTES_MAX] = b""
        success, returned = raw_call(
            call.target, call.callData, max_outsize=RETURN_BYTES_MAX, revert_on_failure=False
        )
        if not success and not call.allowFailure:
            raise "Multicall3: call failed"
        results.append(Result(success=success, returnData=returned))
    return results
