"""A client's TLS, for Redis and RabbitMQ alike."""

import ssl


def client_context(
    *,
    ca_certs: str | None = None,
    ca_path: str | None = None,
    certfile: str | None = None,
    keyfile: str | None = None,
    password: str | None = None,
    verify: ssl.VerifyMode = ssl.CERT_REQUIRED,
    check_hostname: bool = True,
) -> ssl.SSLContext:
    """Returns a context with what the files say now, so that they can be renewed in place.

    The machine's authorities count only where no other is named: reading them takes a tenth of a
    second. Raises OSError or ValueError for files that can't be used.
    """
    made = ssl.create_default_context(cafile=ca_certs or None, capath=ca_path or None)
    if certfile:
        # Without a password OpenSSL would ask for one at the terminal.
        made.load_cert_chain(certfile, keyfile or None, password or "")
    made.check_hostname = check_hostname and verify != ssl.CERT_NONE
    made.verify_mode = verify
    return made
