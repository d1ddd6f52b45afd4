"""What a failure asks for, also when task groups wrapped it: `leaves`, `is_recoverable`, `most_serious`."""

from collections.abc import Iterator

from triggerx.core.errors import RecoverableError, TriggerxError, UnrecoverableError


def leaves(error: BaseException) -> Iterator[BaseException]:
    """Yield the errors inside groups inside groups, or the error itself."""
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from leaves(each)
    else:
        yield error


def is_recoverable(error: BaseException) -> bool:
    """Whether nothing but the outside failed, so that starting again may help."""
    return all(isinstance(each, RecoverableError) for each in leaves(error))


def most_serious(error: BaseException) -> BaseException:
    """Return the one error to report for a group: a refusal to go on, else a programming error, else the first."""
    found = tuple(leaves(error))
    for each in found:
        if isinstance(each, UnrecoverableError):
            return each
    return next((each for each in found if not isinstance(each, TriggerxError)), found[0])


def described(error: BaseException) -> str:
    """One line for the log: the type and what it says, of every leaf."""
    return "; ".join(f"{type(each).__name__}: {each}" for each in leaves(error))
