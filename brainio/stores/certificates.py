"""Which certificate authorities https trusts: those that the environment names, else those of certifi."""

import os
from pathlib import Path

# In the order of precedence. The first two are those of requests and curl, the others those of OpenSSL.
_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


def ca_bundle() -> str | None:
    """Return the file or folder of the trusted certificates; None where the environment names none.

    S3 asks for ``AWS_CA_BUNDLE``, or ``ca_bundle`` in the files of the AWS tools, before these.
    """
    return next((path for name in _VARIABLES if (path := os.environ.get(name))), None)


class TrustsFolders:
    """Makes a connection of urllib3, its other parent, one whose file of certificates may be a folder of them."""

    def connect(self) -> None:
        """Connect; botocore hands on a folder as if it were a file."""
        path = getattr(self, "ca_certs", None)
        if path and Path(path).is_dir():
            self.ca_certs, self.ca_cert_dir = None, path
        super().connect()  # type: ignore[misc]  # that of the other parent
