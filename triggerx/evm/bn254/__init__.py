"""BLS signatures over BN254 as the Attestation Center's OBLS contract verifies them: signatures in G1, keys in G2.

None of it runs in constant time: a machine that signs is to be kept to itself.
"""
