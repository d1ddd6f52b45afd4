"""Computes the argument of `increment(uint256)`: the minute of the hour, and nothing at all in the first one.

`now` is the moment of the firing in unix seconds, the same for every keeper. A function with a parameter `trigger` gets
what the trigger was seen to be, too; `fetch(url)` gives the text of a page. None declines: then nothing is called.
"""


def main(now: int) -> "list[int] | None":
    """Return the function's arguments as a list."""
    minute = now // 60 % 60
    return [minute] if minute else None
