#pragma version 0.4.3
#pragma evm-version cancun
"""
@title One owner, who can hand over to another
"""

event OwnershipTransferred:
    previousOwner: indexed(address)
    newOwner: indexed(address)


owner: public(address)


@deploy
def __init__(initial: address):
    if initial == empty(address):
        raw_revert(method_id("ZeroAddress()"))
    self.owner = initial
    log OwnershipTransferred(previousOwner=empty(address), newOwner=initial)


@internal
@view
def only_owner():
    if msg.sender != self.owner:
        raw_revert(method_id("NotOwner()"))


@external
def transferOwnership(newOwner: address):
    """
    @notice Hands the contract over, by its owner.
    """
    self.only_owner()
    if newOwner == empty(address):
        raw_revert(method_id("ZeroAddress()"))
    log OwnershipTransferred(previousOwner=self.owner, newOwner=newOwner)
    self.owner = newOwner
