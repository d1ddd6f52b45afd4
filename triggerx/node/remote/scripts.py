"""What `triggerx script publish` does: it asks the API to keep a script."""

from pathlib import Path
from typing import Final

from triggerx.core.errors import UnrecoverableError
from triggerx.node.remote.jobs import asked
from triggerx.node.remote.output import print_line, print_raw, say
from triggerx.node.remote.place import Place

FILE_BYTES_MAX: Final = 1024 * 1024  # what the API takes in one request


class BadScriptFile(UnrecoverableError):
    """The file is no script that could be sent; the message names it."""

    exit_status = 2


def publish_script(place: Place, file: Path, *, is_json: bool) -> None:
    """Hand a script in, and print the URL that a job names it by."""
    source = _text(file)
    answer = asked(place, lambda api: api.publish_script(source))
    if is_json:
        print_raw(answer.raw)
    else:
        say("Published. A job's file names it by this line:")
        print_line(f'dynamic_arguments_script_url = "{answer.value.url}"')


def _text(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            content = opened.read(FILE_BYTES_MAX + 1)
        if len(content) > FILE_BYTES_MAX:
            raise BadScriptFile(f"{file} has more than {FILE_BYTES_MAX} bytes: a script is a text of some kilobytes")
        return content.decode()
    except OSError as error:
        raise BadScriptFile(f"{file} cannot be read: {error.strerror}; name the script's file") from error
    except UnicodeDecodeError as error:
        raise BadScriptFile(f"{file} is no UTF-8 at byte {error.start}: scripts are text") from error
