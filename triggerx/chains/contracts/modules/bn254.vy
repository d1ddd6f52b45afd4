#pragma version 0.4.3
#pragma evm-version cancun
"""
@title The curve BN254: hashing to G1, the sum of keys in G2, one pairing check
@notice Pure arithmetic; every function that needs a precompile reverts when the precompile fails,
        so that a call that runs out of gas is never taken for a wrong signature.
@dev A G2 point is [x_re, x_im, y_re, y_im]; the pairing precompile takes the imaginary part first.
     Hashing is RFC 9380 expand_message_xmd (SHA-256) and the map of Fouque and Tibouchi.
"""

# Field constants are decimal because a 32-byte hex literal is a bytes32.
P: constant(uint256) = 21888242871839275222246405745257275088696311157297823662689037894645226208583
# (P - 1) / 2: a power of it is Euler's criterion.
HALF: constant(uint256) = 10944121435919637611123202872628637544348155578648911831344518947322613104291
# (P + 1) / 4: a power of it is a square root, because P is 3 modulo 4.
QUARTER: constant(uint256) = 5472060717959818805561601436314318772174077789324455915672259473661306552146
INVERSE: constant(uint256) = 21888242871839275222246405745257275088696311157297823662689037894645226208581
# Z0 is the square root of -3, Z1 is (Z0 - 1) / 2.
Z0: constant(uint256) = 4407920970296243842837207485651524041948558517760411303933
Z1: constant(uint256) = 2203960485148121921418603742825762020974279258880205651966
TWO_128: constant(uint256) = 340282366920938463463374607431768211456

# The generator of G2 with its second coordinate negated, imaginary parts first.
NEG_G2_X_IM: constant(uint256) = 11559732032986387107991004021392285783925812861821192530917403151452391805634
NEG_G2_X_RE: constant(uint256) = 10857046999023057135944570762232829481370756359578518086990519993285655852781
NEG_G2_Y_IM: constant(uint256) = 17805874995975841540914202342111839520379459829704422454583296818431106115052
NEG_G2_Y_RE: constant(uint256) = 13392588948715843804641432497768002650278120570034223513918757245338268106653

MODEXP: constant(address) = 0x0000000000000000000000000000000000000005
EC_ADD: constant(address) = 0x0000000000000000000000000000000000000006
EC_PAIRING: constant(address) = 0x0000000000000000000000000000000000000008

# The longest message that is hashed; the protocol's own messages have 32 bytes.
MESSAGE_MAX: constant(uint256) = 1024


struct Jacobian:
    x_re: uint256
    x_im: uint256
    y_re: uint256
    y_im: uint256
    z_re: uint256
    z_im: uint256


@internal
@view
def _power(base: uint256, exponent: uint256) -> uint256:
    ok: bool = False
    out: Bytes[32] = b""
    ok, out = raw_call(
        MODEXP,
        abi_encode(convert(32, uint256), convert(32, uint256), convert(32, uint256), base, exponent, P),
        max_outsize=32,
        is_static_call=True,
        revert_on_failure=False,
    )
    if not ok or len(out) != 32:
        raw_revert(method_id("PrecompileFailed()"))
    return convert(out, uint256)


@internal
@view
def _map_to_point(t: uint256) -> (uint256, uint256):
    a: uint256 = uint256_addmod(uint256_mulmod(t, t, P), 4, P)
    w: uint256 = uint256_mulmod(uint256_mulmod(Z0, t, P), self._power(a, INVERSE), P)
    x: uint256 = uint256_addmod(Z1, P - uint256_mulmod(t, w, P), P)
    y: uint256 = 0
    square: uint256 = 0
    for candidate: uint256 in range(3):
        square = uint256_addmod(uint256_mulmod(uint256_mulmod(x, x, P), x, P), 3, P)
        y = self._power(square, QUARTER)
        if uint256_mulmod(y, y, P) == square:
            break
        if candidate == 0:
            x = uint256_addmod(P - 1, P - x, P)
        else:
            x = uint256_addmod(1, self._power(uint256_mulmod(w, w, P), INVERSE), P)
    if self._power(t, HALF) == P - 1:
        y = P - y
    return x, y


@internal
@view
def hash_to_point(domain: bytes32, message: Bytes[MESSAGE_MAX]) -> uint256[2]:
    """
    @notice hashToPoint(domain, message): a point of G1 nobody knows the logarithm of.
    @param domain The 32 raw bytes of the domain separation tag.
    """
    suffix: Bytes[33] = concat(domain, x"20")
    b0: bytes32 = sha256(concat(empty(bytes32), empty(bytes32), message, x"006000", suffix))
    b1: bytes32 = sha256(concat(b0, x"01", suffix))
    mixed: bytes32 = convert(convert(b0, uint256) ^ convert(b1, uint256), bytes32)
    b2: bytes32 = sha256(concat(mixed, x"02", suffix))
    mixed = convert(convert(b0, uint256) ^ convert(b2, uint256), bytes32)
    b3: bytes32 = sha256(concat(mixed, x"03", suffix))

    # Two integers of 48 bytes, big-endian: b1 with the upper half of b2, the lower half of b2 with b3.
    middle: uint256 = convert(b2, uint256)
    u0: uint256 = uint256_addmod(uint256_mulmod(convert(b1, uint256), TWO_128, P), middle >> 128, P)
    high: uint256 = uint256_mulmod(middle & (TWO_128 - 1), TWO_128, P)
    u1: uint256 = uint256_addmod(uint256_mulmod(high, TWO_128, P), convert(b3, uint256), P)

    ax: uint256 = 0
    ay: uint256 = 0
    bx: uint256 = 0
    by: uint256 = 0
    ax, ay = self._map_to_point(u0)
    bx, by = self._map_to_point(u1)
    ok: bool = False
    out: Bytes[64] = b""
    ok, out = raw_call(
        EC_ADD, abi_encode(ax, ay, bx, by), max_outsize=64, is_static_call=True, revert_on_failure=False
    )
    if not ok or len(out) != 64:
        raw_revert(method_id("PrecompileFailed()"))
    return abi_decode(out, uint256[2])


@internal
@pure
def is_g1(point: uint256[2]) -> bool:
    """
    @notice Whether the point is on the curve, with reduced coordinates, and is not infinity.
    """
    x: uint256 = point[0]
    y: uint256 = point[1]
    if x >= P or y >= P or (x == 0 and y == 0):
        return False
    return uint256_mulmod(y, y, P) == uint256_addmod(uint256_mulmod(uint256_mulmod(x, x, P), x, P), 3, P)


@internal
@pure
def is_reduced_key(key: uint256[4]) -> bool:
    """
    @notice Whether the coordinates of a key are reduced and the key is not infinity; the pairing precompile
            itself refuses a point that is not in the group.
    """
    for part: uint256 in key:
        if part >= P:
            return False
    return not (key[0] == 0 and key[1] == 0 and key[2] == 0 and key[3] == 0)


@internal
@view
def verifies(point: uint256[2], signature: uint256[2], key: uint256[4]) -> bool:
    """
    @notice Whether e(signature, -G2) * e(point, key) = 1.
    @dev The caller has checked the signature by is_g1 and the key's group when it was registered.
    """
    ok: bool = False
    out: Bytes[32] = b""
    ok, out = raw_call(
        EC_PAIRING,
        abi_encode(
            signature[0],
            signature[1],
            NEG_G2_X_IM,
            NEG_G2_X_RE,
            NEG_G2_Y_IM,
            NEG_G2_Y_RE,
            point[0],
            point[1],
            key[1],
            key[0],
            key[3],
            key[2],
        ),
        max_outsize=32,
        is_static_call=True,
        revert_on_failure=False,
    )
    if not ok or len(out) != 32:
        raw_revert(method_id("PrecompileFailed()"))
    return convert(out, uint256) == 1


@internal
@pure
def _mul(a_re: uint256, a_im: uint256, b_re: uint256, b_im: uint256) -> (uint256, uint256):
    return (
        uint256_addmod(uint256_mulmod(a_re, b_re, P), unsafe_sub(P, uint256_mulmod(a_im, b_im, P)), P),
        uint256_addmod(uint256_mulmod(a_re, b_im, P), uint256_mulmod(a_im, b_re, P), P),
    )


@internal
@pure
def _square(a_re: uint256, a_im: uint256) -> (uint256, uint256):
    cross: uint256 = uint256_mulmod(a_re, a_im, P)
    return uint256_mulmod(uint256_addmod(a_re, a_im, P), uint256_addmod(a_re, unsafe_sub(P, a_im), P), P), uint256_addmod(cross, cross, P)


@internal
@pure
def _double(p: Jacobian) -> Jacobian:
    # dbl-2009-l. The second coordinate is never zero: the group has no element of order two.
    a_re: uint256 = 0
    a_im: uint256 = 0
    a_re, a_im = self._square(p.x_re, p.x_im)
    b_re: uint256 = 0
    b_im: uint256 = 0
    b_re, b_im = self._square(p.y_re, p.y_im)
    d_re: uint256 = 0
    d_im: uint256 = 0
    d_re, d_im = self._mul(p.x_re, p.x_im, b_re, b_im)
    d_re = uint256_mulmod(d_re, 4, P)
    d_im = uint256_mulmod(d_im, 4, P)
    c_re: uint256 = 0
    c_im: uint256 = 0
    c_re, c_im = self._square(b_re, b_im)
    a_re = uint256_mulmod(a_re, 3, P)
    a_im = uint256_mulmod(a_im, 3, P)
    x_re: uint256 = 0
    x_im: uint256 = 0
    x_re, x_im = self._square(a_re, a_im)
    x_re = uint256_addmod(x_re, P - uint256_addmod(d_re, d_re, P), P)
    x_im = uint256_addmod(x_im, P - uint256_addmod(d_im, d_im, P), P)
    y_re: uint256 = 0
    y_im: uint256 = 0
    y_re, y_im = self._mul(a_re, a_im, uint256_addmod(d_re, P - x_re, P), uint256_addmod(d_im, P - x_im, P))
    y_re = uint256_addmod(y_re, P - uint256_mulmod(c_re, 8, P), P)
    y_im = uint256_addmod(y_im, P - uint256_mulmod(c_im, 8, P), P)
    z_re: uint256 = 0
    z_im: uint256 = 0
    z_re, z_im = self._mul(p.y_re, p.y_im, p.z_re, p.z_im)
    return Jacobian(
        x_re=x_re,
        x_im=x_im,
        y_re=y_re,
        y_im=y_im,
        z_re=uint256_addmod(z_re, z_re, P),
        z_im=uint256_addmod(z_im, z_im, P),
    )


@internal
@pure
def add_key(p: Jacobian, key: uint256[4]) -> Jacobian:
    """
    @notice The sum of a Jacobian point and an affine key.
    @dev Mixed addition; the first point, a doubling and an inverse are handled. Infinity has z = 0.
    """
    if p.z_re == 0 and p.z_im == 0:
        return Jacobian(x_re=key[0], x_im=key[1], y_re=key[2], y_im=key[3], z_re=1, z_im=0)
    zz_re: uint256 = 0
    zz_im: uint256 = 0
    zz_re, zz_im = self._square(p.z_re, p.z_im)
    h_re: uint256 = 0
    h_im: uint256 = 0
    h_re, h_im = self._mul(key[0], key[1], zz_re, zz_im)
    h_re = uint256_addmod(h_re, unsafe_sub(P, p.x_re), P)
    h_im = uint256_addmod(h_im, unsafe_sub(P, p.x_im), P)
    r_re: uint256 = 0
    r_im: uint256 = 0
    r_re, r_im = self._mul(zz_re, zz_im, p.z_re, p.z_im)
    r_re, r_im = self._mul(key[2], key[3], r_re, r_im)
    r_re = uint256_addmod(r_re, unsafe_sub(P, p.y_re), P)
    r_im = uint256_addmod(r_im, unsafe_sub(P, p.y_im), P)
    if h_re == 0 and h_im == 0:
        if r_re == 0 and r_im == 0:
            return self._double(p)
        return empty(Jacobian)

    hh_re: uint256 = 0
    hh_im: uint256 = 0
    hh_re, hh_im = self._square(h_re, h_im)
    j_re: uint256 = 0
    j_im: uint256 = 0
    j_re, j_im = self._mul(h_re, h_im, hh_re, hh_im)
    v_re: uint256 = 0
    v_im: uint256 = 0
    v_re, v_im = self._mul(p.x_re, p.x_im, hh_re, hh_im)
    x_re: uint256 = 0
    x_im: uint256 = 0
    x_re, x_im = self._square(r_re, r_im)
    x_re = uint256_addmod(x_re, unsafe_sub(P, uint256_addmod(j_re, uint256_addmod(v_re, v_re, P), P)), P)
    x_im = uint256_addmod(x_im, unsafe_sub(P, uint256_addmod(j_im, uint256_addmod(v_im, v_im, P), P)), P)
    y_re: uint256 = 0
    y_im: uint256 = 0
    y_re, y_im = self._mul(
        r_re, r_im, uint256_addmod(v_re, unsafe_sub(P, x_re), P), uint256_addmod(v_im, unsafe_sub(P, x_im), P)
    )
    j_re, j_im = self._mul(p.y_re, p.y_im, j_re, j_im)
    z_re: uint256 = 0
    z_im: uint256 = 0
    z_re, z_im = self._mul(p.z_re, p.z_im, h_re, h_im)
    return Jacobian(
        x_re=x_re,
        x_im=x_im,
        y_re=uint256_addmod(y_re, unsafe_sub(P, j_re), P),
        y_im=uint256_addmod(y_im, unsafe_sub(P, j_im), P),
        z_re=z_re,
        z_im=z_im,
    )


@internal
@view
def to_key(p: Jacobian) -> uint256[4]:
    """
    @notice The affine form of a point that is not infinity: one inversion.
    """
    norm: uint256 = uint256_addmod(uint256_mulmod(p.z_re, p.z_re, P), uint256_mulmod(p.z_im, p.z_im, P), P)
    inverse: uint256 = self._power(norm, INVERSE)
    i_re: uint256 = uint256_mulmod(p.z_re, inverse, P)
    i_im: uint256 = uint256_mulmod(P - p.z_im, inverse, P)
    ii_re: uint256 = 0
    ii_im: uint256 = 0
    ii_re, ii_im = self._square(i_re, i_im)
    x_re: uint256 = 0
    x_im: uint256 = 0
    x_re, x_im = self._mul(p.x_re, p.x_im, ii_re, ii_im)
    ii_re, ii_im = self._mul(ii_re, ii_im, i_re, i_im)
    y_re: uint256 = 0
    y_im: uint256 = 0
    y_re, y_im = self._mul(p.y_re, p.y_im, ii_re, ii_im)
    return [x_re, x_im, y_re, y_im]
