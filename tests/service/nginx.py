"""Run nginx with the configuration of docs/operating.md as a TLS proxy of a running service."""

import base64
import datetime
import hashlib
import ipaddress
import os
import re
import shutil
import socket
import ssl
import subprocess
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.service.service_process import TOP, ServiceProcess

NGINX_PROGRAM = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
MAIN_CONFIG = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/bodies;
    proxy_temp_path {folder}/proxied;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/brainio.conf;
}}
"""


def documented_code(language: str, heading: str = "Behind nginx") -> str:
    """Return the code block of a language in a section of docs/operating.md."""
    text = (TOP / "docs" / "operating.md").read_text(encoding="utf-8")
    section = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    (block,) = re.findall(rf"^```{language}\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    return str(block)


def config_below_path(port: int, *, strips_path: bool) -> tuple[str, str]:
    """Return the documented public URL with a path, at a port of this machine, and the configuration for it.

    Parameters
    ----------
    port
        Port on which nginx will listen.
    strips_path
        Whether nginx removes the path from the requests that it forwards.
    """
    section = "Below a path of a host"
    public_url = re.findall('"(.*)"', documented_code("toml", section))[0]
    server, locations = documented_code("nginx").partition("    location / {")[0], documented_code("nginx", section)
    if strips_path:
        locations = locations.replace("http://brainio;", "http://brainio/;")
    return public_url.replace("https://data.lab.example", f"https://127.0.0.1:{port}"), f"{server}{locations}}}\n"


def free_ports(count: int) -> list[int]:
    """Return different ports on which nothing listens."""
    listening = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [server.getsockname()[1] for server in listening]
    for server in listening:
        server.close()
    return ports


def write_certificate(folder: Path) -> str:
    """Write a self-signed certificate for 127.0.0.1 and its key; return the base64 hash of the public key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tests")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(1)).not_valid_after(now + datetime.timedelta(1))
    host = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signed = builder.add_extension(host, critical=False).sign(key, hashes.SHA256())
    (folder / "certificate.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    encoding = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "certificate.key").write_bytes(key.private_bytes(*encoding))
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(public).digest()).decode()


class Nginx:
    """Context manager that runs nginx as a proxy of a running service.

    Parameters
    ----------
    folder
        Folder for the files of nginx.
    service
        Service that receives the requests.
    port
        Port for TLS, by default a free one.
    config
        Configuration of the server, by default that of docs/operating.md.

    Attributes
    ----------
    url
        Address with TLS.
    client
        Client for that address, which trusts the certificate.
    http_port
        Port without TLS.
    key_hash
        Base64 hash of the public key of the certificate.
    """

    def __init__(
        self, folder: Path, service: ServiceProcess, port: int | None = None, config: str | None = None
    ) -> None:
        self.folder, self.service = folder, service
        self.http_port, free = free_ports(2)
        port = port or free
        self.url = f"https://127.0.0.1:{port}"
        self.key_hash = write_certificate(folder)
        text = documented_code("nginx") if config is None else config
        for documented, actual in {
            "server 127.0.0.1:8000 ": f"server {urlsplit(service.url).netloc} ",
            "listen 80;": f"listen 127.0.0.1:{self.http_port};",
            "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
            "/etc/ssl/data.lab.example.pem": f"{folder}/certificate.pem",
            "/etc/ssl/private/data.lab.example.key": f"{folder}/certificate.key",
        }.items():
            assert text.count(documented) == 1
            text = text.replace(documented, actual)
        (folder / "brainio.conf").write_text(text)
        (folder / "nginx.conf").write_text(MAIN_CONFIG.format(folder=folder))

    def __enter__(self) -> Self:
        assert NGINX_PROGRAM is not None
        command = [
            NGINX_PROGRAM,
            "-e",
            f"{self.folder}/nginx.log",
            "-p",
            str(self.folder),
            "-c",
            f"{self.folder}/nginx.conf",
        ]
        self.process = subprocess.Popen(command)
        self.client = self.client_from("127.0.0.1")
        self.service.wait_until(self._answers)
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.process.terminate()
        self.process.wait()

    def client_from(self, address: str) -> httpx.Client:
        """Return a client that connects from an address of this machine."""
        trusted = ssl.create_default_context(cafile=self.folder / "certificate.pem")
        transport = httpx.HTTPTransport(verify=trusted, local_address=address)
        return httpx.Client(base_url=self.url, transport=transport, timeout=20, trust_env=False)

    def _answers(self) -> bool:
        assert self.process.poll() is None, (self.folder / "nginx.log").read_text()
        try:
            return self.client.get("/healthz").status_code < 500
        except httpx.TransportError:
            return False
