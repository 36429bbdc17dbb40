"""The program `testkit/tls_front.py` as a process of a test's: TLS for servers that have none."""

import subprocess
import sys
from collections.abc import Mapping

from testkit.certificates import Authority
from testkit.preloaded import die_with_parent
from testkit.stack import ROOT
from testkit.waiting import until


class TlsProxy:
    """Takes clients with a certificate of `authority`, and passes each port on to another.

    With `plain_too` it passes on what is no TLS as well; with `any_client` a client needs no
    certificate.
    """

    def __init__(
        self,
        authority: Authority,
        targets: Mapping[int, int],
        *,
        plain_too: bool = False,
        any_client: bool = False,
    ) -> None:
        self.authority = authority
        self._targets = targets
        self._options = ["--plain-too"] * plain_too + ["--any-client"] * any_client
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        certificate, key = self.authority.issue("server", "127.0.0.1")
        pairs = [f"{port}:{target}" for port, target in self._targets.items()]
        files = [str(certificate), str(key), str(self.authority.ca)]
        self._process = subprocess.Popen(
            [sys.executable, "testkit/tls_front.py", *files, *pairs, *self._options],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
        assert self._process.stdout is not None
        for _ in pairs:
            until(self._process.stdout.readline, "the TLS proxy to listen")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None
