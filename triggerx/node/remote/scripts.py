"""What `triggerx script publish` does: it asks the API to keep a script."""

from pathlib import Path

from triggerx.core.document import DOCUMENT_BYTES_MAX
from triggerx.core.errors import UnrecoverableError
from triggerx.node.remote.jobs import asked
from triggerx.node.remote.output import print_line, print_raw, say
from triggerx.node.remote.place import Place


class BadScriptFile(UnrecoverableError):
    """The file is no script that could be sent; the message names it."""

    exit_status = 2


def publish_script(place: Place, file: Path, *, is_json: bool) -> None:
    """Hand a script in, and print the URL that a job names it by."""
    source = _content(file)
    answer = asked(place, lambda api: api.publish_script(source))
    if is_json:
        print_raw(answer.raw)
    else:
        say("Published. A job's file names it by this line:")
        print_line(f'dynamic_arguments_script_url = "{answer.value.url}"')


def _content(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            content = opened.read(DOCUMENT_BYTES_MAX + 1)
    except OSError as error:
        raise BadScriptFile(f"{file} cannot be read: {error.strerror}; name the script's file") from error
    if len(content) > DOCUMENT_BYTES_MAX:
        raise BadScriptFile(
            f"{file} has more than {DOCUMENT_BYTES_MAX} bytes, which is what keepers hand on: publish it on IPFS"
        )
    return content
