"""Tests fetching from real servers on loopback, hostile ones included.

Fetches that must be refused are shown with the connection replaced.
"""

import asyncio
import socket
from collections.abc import Iterator, Sequence
from ipaddress import ip_address, ip_network
from typing import Any

import httpcore2
import pytest

from inference.errors import InputUnavailable, InvalidInput
from inference.outbound.address_policy import Address
from inference.outbound.fetch import Fetched, Fetcher
from inference.outbound.input_limits import InputLimits
from testkit.image_hosts import CAT, Host, image_host

LOOPBACK = (ip_network("127.0.0.1/32"),)
LIMITS = InputLimits(max_bytes=100_000, fetch_limit_s=3.0, allowed_networks=LOOPBACK)


@pytest.fixture
def host() -> Iterator[Host]:
    with image_host() as host:
        yield host


@pytest.fixture(scope="module")
def fetcher() -> Fetcher:
    return Fetcher(LIMITS)


def fetched(fetcher: Fetcher, *urls: str) -> list[Fetched]:
    return fetcher.fetch(urls, "features.image")


class Recorder(httpcore2.AsyncNetworkBackend):
    """Connects to nothing, and says what it was told to connect to."""

    def __init__(self) -> None:
        self.dialled: list[str] = []

    async def connect_tcp(
        self, host: str, port: int, *_: Any, **__: Any
    ) -> httpcore2.AsyncNetworkStream:
        self.dialled.append(f"{host}:{port}")
        raise httpcore2.ConnectError("nothing is connected here")


class Names:
    """A resolver whose answers change from look-up to look-up."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.asked = 0

    async def __call__(self, _host: str, _port: int) -> Sequence[Address]:
        self.asked += 1
        return [
            ip_address(address)
            for address in self._answers[min(self.asked, len(self._answers)) - 1]
        ]


def test_an_image_is_fetched_whole(fetcher: Fetcher, host: Host) -> None:
    assert fetched(fetcher, f"{host.url}/cat.jpg", f"{host.url}/cat.jpg?again") == [CAT, CAT]


def test_nothing_of_ours_is_sent_along(
    fetcher: Fetcher, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No proxy of the environment, no cookie that was set before, no password of a .netrc."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    for _ in range(2):
        assert fetched(fetcher, f"{host.url}/to?/cat.jpg") == [CAT]
    assert {name for headers in host.headers for name in headers} == {
        "host",
        "accept",
        "accept-encoding",
        "user-agent",
    }


def test_redirects_are_followed_three_times_and_no_more(fetcher: Fetcher, host: Host) -> None:
    three = f"{host.url}/to?/to?/to?/cat.jpg"
    assert fetched(fetcher, three) == [CAT]
    four, around = fetched(fetcher, f"{host.url}/to?/to?/to?/to?/cat.jpg", f"{host.url}/around")
    assert str(four) == str(around) == "image redirects more than 3 times"
    assert isinstance(four, InvalidInput)


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ("http://127.0.0.2/", "names an address that may not be asked"),
        ("http://2130706434/", "names an address that may not be asked"),
        ("http://169.254.169.254/latest/meta-data/", "names an address that may not be asked"),
        ("http://[::1]/", "names an address that may not be asked"),
        ("file:///etc/passwd", "must begin with http:// or https://"),
        ("gopher://127.0.0.1/", "must begin with http:// or https://"),
        ("http://me:pass@127.0.0.1/", "must not name a user or password"),
        ("//169.254.169.254/", "names an address that may not be asked"),
    ],
)
def test_a_redirect_is_judged_as_the_first_url_was(host: Host, place: str, sentence: str) -> None:
    class Passing(Recorder):
        """Lets the first connection through to the server of the test, which is on loopback."""

        async def connect_tcp(
            self, host: str, port: int, *_: Any, **__: Any
        ) -> httpcore2.AsyncNetworkStream:
            self.dialled.append(f"{host}:{port}")
            return await httpcore2.AnyIOBackend().connect_tcp("127.0.0.1", port)

    dialled = Passing()
    (answer,) = fetched(Fetcher(LIMITS, dialled), f"{host.url}/to?{place}")
    assert isinstance(answer, InvalidInput)
    assert str(answer) == f"image {sentence}"
    assert dialled.dialled == [f"127.0.0.1:{host.server_port}"]


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.1"],
        ["169.254.169.254"],
        ["8.8.8.8", "127.0.0.1"],
        ["::1"],
        ["64:ff9b::a9fe:a9fe"],
        [],
    ],
)
def test_a_name_that_leads_to_a_refused_address_is_never_dialled(addresses: list[str]) -> None:
    recorder = Recorder()
    (answer,) = fetched(
        Fetcher(InputLimits(), recorder, Names(addresses)), "http://photos.example.com/cat.jpg"
    )
    assert isinstance(answer, InvalidInput)
    assert (str(answer), answer.field) == (
        "image names an address that may not be asked",
        "features.image",
    )
    assert recorder.dialled == []


def test_what_was_checked_is_what_is_dialled_although_the_name_changes() -> None:
    recorder, names = Recorder(), Names(["8.8.8.8", "1.1.1.1"], ["127.0.0.1"])
    fetcher = Fetcher(InputLimits(), recorder, names)
    (answer,) = fetched(fetcher, "http://photos.example.com:8080/cat.jpg")
    assert isinstance(answer, InputUnavailable)
    assert (recorder.dialled, names.asked) == (["8.8.8.8:8080", "1.1.1.1:8080"], 1)
    (again,) = fetched(fetcher, "http://photos.example.com:8080/cat.jpg")
    assert isinstance(again, InvalidInput)
    assert len(recorder.dialled) == 2


def test_a_refused_address_is_not_even_dialled_where_it_is_written() -> None:
    recorder = Recorder()
    answers = fetched(
        Fetcher(InputLimits(), recorder),
        "http://127.0.0.1/",
        "http://[::ffff:7f00:1]/",
        "http://0x7f.1/",
        "ftp://1.1.1.1/",
    )
    assert [type(answer) for answer in answers] == [InvalidInput] * 4
    assert recorder.dialled == []


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("status?404", "image can't be fetched: its server answered 404"),
        ("status?403", "image can't be fetched: its server answered 403"),
        ("status?204", "image can't be fetched: its server answered 204"),
        ("status?304", "image can't be fetched: its server answered 304"),
        ("endless", "image has more than 100000 bytes"),
        ("large", "image has more than 100000 bytes"),
        ("lying", "image has more than 100000 bytes"),
        ("bomb", "image was sent compressed, although its server was asked not to"),
    ],
)
def test_what_will_not_change_is_refused_for_good(
    fetcher: Fetcher, host: Host, path: str, sentence: str
) -> None:
    (answer,) = fetched(fetcher, f"{host.url}/{path}")
    assert isinstance(answer, InvalidInput)
    assert (str(answer), answer.field) == (sentence, "features.image")


@pytest.mark.parametrize(
    "path", ["status?500", "status?503", "status?429", "status?408", "short", "noise", "headers"]
)
def test_what_may_be_better_later_is_unavailable_for_now(
    fetcher: Fetcher, host: Host, path: str
) -> None:
    (answer,) = fetched(fetcher, f"{host.url}/{path}")
    assert isinstance(answer, InputUnavailable)
    assert str(answer).startswith("image could not be fetched: its server ")
    assert answer.field == "features.image"


def test_a_server_that_is_not_there_is_unavailable(fetcher: Fetcher) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        (answer,) = fetched(fetcher, f"http://127.0.0.1:{taken.getsockname()[1]}/")
    assert str(answer) == "image could not be fetched: its server can't be reached, or broke off"


def test_all_of_a_batch_are_fetched_at_the_same_time(fetcher: Fetcher, host: Host) -> None:
    assert fetched(fetcher, *(f"{host.url}/ten?{number}" for number in range(10))) == [CAT] * 10


def test_servers_that_hang_end_at_the_limit_and_keep_nobody_else(
    fetcher: Fetcher, host: Host
) -> None:
    slow = [f"{host.url}/{path}?{number}" for path in ("hang", "trickle") for number in range(10)]
    *answers, cat = fetched(fetcher, *slow, f"{host.url}/cat.jpg")
    assert cat == CAT
    assert {str(answer) for answer in answers} == {
        "image could not be fetched within 3 s: its server does not answer"
    }
    assert {type(answer) for answer in answers} == {InputUnavailable}


def test_a_look_up_that_hangs_is_not_waited_for(host: Host) -> None:
    async def hanging(name: str, _port: int) -> Sequence[Address]:
        if name != "127.0.0.1":
            await asyncio.Event().wait()
        return [ip_address(name)]

    lost, cat = fetched(
        Fetcher(LIMITS, None, hanging), "http://nowhere.example.com/", f"{host.url}/cat.jpg"
    )
    assert isinstance(lost, InputUnavailable)
    assert cat == CAT


@pytest.mark.parametrize(
    ("code", "kind"), [(socket.EAI_NONAME, InvalidInput), (socket.EAI_AGAIN, InputUnavailable)]
)
def test_a_name_that_does_not_exist_is_told_from_a_resolver_that_does_not_answer(
    code: int, kind: type[Exception]
) -> None:
    async def failing(_host: str, _port: int) -> Sequence[Address]:
        raise socket.gaierror(code, "as the test wants")

    (answer,) = fetched(Fetcher(InputLimits(), Recorder(), failing), "http://nowhere.example.com/")
    assert isinstance(answer, kind)
