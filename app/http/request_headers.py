"""What a client may ask of an answer by header.

The headers are Prefer (RFC 7240), Idempotency-Key (the IETF draft) and Cache-Control.

What is malformed in Prefer is ignored, as the RFC says; a malformed key is refused, for its caller
relies on it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from starlette.datastructures import Headers

from app.http.problems import Kind, Problem

LONGEST_KEY = 255
# Possessive throughout (++, *+): taking back what matched would make a long line of blanks or
# commas cost its square.
_PREFERENCE = re.compile(
    r'\s*+([!#$%&\'*+.^_`|~0-9A-Za-z-]++)\s*+(?:=\s*+("(?:[^"\\]|\\.)*+"|[^;\s"]*+))?+\s*+(?:;.*)?',
    re.DOTALL,
)
_MEMBER = re.compile(r'(?:[^",]++|"[^"]*+"|")++')
_SECONDS = re.compile(r"[0-9]{1,9}")
_QUOTED_KEY = re.compile(r'"((?:[^"\\]|\\["\\])*)"')


@dataclass(frozen=True, slots=True)
class WaitPreference:
    """How long to wait for a result, and whether 202 is welcome when there is none."""

    wait_s: float
    background: bool = False
    own_wait: bool = False
    """The wait is the caller's, and shorter than the service's."""

    @property
    def waits(self) -> bool:
        """Whether the end is waited for at all.

        Who must not get a 202 waits, if only for an instant.
        """
        return self.wait_s > 0 or not self.background

    def applied(self, in_background: bool) -> dict[str, str]:
        """Returns the Preference-Applied header of an answer, empty if nothing was honoured."""
        words = ["respond-async"] if self.background and in_background else []
        words += [f"wait={self.wait_s:g}"] if self.own_wait else []
        return {"Preference-Applied": ", ".join(words)} if words else {}


def parse_prefer(values: Iterable[str]) -> dict[str, str]:
    """Returns preferences by name in small letters; the first of a name counts."""
    found: dict[str, str] = {}
    for value in values:
        for part in _MEMBER.findall(value):
            if match := _PREFERENCE.fullmatch(part):
                found.setdefault(match[1].lower(), (match[2] or "").strip('"'))
    return found


def wish_of(headers: Headers, slo_s: float) -> WaitPreference:
    """Returns what a caller of POST /predict/ wants.

    A shorter wait than `slo_s` is honoured, a longer one is not.
    """
    if "prefer" not in headers:
        return WaitPreference(slo_s)
    prefer = parse_prefer(headers.getlist("prefer"))
    background = "respond-async" in prefer
    asked = prefer.get("wait", "")
    if _SECONDS.fullmatch(asked) and int(asked) <= slo_s:
        return WaitPreference(float(asked), background, own_wait=True)
    return WaitPreference(0.0 if background else slo_s, background)


def idempotency_key(headers: Headers) -> str:
    """Returns the key, '' if there is none; raises `Problem` for one that can't be meant."""
    raw = headers.get("idempotency-key")
    if raw is None:
        return ""
    quoted = _QUOTED_KEY.fullmatch(raw.strip())
    key = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else raw.strip()
    if (
        not key
        or len(key) > LONGEST_KEY
        or not key.isascii()
        or not key.isprintable()
        or (not quoted and '"' in key)
    ):
        raise Problem(
            Kind.BAD_REQUEST,
            (
                f"Idempotency-Key must be a quoted string of 1 to {LONGEST_KEY} printable ASCII"
                " characters"
            ),
        )
    return key


def wants_fresh(headers: Headers) -> bool:
    """Says whether an earlier result may not stand in."""
    value = headers.get("cache-control")
    return value is not None and "no-cache" in (part.strip().lower() for part in value.split(","))
