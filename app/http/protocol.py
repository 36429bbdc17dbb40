"""Bounds a connection to a client that may never finish what it sends.

Its command is `uvicorn --http app.http.protocol:BoundedHttpProtocol`.

uvicorn holds the head of a request, its line and headers, in memory however long it gets. It waits
for the head's end for ever, and goes on reading a body that was answered long ago. It leaves those
bounds to a proxy in front. Here a head has a size and a request a time: ARRIVAL_TIMEOUT_S for its
head, and again for what is left of it after its answer. While the answer is being made the
application bounds the body (app/http/request_body.py). A head that is no HTTP/1.0 or 1.1, or names
no host or two, is a 400 (RFC 9112, 3.2).

While the gateway parts from its callers (app/leaving.py) each answer closes its connection.

An offer to upgrade is ignored (RFC 9110, 7.8). llhttp ends a request that has one after its head,
and httptools then takes the body for further requests. So such a head is parsed again without the
offer, by a new parser, which also gets the rest of the connection. CONNECT is answered and the
connection closed: the bytes that follow it are meant for another server.
"""

import asyncio
from asyncio.events import TimerHandle

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

MOST_HEAD_BYTES = 65_536
"""What uvicorn bounds a head to with its other parser, h11."""

_TOO_LARGE = b"The head of the request is too large."
_INVALID = "Invalid HTTP request received."


class BoundedHttpProtocol(HttpToolsProtocol):
    """uvicorn's connection with these bounds. The lifespan's state says `arrival_timeout_s`."""

    _timer: TimerHandle | None = None
    _whole = False
    """Whether the request that came last is all here."""
    _unread_bytes = 0
    """Bytes received since the last byte of a body or the end of a request.

    They are of a head, or follow a chunked body.
    """
    _refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_for_the_rest()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        self._whole = False
        self._unread_bytes += len(data)
        self._unset_keepalive_if_required()
        try:
            rest = memoryview(data)
            while rest:
                rest = self._parse(rest)
        except httptools.HttpParserError:
            self.logger.warning(_INVALID)
            self.send_400_response(_INVALID)
        if self._unread_bytes > MOST_HEAD_BYTES:
            self._refuse()
        if not self._whole and self._timer is None and not self.transport.is_closing():
            self._wait_for_the_rest()

    def _parse(self, data: memoryview) -> memoryview:
        """Feeds the parser; returns what follows a head that offered an upgrade."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._is_connect:
                self._refused = True
                return data[:0]
            line = b"%s %s HTTP/%s" % (
                self.parser.get_method(),
                self.url,
                self.parser.get_http_version().encode(),
            )
            kept = [b"%s: %s" % header for header in self.headers if header[0] != b"upgrade"]
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            self.parser.feed_data(b"\r\n".join([line, *kept, b"", b""]))
            return data[upgrade.args[0] :]
        return data[:0]

    @property
    def _is_connect(self) -> bool:
        return bool(self.parser.get_method() == b"CONNECT")

    @property
    def _is_offer(self) -> bool:
        """Whether the parser is at a head that it will be given again."""
        return self.parser.should_upgrade() and not self._is_connect

    def _should_upgrade(self) -> bool:
        return False

    def on_message_begin(self) -> None:
        self._whole = False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Raising is how a callback has the parser's caller answer 400."""
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > MOST_HEAD_BYTES:
            self._refuse()
            raise ValueError
        version = self.parser.get_http_version()
        hosts = sum(name == b"host" for name, _ in self.headers)
        if version not in ("1.0", "1.1") or hosts > 1 or (hosts == 0 and version == "1.1"):
            raise ValueError
        if self._is_offer:
            return
        super().on_headers_complete()
        # Trailers come to the same list; they are no headers of the request (RFC 9110, 6.5.1).
        self.headers = []
        leaving = self.app_state.get("leaving")
        if self._is_connect or (leaving is not None and leaving.told):
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        self._unread_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._is_offer:
            return
        self._whole, self._unread_bytes = True, 0
        self._stop_waiting()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._timer:
            self._wait_for_the_rest()

    def send_400_response(self, msg: str) -> None:
        if not self._refused:
            super().send_400_response(msg)

    @property
    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse(self) -> None:
        """Answers 431 and reads on without looking.

        On a connection closed at once, the bytes still coming would be answered by a reset.
        """
        if self._refused or self.transport.is_closing():
            return
        if self._answering:
            # Headers without end behind a body, or behind a request that is being worked on.
            self.transport.close()
            return
        self._refused = True
        size = b"content-length: %d\r\n" % len(_TOO_LARGE)
        head = [
            STATUS_LINE[431],
            b"content-type: text/plain; charset=utf-8\r\n",
            size,
            b"connection: close\r\n\r\n",
        ]
        self.transport.write(b"".join([*head, _TOO_LARGE]))
        self.transport.write_eof()

    def _wait_for_the_rest(self) -> None:
        self._stop_waiting()
        self._timer = self.loop.call_later(
            self.app_state.get("arrival_timeout_s", 60.0), self._give_up
        )

    def _stop_waiting(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        """Closes, unless it is us who are waited for: then the rest may well be here, unread."""
        if self._answering:
            self._wait_for_the_rest()
        else:
            self.transport.close()
