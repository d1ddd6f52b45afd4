"""What the commands do: read the configuration, run the node or the development network, and report the exit status."""

from collections.abc import Iterator
from dataclasses import replace

from triggerx.core.errors import ConfigurationError
from triggerx.evm.types import checksum
from triggerx.node.clock import SystemClock
from triggerx.node.config import Config, ConfigSource, load_config
from triggerx.node.config.reading import read_table, suggestion
from triggerx.node.crash import crash_report
from triggerx.node.discovery import ORDER, load_roles, role_names
from triggerx.node.log import NodeLog, route_libraries
from triggerx.node.options import DevnetOptions, RunOptions, UsageError
from triggerx.node.process import run_process
from triggerx.node.serve import serve
from triggerx.node.settings import NodeSettings


def run_roles(options: RunOptions) -> int:
    """Run until a signal; returns the exit status, raises `UnrecoverableError` with one to exit with."""
    installed = role_names()
    for name in options.roles or ():
        if name not in installed:
            raise UsageError(f'--roles: unknown role "{name}"{suggestion(name, installed)}')
    config = load_config(options.source, installed)
    log = process_log(config)
    with crash_report(config.data_dir):
        if config.network is None:
            if options.roles is not None:
                raise ConfigurationError(
                    "no network is configured: set network in triggerx.toml to a profile's name, or give "
                    "--network NAME; a development network runs with --all"
                )
            from triggerx.node import devnet  # noqa: PLC0415 - it brings contracts and chains with it

            further = tuple(name for name in installed if name not in ORDER)
            options_here = replace(options.devnet, config=config, log=log, further_roles=further)
            return run_process(lambda: devnet.run_all(options_here))
        if options.devnet != replace(DevnetOptions(), data_dir=options.devnet.data_dir):
            raise UsageError(
                "--chain, --block-time, --keepers and --api-port shape a development network, but the network "
                f'"{config.network.name}" is configured: leave them out'
            )
        roles = options.roles or installed
        settings = NodeSettings(config=config, roles=roles, log=log, has_moved=options.has_moved)
        return run_process(lambda: serve(settings))


def run_demo(options: DevnetOptions) -> int:
    """Run the demonstration; returns the exit status."""
    source = ConfigSource(data_dir=options.data_dir)
    config = load_config(source, role_names())
    log = process_log(config)
    with crash_report(config.data_dir):
        from triggerx.node import devnet  # noqa: PLC0415 - as above

        return run_process(lambda: devnet.demo(replace(options, config=config, log=log)))


def process_log(config: Config) -> NodeLog:
    """The process's log as configured; what libraries log goes there too."""
    log = NodeLog(SystemClock(), level=config.log.level, lines=config.log.format)
    route_libraries(log)
    return log


def check_config(source: ConfigSource) -> Iterator[str]:
    """Read everything, roles' tables and profile too, and say in a few lines what is in force."""
    config = load_config(source, role_names())
    for role in load_roles(role_names()):
        if role.name in config.roles:
            read_table(config.roles[role.name], role.config_type)
    yield f"configuration: {config.source}"
    yield f"data directory: {config.data_dir}"
    yield f"store: {_store_line(config)}"
    yield from _network_lines(config)


def _store_line(config: Config) -> str:
    if not config.store.url:
        return "SQLite in the data directory"
    from triggerx.storage.postgres_server import shown  # noqa: PLC0415 - only who uses it loads asyncpg

    return shown(config.store.url)


def _network_lines(config: Config) -> Iterator[str]:
    network = config.network
    if network is None:
        yield "network: none, so --all runs a development network"
        return
    yield f"network: {network.name}, registration on {network.l1_chain_id}, attestation on {network.l2_chain_id}"
    yield f"attestation center: {checksum(network.attestation_center)}"
    for chain_id in sorted(network.chain_ids()):
        state = "reachable by configuration" if chain_id in config.chains else f"no rpc_urls: set [chains.{chain_id}]"
        yield f"chain {chain_id}: {state}"
