"""Calls that a hostile client makes to a gateway of the fault model.

Each has a name, the bytes, and the statuses that may answer them.
"""

from typing import NamedTuple

GOOD = b'{"features":{"do":"answer","value":1}}'
HOST = b"Host: gateway"
JSON = b"Content-Type: application/json"


class Case(NamedTuple):
    """One thing said, and how it may be answered."""

    name: str
    said: bytes
    statuses: tuple[int, ...]


def request(line: bytes, *headers: bytes, body: bytes = b"") -> bytes:
    """A request, its headers as they are given."""
    return b"\r\n".join([line, *headers, b"", body])


def post(body: bytes = GOOD, *headers: bytes, path: bytes = b"/predict/async") -> bytes:
    """A POST of a body that says how long it is."""
    return request(
        b"POST %s HTTP/1.1" % path,
        HOST,
        JSON,
        b"Content-Length: %d" % len(body),
        *headers,
        body=body,
    )


def get(path: bytes, method: bytes = b"GET") -> bytes:
    """A call without a body."""
    return request(b"%s %s HTTP/1.1" % (method, path), HOST)


def chunked(raw: bytes = b"") -> bytes:
    """A POST of chunks, as they are given."""
    return unsized(b"Transfer-Encoding: chunked", body=raw)


def unsized(*headers: bytes, body: bytes = b"") -> bytes:
    """A POST that says how long it is in these headers, or not."""
    return request(b"POST /predict/ HTTP/1.1", HOST, JSON, *headers, body=body)


def with_headers(*headers: bytes) -> bytes:
    """A prediction without a flaw but for these headers."""
    return post(GOOD, *headers)


_TASK = b"fault-" + b"0" * 32

CALLS = [
    Case("a path of 60 kB", get(b"/" + b"a" * 60_000), (404,)),
    Case("a path of slashes", get(b"/" * 5000), (404,)),
    Case("a path with dots", get(b"/predict/../../etc/passwd"), (404,)),
    Case("a path with dots, escaped", get(b"/%2e%2e/%2e%2e/etc/passwd"), (404,)),
    Case("a path with a NUL", get(b"/livez%00"), (404,)),
    Case("a path with a line break", get(b"/livez%0d%0aX-Injected:%201"), (404,)),
    Case("a path that is no UTF-8", get(b"/%ff%fe"), (404,)),
    Case("a path with half an escape", get(b"/livez%"), (404,)),
    Case("a path escaped twice", get(b"/%256c%2569vez"), (404,)),
    Case("a parameter in the path", get(b"/livez;x=1"), (404,)),
    Case("an absolute address elsewhere", get(b"http://169.254.169.254/latest/meta-data"), (404,)),
    Case("an id that is none", get(b"/monitoring/task_status/x"), (404,)),
    Case("an id never given", get(b"/monitoring/task_status/" + _TASK), (404,)),
    Case("an id of another model", get(b"/monitoring/task_status/other-" + b"0" * 32), (404,)),
    Case("an id with a slash", get(b"/result/fault%2f" + b"0" * 32), (404,)),
    Case("an id with a NUL", get(b"/result/" + _TASK + b"%00"), (404,)),
    Case("an id with a line break", get(b"/result/" + _TASK + b"%0a"), (404,)),
    Case("an id of a key of the store", get(b"/result/{inference:fault}:meta"), (404,)),
    Case("an id of 50 kB", get(b"/monitoring/task_status/fault-" + b"0" * 50_000), (404,)),
    Case("an id in capitals", get(b"/result/FAULT-" + b"A" * 32), (404,)),
    Case("an id in Arabic digits", get(b"/result/fault-" + b"%d9%a1" * 32), (404,)),
    Case("a dead letter's id that is none", get(b"/dead-letters/*"), (404,)),
    Case("dropping a dead letter that is none", get(b"/dead-letters/" + _TASK, b"DELETE"), (404,)),
    Case("replaying a dead letter that is none",
         get(b"/dead-letters/%2e%2e/replay", b"POST"), (404,)),
    Case("a match that is none", get(b"/predict/%00"), (422,)),
    Case("a match of 10,000 digits", get(b"/predict/" + b"9" * 10_000), (422,)),
    Case("a wait without end", get(b"/monitoring/task_status/" + _TASK + b"?wait=1e999"), (422,)),
    Case("a wait that is not a number",
         get(b"/monitoring/task_status/" + _TASK + b"?wait=nan"), (422,)),
    Case("a wait below nothing", get(b"/monitoring/task_status/" + _TASK + b"?wait=-1"), (422,)),
    Case("a wait of minus infinity",
         get(b"/monitoring/task_status/" + _TASK + b"?wait=-inf"), (422,)),
    Case("a wait of 10,000 digits",
         get(b"/monitoring/task_status/" + _TASK + b"?wait=" + b"9" * 10_000), (422,)),
    Case("an empty wait", get(b"/monitoring/task_status/" + _TASK + b"?wait="), (422,)),
    Case("a wait said 5,000 times",
         get(b"/monitoring/task_status/" + _TASK + b"?" + b"&".join([b"wait=x"] * 5000)), (422,)),
    Case("a limit of 31 digits", get(b"/dead-letters?limit=1" + b"0" * 30), (422,)),
    Case("a limit of 5,000 digits", get(b"/dead-letters?limit=" + b"9" * 5000), (422,)),
    Case("a limit of none", get(b"/dead-letters?limit=0"), (422,)),
    Case("a limit with an exponent", get(b"/dead-letters?limit=1e1"), (422,)),
    Case("a limit that is a list", get(b"/dead-letters?limit[]=1&limit="), (422,)),
    Case("a cursor made up", get(b"/dead-letters?before=zzz"), (422,)),
    Case("a cursor of 15 digits and no id", get(b"/dead-letters?before=999999999999999-"), (422,)),
    Case("a cursor with a sign", get(b"/dead-letters?before=-1-" + _TASK), (422,)),
    Case("a cursor in superscript", get(b"/dead-letters?before=%C2%B2-" + _TASK), (422,)),
    Case("a cursor in the year 10,000", get(b"/dead-letters?before=10000-01-01T00:00:00Z"), (422,)),
    Case("a moment without a zone", get(b"/dead-letters?before=2026-01-01T00:00:00"), (422,)),
    Case("a filter of 10 kB", get(b"/dead-letters?error_type=" + b"x" * 10_000), (422,)),
    Case("a filter by a model not served", get(b"/dead-letters?model=%00"), (422,)),
    Case("a page's cursor made up", get(b"/predict/matches/?cursor=" + b"g" * 24), (422,)),
    Case("a page's cursor of 1 kB", get(b"/predict/matches/?cursor=" + b"f" * 1000), (422,)),
    Case("a date that is none", get(b"/predict/matches/?from=2017-02-30"), (422,)),
    Case("a date in Arabic digits",
         get(b"/predict/matches/?to=%D9%A2%D9%A0%D9%A1%D9%A7-01-01"), (422,)),
    Case("a limit of a page beyond it", get(b"/predict/matches/?limit=101"), (422,)),
    Case("a card of no model", get(b"/predict/model/info?model=%ff"), (422,)),
    Case("a replay that is a list", post(b"[]", path=b"/dead-letters/replay"), (422,)),
    Case("a replay by a field nobody knows",
         post(b'{"$where":1}', path=b"/dead-letters/replay"), (422,)),
    Case("a replay of more than 64 kB", post(b" " * 70_000, path=b"/dead-letters/replay"), (413,)),
    Case("CONNECT to a path", get(b"/livez", b"CONNECT"), (405,)),
    Case("TRACE", get(b"/livez", b"TRACE"), (405,)),
    Case("PROPFIND", get(b"/predict/", b"PROPFIND"), (405,)),
    Case("OPTIONS", get(b"/predict/", b"OPTIONS"), (405,)),
    Case("PUT", get(b"/predict/async", b"PUT"), (405,)),
    Case("a form",
         request(b"POST /predict/ HTTP/1.1", HOST,
                 b"Content-Type: multipart/form-data; boundary=x"), (415,)),
    Case("no type",
         request(b"POST /predict/ HTTP/1.1", HOST, b"Content-Length: 2", body=b"{}"), (415,)),
    Case("a type of 10 kB",
         request(b"POST /predict/ HTTP/1.1", HOST,
                 b"Content-Type: application/" + b"j" * 10_000), (415,)),
    Case("two types", request(b"POST /predict/ HTTP/1.1", HOST, JSON + b", text/plain"), (415,)),
    Case("more than may be, told", unsized(b"Content-Length: 99999999999"), (413,)),
    Case("an empty Idempotency-Key", with_headers(b"Idempotency-Key:"), (400,)),
    Case("an empty quoted Idempotency-Key", with_headers(b'Idempotency-Key: ""'), (400,)),
    Case("an Idempotency-Key of 256", with_headers(b"Idempotency-Key: " + b"k" * 256), (400,)),
    Case("an Idempotency-Key of 50 kB",
         with_headers(b'Idempotency-Key: "' + b"k" * 50_000 + b'"'), (400,)),
    Case("an Idempotency-Key of escapes",
         with_headers(b'Idempotency-Key: "' + rb"\\" * 20_000), (400,)),
    Case("an Idempotency-Key that is not ASCII",
         with_headers("Idempotency-Key: schlüssel".encode()), (400,)),
    Case("an Idempotency-Key with a tab", with_headers(b'Idempotency-Key: "a\tb"'), (400,)),
    Case("an Idempotency-Key with a quote", with_headers(b'Idempotency-Key: a"b'), (400,)),
    Case("an upgrade to HTTP/2",
         post(b"{", b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c"), (400,)),
    Case("an upgrade to a web socket",
         post(b"{", b"Connection: Upgrade", b"Upgrade: websocket"), (400,)),
    Case("an Expect", post(b"{", b"Expect: 100-continue"), (400,)),
    Case("a body in a GET",
         request(b"GET /nowhere HTTP/1.1", HOST, b"Content-Length: 3", body=b"abc"), (404,)),
]  # fmt: skip

# What the parser refuses itself, in plain text, or by closing the connection where it is not even
# HTTP.
UNREADABLE = [
    Case("a path of 1 MiB", get(b"/" + b"a" * 2**20), (431,)),
    Case("a query of 1 MiB", get(b"/livez?" + b"a" * 2**20), (431,)),
    Case("a header of 1 MiB", with_headers(b"X-Long: " + b"a" * 2**20), (431,)),
    Case("a header's name of 1 MiB", with_headers(b"a" * 2**20 + b": x"), (431,)),
    Case("10,000 headers", with_headers(*(b"X-%d: %d" % (i, i) for i in range(10_000))), (431,)),
    Case("a head of a little more than may be", with_headers(b"X-Long: " + b"a" * 65_536), (431,)),
    Case("no host", request(b"GET /livez HTTP/1.1"), (400,)),
    Case("two hosts", request(b"GET /livez HTTP/1.1", HOST, b"Host: other"), (400,)),
    Case("two lengths", unsized(b"Content-Length: 2", b"Content-Length: 3", body=b"{}"), (400,)),
    Case("a length and chunks", post(b"0\r\n\r\n", b"Transfer-Encoding: chunked"), (400,)),
    Case("a length of letters", unsized(b"Content-Length: two", body=b"{}"), (400,)),
    Case("a length below nothing", unsized(b"Content-Length: -1"), (400,)),
    Case("a length in superscript", unsized(b"Content-Length: \xb2"), (400,)),
    Case("a length of 30 digits", unsized(b"Content-Length: " + b"9" * 30), (400,)),
    Case("a coding nobody knows", post(GOOD, b"Transfer-Encoding: gzip"), (400,)),
    Case("chunks inside another coding", unsized(b"Transfer-Encoding: chunked, gzip"), (400,)),
    Case("a header folded", with_headers(b"X-Folded: a", b" b"), (400,)),
    Case("a header with a NUL", with_headers(b"X-Nul: a\x00b"), (400,)),
    Case("a header with a lone carriage return", with_headers(b"X-Cr: a\rb"), (400,)),
    Case("a header without a colon", with_headers(b"nonsense"), (400,)),
    Case("a header without a name", with_headers(b": x"), (400,)),
    Case("a header's name with a space", with_headers(b"Transfer-Encoding : chunked"), (400,)),
    Case("a header's name that is no ASCII", with_headers("Größe: 1".encode()), (400,)),
    Case("a path that is no ASCII", get("/größe".encode()), (400,)),
    Case("a path with a space", get(b"/live z"), (400,)),
    Case("a path with a NUL itself", get(b"/livez\x00"), (400,)),
    Case("no path", get(b"*"), (400, 404)),
    Case("an address without a path", get(b"http://gateway"), (400, 404)),
    Case("CONNECT", request(b"CONNECT 127.0.0.1:6379 HTTP/1.1", HOST), (400,)),
    Case("a method in small letters", get(b"/livez", b"get"), (400,)),
    Case("a method nobody knows", get(b"/livez", b"HACK"), (400,)),
    Case("a method of 1 MiB", get(b"/livez", b"A" * 2**20), (400,)),
    Case("HTTP/0.9", b"GET /livez\r\n\r\n", (400,)),
    Case("HTTP/1.9", request(b"GET /livez HTTP/1.9", HOST), (400,)),
    Case("HTTP/2.0 in words", request(b"GET /livez HTTP/2.0", HOST), (400,)),
    Case("HTTP/9", request(b"GET /livez HTTP/9", HOST), (400,)),
    Case("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9), (400,)),
    Case("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(505), (400,)),
    Case("SSH", b"SSH-2.0-OpenSSH_9.9\r\n", (400,)),
    Case("Redis", b"*1\r\n$8\r\nFLUSHALL\r\n", (400,)),
    Case("a message of SMTP", b"EHLO gateway\r\n", (400,)),
    Case("RTSP", request(b"OPTIONS * RTSP/1.0", b"CSeq: 1"), (400, 404)),
    Case("noise", bytes(range(256)) * 64, (400,)),
    Case("a chunk of no size", chunked(b"xyz\r\n{}\r\n"), (400,)),
    Case("a chunk of a negative size", chunked(b"-2\r\n{}\r\n"), (400,)),
    Case("a chunk of 20 digits", chunked(b"F" * 20 + b"\r\n{}\r\n"), (400,)),
    Case("a chunk that is longer than it says", chunked(b"1\r\n{}\r\n0\r\n\r\n"), (400,)),
    Case("a chunk in hexadecimal as Python writes it", chunked(b"0x2\r\n{}\r\n0\r\n\r\n"), (400,)),
    Case("a chunk's extension with a NUL", chunked(b"2;a=\x00\r\n{}\r\n0\r\n\r\n"), (400,)),
]  # fmt: skip

# What a gateway leaves out of account, as the RFCs have it: the prediction is taken.
IGNORED = {
    "a wait of minus one": b"Prefer: wait=-1",
    "a wait that is not a number": b"Prefer: wait=NaN",
    "a wait of 1e999": b"Prefer: wait=1e999",
    "a wait of 10,000 digits": b"Prefer: wait=" + b"9" * 10_000,
    "a wait in superscript": b"Prefer: wait=\xb2",
    "a wait longer than any": b"Prefer: wait=999999999",
    "waits at odds": b"Prefer: wait=1e3, wait=5, wait=nan",
    "60,000 commas": b"Prefer: " + b"," * 60_000 + b"x",
    "60,000 blanks": b"Prefer: a" + b" " * 60_000 + b'"',
    "60,000 blanks behind an equals sign": b"Prefer: a=" + b" " * 60_000 + b'"',
    "30,000 open quotes": b"Prefer: " + b'",' * 30_001,
    "60,000 backslashes": b'Prefer: a="' + b"\\" * 60_000,
    "a preference that is noise": b"Prefer: " + bytes(range(0x80, 0x100)),
    "a trace of zeros": b"traceparent: 00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-00",
    "a trace of 50 kB": b"traceparent: 00-" + b"a" * 50_000,
    "a trace that is noise": b"traceparent: \xff\xfe;--",
    "a request's id of 50 kB": b"X-Request-ID: " + b"r" * 50_000,
    "a request's id that would end a line": b"X-Request-ID: a%0d%0aSet-Cookie:%20x",
    "an Expect that is none": b"Expect: the-unexpected",
    "50,000 bytes of cookies": b"Cookie: " + b"a=b; " * 10_000,
    "an offer of HTTP/2": (
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        b"HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA"
    ),
    "an offer of a web socket": (
        b"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13"
    ),
    "an offer of TLS": b"Connection: Upgrade\r\nUpgrade: TLS/1.0, HTTP/1.1",
    "an offer of nothing known": b"Connection: Upgrade\r\nUpgrade: foo/2",
    "a host in front": b"X-Forwarded-For: 127.0.0.1, ::1, evil",
    "a cache's directives": b"Cache-Control: " + b"no-cache," * 5000,
    "ranges": b"Range: bytes=" + b"0-," * 5000,
}
