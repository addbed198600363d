"""Starting and stopping the service: one process, or several that are replaced when they die."""

import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from brainio.errors import DatabaseAwayError
from brainio.processes import remove_leftovers, this_process
from brainio.service.app import CONFIG_VARIABLE
from brainio.service.database import Database
from brainio.service.settings import PREFIX, Settings

_METRICS = "brainio-metrics."  # begins the name of the folder in which processes count
_HUNG_SECONDS = 15  # without a sign of life: busy machines take more than uvicorn's five to start a process


def run(settings: Settings, config: Path | None, said: dict[str, object], tell: Callable[[str], object]) -> None:
    """Serve until the process is told to stop, and let requests end then.

    Parameters
    ----------
    settings : Settings
        Of the service.
    config : Path or None
        The file that they came from; every process reads it.
    said : dict
        Settings that were given by call, which count more.
    tell : callable
        Is given the URL once connections are taken.

    Raises
    ------
    ServiceError
        The address cannot be listened at, or the tables of the database are those of another release.
    """
    if config is not None:
        os.environ[CONFIG_VARIABLE] = str(config.absolute())
    os.environ |= {f"{PREFIX}{name.upper()}": str(value) for name, value in said.items() if value is not None}
    with suppress(DatabaseAwayError):  # what is public is served all the same, and every process tells it
        Database(settings.database).prepare()
    folder = _counting_together() if settings.workers > 1 else None
    try:
        _serve(settings, tell)
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _counting_together() -> str:
    """Make the folder in which processes count; it has to be named before anything counts."""
    remove_leftovers(Path(tempfile.gettempdir()), f"{_METRICS}*")  # of services that were killed
    folder = tempfile.mkdtemp(prefix=f"{_METRICS}{this_process().tag}-")
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
    return folder


def _serve(settings: Settings, tell: Callable[[str], object]) -> None:
    import uvicorn

    from brainio.service.connections import LimitedHttpProtocol
    from brainio.service.telemetry import CONFIG
    from brainio.service.workers import WorkerSupervisor

    config = uvicorn.Config(
        "brainio.service.app:from_environment",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        log_config=CONFIG,
        access_log=False,
        proxy_headers=True,
        forwarded_allow_ips=settings.trusted_proxies,
        server_header=False,
        timeout_graceful_shutdown=settings.stop_seconds,
        timeout_worker_healthcheck=_HUNG_SECONDS,
        lifespan="on",
        http=LimitedHttpProtocol,
        ws="none",
    )
    bound = _listen(settings)
    host, port = bound.getsockname()[:2]
    tell(f"http://{f'[{host}]' if ':' in host else host}:{port}")
    for one in (signal.SIGINT, signal.SIGTERM):  # which uvicorn raises again when it has stopped
        signal.signal(one, _end)
    if settings.workers > 1:
        WorkerSupervisor(config, sockets=[bound]).run()
    else:
        uvicorn.Server(config).run(sockets=[bound])


def _end(_number: int, _frame: object) -> None:
    sys.exit(0)


def _listen(settings: Settings) -> socket.socket:
    from brainio.errors import ServiceError

    try:
        family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error  # else it names no host
        raise ServiceError(
            f"nothing can listen at {settings.host}, port {settings.port}: {reason}; "
            f"name others with --host and --port (port 0 is any that is free)"
        ) from None
    listening.set_inheritable(True)
    return listening
