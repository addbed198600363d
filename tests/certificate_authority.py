"""A certificate authority for tests, and servers that use TLS with its certificates."""

import ssl
import subprocess
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.servers import HOST, HttpServer

_PEM = serialization.Encoding.PEM


class CertificateAuthority:
    """An authority that programs trust only if configured, and a server certificate signed by it.

    Attributes
    ----------
    bundle
        File with the certificate of the authority.
    folder
        Folder of trusted certificates in the layout of OpenSSL, once `fill_folder` has created it.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.bundle, self.folder, self._server = folder / "authority.pem", folder / "trusted", folder / "server.pem"
        key, name = ec.generate_private_key(ec.SECP256R1()), _name("authority of the tests")
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        certificate = _builder(name, name, key).add_extension(constraints, critical=True).sign(key, hashes.SHA256())
        self.bundle.write_bytes(certificate.public_bytes(_PEM))
        server_key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address(HOST))])
        builder = _builder(_name("localhost"), name, server_key).add_extension(names, critical=False)
        private = server_key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        self._server.write_bytes(private + builder.sign(key, hashes.SHA256()).public_bytes(_PEM))

    def fill_folder(self) -> None:
        """Write the certificate into the folder, under the name that OpenSSL looks up."""
        self.folder.mkdir()
        command = ["openssl", "x509", "-hash", "-noout", "-in", str(self.bundle)]
        name = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        (self.folder / f"{name}.0").write_bytes(self.bundle.read_bytes())

    def certify(self, server: HttpServer) -> None:
        """Make a server that has not started use TLS."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._server)
        server._httpd.socket = context.wrap_socket(server._httpd.socket, server_side=True)


def https_url(server: HttpServer) -> str:
    """Return the URL of a server that uses TLS."""
    return server.url.replace("http://", "https://")


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
    return builder.not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(1))
