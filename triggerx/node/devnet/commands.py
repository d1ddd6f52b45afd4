"""`triggerx run --all` and `triggerx demo`: start the network, tell the person about it, and keep or try it."""

import asyncio
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from triggerx.core.errors import ConfigurationError, TriggerxError, UnrecoverableError
from triggerx.node.clock import SystemClock
from triggerx.node.config import Config
from triggerx.node.devnet.customer import Customer
from triggerx.node.devnet.demo import run_demo
from triggerx.node.devnet.network import running_devnet, set_aside
from triggerx.node.devnet.profile import write_profile
from triggerx.node.devnet.report import banner, devnet_document, result_document, result_table, write_document
from triggerx.node.log import NodeLog, route_libraries
from triggerx.node.options import DevnetOptions
from triggerx.storage.lock import locked

DOCUMENT_NAME: Final = "devnet.json"
LOG_NAME: Final = "triggerx.log"


class DemoFailed(UnrecoverableError):
    """The demonstration ran, and what the API shows is not what the chain says."""

    exit_status = 1


async def run_all(options: DevnetOptions) -> None:
    """Run a development network until cancelled; `devnet.json` in the data directory says when all is ready."""
    config = _config(options)
    clock = SystemClock()
    log = NodeLog(clock, level=config.log.level, lines=config.log.format)
    config.data_dir.mkdir(parents=True, exist_ok=True)
    with locked(config.data_dir):
        before = set_aside(config.data_dir, clock.now())
        if before is not None:
            log.info("an earlier network was set aside, since its chain is gone", folder=str(before))
        async with running_devnet(options, config.data_dir, log) as devnet:
            document = config.data_dir / DOCUMENT_NAME
            write_profile(config.data_dir, devnet.ground.network)
            write_document(document, devnet_document(devnet))
            with suppress(BrokenPipeError):  # whoever reads only its head still has devnet.json
                sys.stdout.write(banner(devnet, document))
                sys.stdout.flush()
            await asyncio.gather(devnet.core.wait(), *(keeper.wait() for keeper in devnet.keepers))


async def demo(options: DevnetOptions) -> None:
    """Run a network, use it as a user would, and report; raises `DemoFailed` when the chain says otherwise.

    With `is_json`, standard output gets exactly one document whatever happens; progress goes to standard error.
    """
    clock = SystemClock()
    started_ms = clock.now_ms()

    def say(step: str) -> None:
        sys.stderr.write(f"[{(clock.now_ms() - started_ms) / 1000:6.2f} s] {step}\n")
        sys.stderr.flush()

    with _folder(options) as folder:
        log_file = folder / LOG_NAME
        with log_file.open("a", encoding="utf-8") as stream:
            log = NodeLog(clock, level=_config(options).log.level, stream=stream)
            route_libraries(log)
            say("starting a development network")
            try:
                async with running_devnet(options, folder, log) as devnet:
                    say(
                        f"{len(devnet.keepers)} keepers are online on {devnet.ground.kind}; the API is {devnet.api_url}"
                    )
                    async with Customer.open(devnet.ground, devnet.api_url, devnet.api_key) as customer:
                        result = await run_demo(customer, say)
                    kind = devnet.ground.kind
            except TriggerxError as error:
                if options.is_json:
                    sys.stdout.write(json.dumps({"ok": False, "error": str(error), "tasks": []}) + "\n")
                raise
    document = result_document(kind, result)
    if options.is_json:
        sys.stdout.write(json.dumps(document) + "\n")
    else:
        result_table(result)
    if result.faults:
        raise DemoFailed("the API and the chain do not agree: " + "; ".join(result.faults))


def _config(options: DevnetOptions) -> Config:
    if options.config is None:
        raise ConfigurationError("a development network needs a configuration, at least the default one")
    return options.config


@contextmanager
def _folder(options: DevnetOptions) -> Iterator[Path]:
    """Use the given folder, or a temporary one that is kept, and named, when the demonstration fails."""
    with ExitStack() as stack:
        if options.data_dir is not None:
            options.data_dir.mkdir(parents=True, exist_ok=True)
            stack.enter_context(locked(options.data_dir))
            set_aside(options.data_dir, SystemClock().now())
            yield options.data_dir
            return
        folder = Path(tempfile.mkdtemp(prefix="triggerx-demo-"))
        try:
            yield folder
        except Exception:
            sys.stderr.write(f"the log is in {folder / LOG_NAME}\n")
            raise
        shutil.rmtree(folder)
