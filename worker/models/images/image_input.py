"""Turns a column that holds an image as text into the pixels that the model's graph takes.

The text is base64, a data: URL, or the http(s) URL of an image.

All of a batch is fetched at the same time, then decoded on threads; each fails alone.
"""

from base64 import b64decode
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any

from inference.errors import InvalidInput
from inference.outbound.fetch import Failed, Fetcher
from inference.outbound.input_limits import InputLimits
from worker.models.images.decoding import Decoder, Picture

_fetcher = cache(Fetcher)
"""One for a process, which has a thread."""

Features = Mapping[str, Any]


class ImageInput:
    """Puts pixels in the place of text, for all inputs of a batch."""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        self._field = f"features.{picture.column}"
        self._decoder = cache(lambda max_pixels: Decoder(picture, max_pixels))

    def opened(
        self, inputs: Sequence[Features | Failed], limits: InputLimits
    ) -> list[Features | Failed]:
        """Returns the inputs with `[size, size, 3]` of uint8 in the column.

        An input that had failed before stays as it is.
        """
        fetched = self._fetched(
            [given for given in inputs if not isinstance(given, Failed)], limits
        )
        return self._decoder(limits.max_pixels).map(
            lambda given: (
                given if isinstance(given, Failed) else self._read(given, fetched, limits)
            ),
            list(inputs),
        )

    def _fetched(
        self, inputs: Sequence[Features], limits: InputLimits
    ) -> dict[str, bytes | Failed]:
        """The contents by their URL; one that several name is fetched once."""
        urls = list(
            dict.fromkeys(
                url for given in inputs if (url := url_of(given.get(self._picture.column)))
            )
        )
        return (
            dict(zip(urls, _fetcher(limits).fetch(urls, self._field), strict=True)) if urls else {}
        )

    def _read(
        self, given: Features, fetched: Mapping[str, bytes | Failed], limits: InputLimits
    ) -> Features | Failed:
        text = given.get(self._picture.column)
        try:
            content = (
                fetched[text]
                if isinstance(text, str) and text in fetched
                else self._inline(text, limits)
            )
            if isinstance(content, Failed):
                return content
            return {**given, self._picture.column: self._decoder(limits.max_pixels).pixels(content)}
        except InvalidInput as error:
            return error

    def _inline(self, text: Any, limits: InputLimits) -> bytes:
        name = self._picture.column
        if not isinstance(text, str) or not text:
            raise InvalidInput(
                f"{name} must be an image: base64, a data: URL, or an http(s) URL", self._field
            )
        if text[:5].lower() == "data:":
            kind, _, text = text.partition(",")
            if not kind.lower().endswith(";base64"):
                raise InvalidInput(f"{name} must have base64 in its data: URL", self._field)
        content = _decoded(text)
        if content is None:
            raise InvalidInput(
                f"{name} must be an image: base64, a data: URL, or an http(s) URL", self._field
            )
        if len(content) > limits.max_bytes:
            raise InvalidInput(f"{name} has more than {limits.max_bytes} bytes", self._field)
        return content


def _decoded(text: str) -> bytes | None:
    """base64, also in lines, as the program `base64` writes it; None for what is none."""
    with suppress(ValueError):
        return b64decode(text, validate=True)
    with suppress(ValueError):
        return b64decode("".join(text.split()), validate=True)
    return None


def url_of(text: Any) -> str:
    """The value, if it is to be fetched; else ''."""
    return (
        text
        if isinstance(text, str) and text[:8].lower().startswith(("http://", "https://"))
        else ""
    )
