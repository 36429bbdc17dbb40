"""The place in a trace that a caller, a record or a span has, as W3C Trace Context says it.

Source: https://www.w3.org/TR/trace-context/
"""

import re
from dataclasses import dataclass
from typing import Self

SAMPLED = 1
LONGEST_STATE = 512
"""Characters of a `tracestate` that are passed on; a longer one is left behind."""
_LONGEST_PARENT = 128
_PARENT = re.compile(
    r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?"
)
_STATE = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_PACKED = re.compile(r"([0-9a-f]{16})-([0-9a-f]{2})(?: (.+))?")


@dataclass(frozen=True, slots=True)
class TraceContext:
    """A span by its ids, in hexadecimal; `state` is the `tracestate` that came along."""

    trace_id: str
    span_id: str
    flags: int = 0
    state: str = ""

    @property
    def sampled(self) -> bool:
        """Whether the trace is kept."""
        return bool(self.flags & SAMPLED)

    @property
    def traceparent(self) -> str:
        """The header that names this span as the parent."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags:02x}"

    @property
    def packed(self) -> str:
        """All but the trace id, as a record keeps it."""
        span = f"{self.span_id}-{self.flags:02x}"
        return f"{span} {self.state}" if self.state else span

    @classmethod
    def of_record(cls, trace_id: str, packed: str) -> Self | None:
        """Reads what a record keeps. None without a span, as of a record of an older gateway."""
        found = _PACKED.fullmatch(packed)
        if not trace_id or not found:
            return None
        return cls(trace_id, found[1], int(found[2], 16), found[3] or "")

    @classmethod
    def of_headers(cls, traceparent: str | None, tracestate: str | None = None) -> Self | None:
        """Reads a caller's headers. None for a `traceparent` that is none, or too long."""
        if not traceparent or len(traceparent) > _LONGEST_PARENT:
            return None
        found = _PARENT.fullmatch(traceparent)
        if not found or (found[1] == "00" and found[5]):
            return None
        state = (tracestate or "").strip()
        if len(state) > LONGEST_STATE or not _STATE.fullmatch(state):
            state = ""
        return cls(found[2], found[3], int(found[4], 16) & SAMPLED, state)
