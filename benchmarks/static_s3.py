"""Static S3 server that answers GET requests from a folder: `python -m benchmarks.static_s3 FOLDER`.

Prints its port and serves `FOLDER/BUCKET/KEY` until it is killed. It uses sendfile and runs in its own process, so that
it limits no measurement.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else a small body waits 40 ms for the acknowledgement of its head
    folder = Path()

    def do_GET(self) -> None:
        path = self.folder / unquote(urlsplit(self.path).path).lstrip("/")
        if not path.is_file():
            self.send_error(404)
            return
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            requested = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
            first = int(requested[1]) if requested else 0
            last = min(int(requested[2] or size), size - 1) if requested else size - 1
            self.send_response(206 if requested else 200)
            if requested:
                self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
            self.send_header("Content-Length", str(last - first + 1))
            self.send_header("ETag", f'"{path.stat().st_mtime_ns:x}"')
            self.end_headers()
            if self.command == "GET":
                self.wfile.flush()
                self._send(file.fileno(), first, last - first + 1)

    def do_HEAD(self) -> None:
        self.do_GET()

    def _send(self, file: int, offset: int, count: int) -> None:
        try:
            while count:
                sent = os.sendfile(self.connection.fileno(), file, offset, count)
                offset, count = offset + sent, count - sent
        except ConnectionError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
        """Log nothing."""


@contextmanager
def static_s3(folder: Path) -> Iterator[str]:
    """Run the server in a separate process, and yield its URL."""
    command = [sys.executable, "-m", "benchmarks.static_s3", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


if __name__ == "__main__":
    _Handler.folder = Path(sys.argv[1])
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()
