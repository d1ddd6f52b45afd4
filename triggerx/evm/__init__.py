"""What the Ethereum virtual machine and its contracts fix, as pure functions over bytes and exact integers.

Nothing here waits, reads a clock, draws a number or touches the outside; the same arguments give the same bytes.
"""
