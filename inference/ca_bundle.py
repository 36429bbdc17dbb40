"""Trusts the CAs of CA_BUNDLE beside the machine's, in all that this process and its children call.

Each library has a variable of its own for a file of CAs, and takes that file *instead* of the
machine's. So one file is made of both, and every variable names it:

- `SSL_CERT_FILE`: OpenSSL's own, so redis-py, py-amqp, aio-pika, aiohttp, httpcore2, urllib;
- `REQUESTS_CA_BUNDLE`, `CURL_CA_BUNDLE`: requests, so MLflow, its artifacts and Google's clients;
- `AWS_CA_BUNDLE`: boto3 and s3fs, and Arrow's S3 by `inference.blobs.url_files`;
- `GRPC_DEFAULT_SSL_ROOTS_FILE_PATH`: clients by gRPC;
- `OTEL_EXPORTER_OTLP_CERTIFICATE`: the exporter of traces.

A store's or broker's URL that names a CA (`ssl_ca_certs`) still trusts that one alone.
"""

import hashlib
import os
import ssl
import tempfile
from collections.abc import MutableMapping
from importlib.util import find_spec
from pathlib import Path

from inference.errors import Misconfigured

VARIABLES = (
    *("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE"),
    *("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", "OTEL_EXPORTER_OTLP_CERTIFICATE"),
)
MACHINE_S = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where Debian, Red Hat, SUSE and Alpine keep the machine's CAs."""


def trust(bundle: str, environment: MutableMapping[str, str] = os.environ) -> None:
    """Sets the variables of all libraries; '' changes nothing.

    One that is set already keeps what it names, with ours behind it. To be called before a library
    reads them: some do when they are imported. The files are written anew at each start, for this
    user alone, so a changed bundle counts after a restart. Raises `Misconfigured` for a bundle that
    can't be used.
    """
    if not bundle:
        return
    ours = _certificates(bundle)
    machine_s = _machine_s(environment)
    for name in VARIABLES:
        own = environment.get(name, "")
        theirs = Path(own).read_bytes() if Path(own).is_file() else machine_s
        both = theirs if ours in theirs else theirs.rstrip() + b"\n" + ours
        environment[name] = str(_written(both))


def _certificates(bundle: str) -> bytes:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(bundle)
        return Path(bundle).read_bytes()
    except ssl.SSLError as error:
        raise Misconfigured(f"CA_BUNDLE: {bundle} holds no certificate") from error
    except OSError as error:
        raise Misconfigured(
            f"CA_BUNDLE: {bundle} can't be read: {error.strerror or error}"
        ) from error


def _machine_s(environment: MutableMapping[str, str]) -> bytes:
    """Returns the CAs that were trusted till now: SSL_CERT_FILE's, else the machine's."""
    compiled_in = ssl.get_default_verify_paths().openssl_cafile
    for path in (environment.get("SSL_CERT_FILE", ""), compiled_in, *MACHINE_S):
        if path and Path(path).is_file():
            return Path(path).read_bytes()
    if find_spec("certifi"):
        import certifi

        return Path(certifi.where()).read_bytes()
    return b""


def _written(content: bytes) -> Path:
    """Writes a file that nobody else can have made, and returns its path.

    Its name is made of what is in it, so that restarts in one container leave one file.
    """
    digest = hashlib.sha256(content).hexdigest()[:16]
    path = Path(tempfile.gettempdir()) / f"inference-ca-{os.getuid()}-{digest}.pem"
    descriptor, draft = tempfile.mkstemp(prefix=path.name, dir=path.parent)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    os.replace(draft, path)
    return path
