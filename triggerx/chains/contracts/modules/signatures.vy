#pragma version 0.4.3
#pragma evm-version cancun
"""
@title Recovery of the signer of a digest
@notice One form is taken: 65 bytes r || s || v with v 27 or 28 and s in the lower half of the order (EIP-2),
        so that a signature has no second spelling.
"""

# The order of secp256k1 divided by two, rounded down.
HALF_ORDER: constant(uint256) = 57896044618658097711785492504343953926418782139537452191302581570759080747168

# Room for one signature, and for the wrong ones to be told from bad encoding.
SIGNATURE_MAX: constant(uint256) = 128


@internal
@view
def recover(digest: bytes32, signature: Bytes[SIGNATURE_MAX]) -> address:
    """
    @notice The address that signed the raw digest, or zero when the signature has another form.
    """
    if len(signature) != 65:
        return empty(address)
    r: uint256 = convert(slice(signature, 0, 32), uint256)
    s: uint256 = convert(slice(signature, 32, 32), uint256)
    v: uint256 = convert(slice(signature, 64, 1), uint256)
    if s > HALF_ORDER or (v != 27 and v != 28):
        return empty(address)
    return ecrecover(digest, v, r, s)
