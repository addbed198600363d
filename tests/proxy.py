"""HTTP and HTTPS proxy: ``python -m tests.proxy`` prints its port, then each request."""

import socket
import socketserver
import sys
import threading
from urllib.parse import urlsplit


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        line = self.rfile.readline()
        method, target, version = line.decode().split()
        head = b"".join(iter(self.rfile.readline, b"\r\n"))
        print(method, target, flush=True)
        if method == "CONNECT":
            host, _, port = target.rpartition(":")
            with socket.create_connection((host, int(port))) as server:
                self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                self._relay(server)
            return
        parts = urlsplit(target)
        with socket.create_connection((parts.hostname or "", parts.port or 80)) as server:
            path = f"{parts.path}?{parts.query}" if parts.query else parts.path
            server.sendall(f"{method} {path} {version}\r\n".encode() + head + b"\r\n")
            self._relay(server)

    def _relay(self, server: socket.socket) -> None:
        """Forward bytes in both directions until one side closes."""
        back = threading.Thread(target=_copy, args=(server, self.connection), daemon=True)
        back.start()
        _copy(self.connection, server)
        back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


if __name__ == "__main__":
    with _Server(("127.0.0.1", 0), _Handler) as proxy:
        print(proxy.server_address[1], flush=True)
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        sys.stdin.read()  # until the parent process ends
