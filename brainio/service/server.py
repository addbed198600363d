"""The server: worker processes that listen on one socket, and protection of connections without a complete request."""

import asyncio
import multiprocessing
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.supervisors import Multiprocess

from brainio.errors import DatabaseAwayError, ServiceError
from brainio.processes import block_interrupts, remove_leftovers, this_process
from brainio.service.app import create_app
from brainio.service.database import Database
from brainio.service.errors import error_body
from brainio.service.settings import PREFIX, Settings, read_settings
from brainio.service.telemetry import LOG_CONFIG, METRICS_FOLDER_VARIABLE, set_up_logging

CONFIG_VARIABLE = "BRAINIO_SERVE_CONFIG"
_METRICS_PREFIX = "brainio-metrics."  # of the folder in which worker processes share their metrics
_HUNG_SECONDS = 15  # without a sign of life; on busy machines a process may take more than uvicorn's 5 to start
_STOP_SECONDS = 10.0  # for running requests after the parent process has died
_READY_SECONDS = 120  # for reading large catalogs
_MAX_HEADERS = 65_536  # bytes; the middleware rejects smaller headers with a better message
_HEADER_SECONDS = 20.0  # for all headers of a request


def run(settings: Settings, config: Path | None, options: dict[str, object], announce: Callable[[str], object]) -> None:
    """Serve until a signal stops the process, then let running requests finish.

    Parameters
    ----------
    settings : Settings
        Settings of the service.
    config : Path or None
        The settings file; every worker process reads it.
    options : dict
        Settings given as options, which take precedence.
    announce : callable
        Called with the URL as soon as the service accepts connections.

    Raises
    ------
    ServiceError
        The service cannot listen on the address, or the tables of the database belong to another release.
    """
    if config is not None:
        os.environ[CONFIG_VARIABLE] = str(config.absolute())
    os.environ |= {f"{PREFIX}{name.upper()}": str(value) for name, value in options.items() if value is not None}
    with suppress(DatabaseAwayError):  # public catalogs need no database, and every worker process logs its absence
        Database(settings.database).prepare()
    folder = _create_metrics_folder() if settings.workers > 1 else None
    try:
        _serve(settings, announce)
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def create_app_from_environment() -> ASGIApp:
    """Return the application that the environment configures; uvicorn calls this in every worker process."""
    _stop_with_parent()
    set_up_logging()
    config = os.environ.get(CONFIG_VARIABLE)
    return create_app(read_settings(Path(config) if config else None))


def _create_metrics_folder() -> str:
    """Create the folder in which worker processes share metrics; it must exist before the first metric."""
    remove_leftovers(Path(tempfile.gettempdir()), f"{_METRICS_PREFIX}*")  # of services that were killed
    folder = tempfile.mkdtemp(prefix=f"{_METRICS_PREFIX}{this_process().tag}-")
    os.environ[METRICS_FOLDER_VARIABLE] = folder
    return folder


def _serve(settings: Settings, announce: Callable[[str], object]) -> None:
    config = uvicorn.Config(
        "brainio.service.server:create_app_from_environment",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        log_config=LOG_CONFIG,
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
    listening = _listen(settings)
    host, port = listening.getsockname()[:2]
    announce(f"http://{f'[{host}]' if ':' in host else host}:{port}")
    for number in (signal.SIGINT, signal.SIGTERM):  # which uvicorn raises again after it has stopped
        signal.signal(number, _exit)
    if settings.workers > 1:
        WorkerSupervisor(config, sockets=[listening]).run()
    else:
        uvicorn.Server(config).run(sockets=[listening])


def _exit(_number: int, _frame: object) -> None:
    sys.exit(0)


def _listen(settings: Settings) -> socket.socket:
    try:
        family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error  # strerror names no host
        raise ServiceError(
            f"cannot listen on {settings.host}, port {settings.port}: {reason}; "
            f"choose another address with --host and --port (port 0 chooses a free port)"
        ) from None
    listening.set_inheritable(True)
    return listening


class WorkerSupervisor(Multiprocess):
    """Start worker processes, replace those that die, and replace all of them on the signal HUP.

    Ctrl-C reaches all processes of a terminal. The worker processes ignore it: this process stops them.
    """

    def init_processes(self) -> None:
        """Start all worker processes."""
        resource_tracker.ensure_running()  # it unblocks SIGINT when it starts
        with block_interrupts():
            super().init_processes()

    def keep_subprocess_alive(self) -> None:
        """Replace worker processes that died."""
        with block_interrupts():
            super().keep_subprocess_alive()

    def restart_all(self) -> None:
        """Replace one worker process after the other, each when its successor is ready.

        The usual health check is shorter than the start of a process with large catalogs, so that the limit is raised
        meanwhile.
        """
        hung_seconds = self.config.timeout_worker_healthcheck
        self.config.timeout_worker_healthcheck = _READY_SECONDS
        try:
            with block_interrupts():
                super().restart_all()
        finally:
            self.config.timeout_worker_healthcheck = hung_seconds


def _stop_with_parent() -> None:
    """Stop this worker process when its parent dies, so that an orphan does not keep the port."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_stop_after, args=(parent.sentinel,), name="brainio-parent", daemon=True).start()


def _stop_after(sentinel: int) -> None:
    wait([sentinel])  # a pipe that the system closes with the parent, also after SIGKILL
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(_STOP_SECONDS)
    os._exit(1)


class LimitedHttpProtocol(HttpToolsProtocol):
    """A connection that is closed if a request's headers are too large, too slow or malformed.

    Uvicorn has no such limits: without a proxy in front, a client could keep a connection open for ever with half a
    header.
    """

    _timer: asyncio.TimerHandle | None = None
    _received = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as its parent has it
        """Start the timer of the first request."""
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer."""
        self._stop_timer()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Start the timer of the next request."""
        super().on_message_begin()
        self._start_timer()

    def on_headers_complete(self) -> None:
        """Stop the timer."""
        self._stop_timer()
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Parse data, and count the bytes of headers."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self._timer is not None:
            self._received += len(data)
            if self._received > _MAX_HEADERS:
                self._close(431, f"the headers have more than {_MAX_HEADERS:,} bytes")

    def send_400_response(self, msg: str) -> None:
        """Reject data that are not HTTP."""
        self._close(400, f"this is not an HTTP request: {msg}")

    def _start_timer(self) -> None:
        self._stop_timer()
        self._received = 0
        message = f"the headers did not arrive within {_HEADER_SECONDS:g} seconds"
        self._timer = self.loop.call_later(_HEADER_SECONDS, self._close, 408, message)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close(self, status: int, message: str) -> None:
        self._stop_timer()
        phrase = HTTPStatus(status).phrase
        body = error_body(phrase.lower().replace(" ", "_"), message, "See RFC 9112.", secrets.token_hex(8))
        head = (
            f"HTTP/1.1 {status} {phrase}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
            f"cache-control: no-store\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
