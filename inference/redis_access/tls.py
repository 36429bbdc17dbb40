"""What a Redis URL says of TLS: certificates and host names are verified unless it says otherwise.

The options have redis-py's names, and Celery's where those differ in a value alone.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field

from inference.errors import Misconfigured

VERIFY = {
    "required": "required",
    "optional": "optional",
    "none": "none",
    "cert_required": "required",
    "cert_optional": "optional",
    "cert_none": "none",
}
OF_TLS = (
    "ssl_ca_certs",
    "ssl_ca_path",
    "ssl_certfile",
    "ssl_keyfile",
    "ssl_password",
    "ssl_cert_reqs",
    "ssl_check_hostname",
)
YES, NO = ("1", "true", "yes"), ("0", "false", "no")


@dataclass(frozen=True, slots=True)
class Tls:
    """The files and checks of a connection by TLS."""

    ca_certs: str = ""
    ca_path: str = ""
    certfile: str = ""
    keyfile: str = ""
    password: str = field(default="", repr=False)
    verify: str = "required"
    check_hostname: bool = True

    def options(self) -> dict[str, object]:
        """Returns them as redis-py's connections take them, and kombu's `ssl`."""
        files = {
            "ssl_ca_certs": self.ca_certs,
            "ssl_ca_path": self.ca_path,
            "ssl_certfile": self.certfile,
            "ssl_keyfile": self.keyfile,
            "ssl_password": self.password,
        }
        return {name: value for name, value in files.items() if value} | {
            "ssl_cert_reqs": self.verify,
            "ssl_check_hostname": self.check_hostname,
        }


def parse_tls(variable: str, options: Mapping[str, str]) -> Tls:
    """Reads the `ssl_` options of the URL in `variable`, and looks at the files that they name.

    Raises `Misconfigured`.
    """
    verify = options.get("ssl_cert_reqs", "required").lower()
    if verify not in VERIFY:
        raise Misconfigured(f"{variable}: ssl_cert_reqs must be required, optional or none")
    checked = flag(variable, "ssl_check_hostname", options.get("ssl_check_hostname", "true"))
    tls = Tls(
        ca_certs=options.get("ssl_ca_certs", ""),
        ca_path=options.get("ssl_ca_path", ""),
        certfile=options.get("ssl_certfile", ""),
        keyfile=options.get("ssl_keyfile", ""),
        password=options.get("ssl_password", ""),
        verify=VERIFY[verify],
        # Python's ssl refuses to check the name in a certificate that is not verified.
        check_hostname=checked and VERIFY[verify] != "none",
    )
    _check_files(variable, tls)
    return tls


def flag(variable: str, name: str, value: str) -> bool:
    """Returns what an option of the URL in `variable` says. Raises `Misconfigured`."""
    if value.lower() not in (*YES, *NO):
        raise Misconfigured(f"{variable}: {name} must be true or false")
    return value.lower() in YES


def _check_files(variable: str, tls: Tls) -> None:
    """Reads each file once: a connection would say of none which one is missing."""
    if tls.keyfile and not tls.certfile:
        raise Misconfigured(f"{variable}: ssl_keyfile needs the certificate in ssl_certfile")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for name, path in (
        ("ssl_ca_certs", tls.ca_certs),
        ("ssl_certfile", tls.certfile),
        ("ssl_keyfile", tls.keyfile),
    ):
        try:
            if path:
                open(path, "rb").close()
            if path and name == "ssl_ca_certs":
                context.load_verify_locations(path)
        except ssl.SSLError as error:
            raise Misconfigured(f"{variable}: {name}={path} holds no certificate") from error
        except OSError as error:
            raise Misconfigured(
                f"{variable}: {name}={path} can't be read: {error.strerror or error}"
            ) from error
    try:
        if tls.certfile:
            # Without a password OpenSSL would ask for one at the terminal.
            context.load_cert_chain(tls.certfile, tls.keyfile or None, tls.password)
    except (ssl.SSLError, OSError) as error:
        raise Misconfigured(
            f"{variable}: ssl_certfile and ssl_keyfile are no certificate with its key: {error}"
        ) from error
