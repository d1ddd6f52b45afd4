#pragma version 0.4.3
#pragma evm-version cancun
"""
@title Example target: a counter that remembers who raised it, with what
@notice Anybody may call it and anybody may make it fail: it is there to be automated in trials.
"""

TEXT_MAX: constant(uint256) = 256
# A bound that no block has the gas to reach.
BURN_STEPS_MAX: constant(uint256) = 2**32


event Incremented:
    caller: indexed(address)
    amount: uint256
    total: uint256
    value: uint256


event Recorded:
    caller: indexed(address)
    amount: uint256
    text: String[TEXT_MAX]


event FailingSet:
    isFailing: bool


total: public(uint256)
calls: public(uint256)
lastCaller: public(address)
lastValue: public(uint256)
lastAmount: public(uint256)
lastText: public(String[TEXT_MAX])
isFailing: public(bool)


@external
@payable
def increment(amount: uint256):
    """
    @notice Raises the total by an amount.
    """
    self._count(amount)
    log Incremented(caller=msg.sender, amount=amount, total=self.total, value=msg.value)


@external
def record(amount: uint256, text: String[TEXT_MAX]):
    """
    @notice Raises the total by an amount and keeps a text.
    """
    self._count(amount)
    self.lastText = text
    log Recorded(caller=msg.sender, amount=amount, text=text)


@external
def setFailing(isFailing: bool):
    """
    @notice Makes increment and record fail from now on, or work again.
    """
    self.isFailing = isFailing
    log FailingSet(isFailing=isFailing)


@external
def burnGas(units: uint256):
    """
    @notice Uses about this much gas, to try what happens when it runs out.
    """
    left: uint256 = 0
    if msg.gas > units:
        left = msg.gas - units
    for _: uint256 in range(BURN_STEPS_MAX):
        if msg.gas <= left:
            break
    self.calls += 1


@external
@payable
def __default__():
    pass


@internal
@payable
def _count(amount: uint256):
    if self.isFailing:
        raw_revert(method_id("FailingOnPurpose()"))
    self.total += amount
    self.calls += 1
    self.lastCaller = msg.sender
    self.lastValue = msg.value
    self.lastAmount = amount
