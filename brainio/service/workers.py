"""Several processes that answer: uvicorn's, with more time for a reload."""

from uvicorn.supervisors import Multiprocess

_READY_SECONDS = 120  # for large catalogs to be read


class Workers(Multiprocess):
    """Starts processes, replaces those that die, and all of them at the signal HUP."""

    def restart_all(self) -> None:
        """Replace one process after the other, each when the new one is ready.

        The time that a process may give no sign of life is shorter: in it, one that dies is not noticed.
        """
        hung_seconds = self.config.timeout_worker_healthcheck
        self.config.timeout_worker_healthcheck = _READY_SECONDS
        try:
            super().restart_all()
        finally:
            self.config.timeout_worker_healthcheck = hung_seconds
