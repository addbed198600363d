"""Several processes that answer: uvicorn's, with more time for a reload."""

import multiprocessing
import os
import signal
import threading
from multiprocessing import resource_tracker
from multiprocessing.connection import wait

from uvicorn.supervisors import Multiprocess

from brainio.processes import block_interrupts

_STOP_SECONDS = 10.0  # for requests to be answered when the master is gone
_READY_SECONDS = 120  # for large catalogs to be read


class WorkerSupervisor(Multiprocess):
    """Starts processes, replaces those that die, and all of them at the signal HUP.

    Ctrl-C reaches all processes of a terminal. Those started here ignore it: this one ends them.
    """

    def init_processes(self) -> None:
        """Start all processes."""
        resource_tracker.ensure_running()  # unblocks SIGINT when it starts
        with block_interrupts():
            super().init_processes()

    def keep_subprocess_alive(self) -> None:
        """Replace processes that died."""
        with block_interrupts():
            super().keep_subprocess_alive()

    def restart_all(self) -> None:
        """Replace one process after the other, each when the new one is ready.

        The time that a process may give no sign of life is shorter: in it, one that dies is not noticed.
        """
        hung_seconds = self.config.timeout_worker_healthcheck
        self.config.timeout_worker_healthcheck = _READY_SECONDS
        try:
            with block_interrupts():
                super().restart_all()
        finally:
            self.config.timeout_worker_healthcheck = hung_seconds


def end_with_master() -> None:
    """Let this process end when the one that started it is gone, so that no worker holds the port on its own."""
    master = multiprocessing.parent_process()
    if master is not None:
        threading.Thread(target=_end_after, args=(master.sentinel,), name="brainio-master", daemon=True).start()


def _end_after(sentinel: int) -> None:
    wait([sentinel])  # a pipe that the system closes with the master, also after SIGKILL
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(_STOP_SECONDS)
    os._exit(1)
