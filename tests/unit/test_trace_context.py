"""W3C Trace Context: what is taken of a caller's headers, and what a record keeps of it."""

import pytest

from inference.trace_context import LONGEST_STATE, TraceContext

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GIVEN = f"00-{TRACE}-{SPAN}-01"


def test_a_traceparent_is_read_and_written() -> None:
    read = TraceContext.of_headers(GIVEN, "vendor=a,other=b ")
    assert read == TraceContext(TRACE, SPAN, 1, "vendor=a,other=b")
    assert read.sampled
    assert read.traceparent == GIVEN


def test_a_newer_version_may_say_more() -> None:
    assert TraceContext.of_headers(f"cc-{TRACE}-{SPAN}-00-more") == TraceContext(TRACE, SPAN)


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        "00",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"{GIVEN}-more",
        f"{GIVEN}\n",
        f" {GIVEN}",
        "cc" + GIVEN[2:] + "-" + "a" * 50_000,
        "\u0660" * 55,
    ],
)
def test_what_is_no_traceparent_is_none(given: str | None) -> None:
    assert TraceContext.of_headers(given, "vendor=a") is None


@pytest.mark.parametrize("state", ["", "a" * (LONGEST_STATE + 1), "a=\x00", "a=\u00e9", "\n"])
def test_a_tracestate_that_is_none_is_left_behind(state: str) -> None:
    assert TraceContext.of_headers(GIVEN, state) == TraceContext(TRACE, SPAN, 1)


@pytest.mark.parametrize("state", ["", "vendor=a b,c=d"])
def test_a_record_keeps_all_of_it(state: str) -> None:
    context = TraceContext(TRACE, SPAN, 1, state)
    assert TraceContext.of_record(TRACE, context.packed) == context


def test_a_record_of_an_older_gateway_has_no_span() -> None:
    assert TraceContext.of_record(TRACE, "") is None
    assert TraceContext.of_record("", f"{SPAN}-01") is None
