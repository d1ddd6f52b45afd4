#pragma version 0.4.3
#pragma evm-version cancun
"""
@title Gas Registry: what owners deposited for the runs of their jobs
@notice Every wei here belongs to a depositor; only the execution hub deducts, and it is paid what it deducts.
@dev The interface of the deployed Gas Registry, with creditETH added for what an inner call gave back.
"""

from modules import ownership

initializes: ownership
exports: (ownership.owner, ownership.transferOwnership)


event ETHDeposited:
    user: indexed(address)
    ethAmount: uint256


event ETHBalanceDeducted:
    user: indexed(address)
    amount: uint256


event ETHBalanceCredited:
    user: indexed(address)
    amount: uint256


event ETHBalanceWithdrawn:
    user: indexed(address)
    amount: uint256


event HubSet:
    hub: indexed(address)


getBalance: public(HashMap[address, uint256])
hub: public(address)


@deploy
def __init__(owner_: address):
    ownership.__init__(owner_)


@external
def setHub(hub_: address):
    """
    @notice Names the hub, once and for good, so that nobody can later name one that takes the deposits.
    """
    ownership.only_owner()
    if self.hub != empty(address):
        raw_revert(method_id("AlreadySet()"))
    if hub_ == empty(address):
        raw_revert(method_id("ZeroAddress()"))
    self.hub = hub_
    log HubSet(hub=hub_)


@external
@payable
def depositETH(ethAmount: uint256):
    """
    @notice Deposits for the caller; the amount must be what is sent.
    """
    if ethAmount == 0 or msg.value != ethAmount:
        raw_revert(method_id("InvalidAmount()"))
    self.getBalance[msg.sender] += ethAmount
    log ETHDeposited(user=msg.sender, ethAmount=ethAmount)


@external
@nonreentrant
def withdrawETHBalance(ethAmount: uint256):
    """
    @notice Pays the caller back.
    """
    if ethAmount == 0:
        raw_revert(method_id("InvalidAmount()"))
    self._take(msg.sender, ethAmount)
    log ETHBalanceWithdrawn(user=msg.sender, amount=ethAmount)
    self._pay(msg.sender, ethAmount)


@external
@nonreentrant
def deductETHBalance(user: address, ethAmount: uint256):
    """
    @notice Takes from an owner's deposit and pays it to the hub, by the hub.
    """
    self._only_hub()
    if ethAmount == 0:
        return
    self._take(user, ethAmount)
    log ETHBalanceDeducted(user=user, amount=ethAmount)
    self._pay(msg.sender, ethAmount)


@external
@payable
def creditETH(user: address):
    """
    @notice Gives an owner back what a run did not use, by the hub.
    """
    self._only_hub()
    self.getBalance[user] += msg.value
    log ETHBalanceCredited(user=user, amount=msg.value)


@internal
@view
def _only_hub():
    if msg.sender != self.hub:
        raw_revert(method_id("NotHub()"))


@internal
def _take(user: address, amount: uint256):
    if self.getBalance[user] < amount:
        raw_revert(method_id("InsufficientBalance()"))
    self.getBalance[user] -= amount


@internal
def _pay(to: address, amount: uint256):
    if not raw_call(to, b"", value=amount, revert_on_failure=False):
        raw_revert(method_id("TransferFailed()"))
