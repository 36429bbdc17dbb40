"""From the bytes of a photograph, sent by anybody, to the pixels that a model takes.

What is no image fails with a sentence.

How large an image is stands in its first bytes and is judged before anything is decoded, which
bounds memory and time. Then only the part that the model sees is brought to the model's size, so no
shape of image makes anything large. Colours become RGB: transparent parts become white, 16 bit
become 8, colour profiles are ignored. Of an animation the first frame counts, and a photograph is
turned as its EXIF says.
"""

import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from os import sched_getaffinity
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from inference.errors import InvalidInput, Misconfigured

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
"""No others: each reader is code that meets hostile bytes.

Some (SVG, EPS, TIFF) do more than read pixels.
"""

_MOST_THREADS = 4
"""Images decoded at once: each may need some hundred MB."""

_FINER = 2
"""How many times the pixels needed on a side a JPEG still has when it is decoded.

It is decoded at the smallest of its scales that has so many.
"""


@dataclass(frozen=True, slots=True)
class Picture:
    """How a model wants its images: `metadata.image` of its MLmodel."""

    column: str
    """The input's column, a string."""
    size: int
    """The side of the square, in pixels."""
    crop: float = 1.0
    """The share of the shorter side that the square in the middle has."""
    interpolation: str = "bicubic"

    def __post_init__(self) -> None:
        right = (
            isinstance(self.size, int)
            and 1 <= self.size <= 4096
            and isinstance(self.crop, int | float)
            and 0 < self.crop <= 1
        )
        if not right or self.interpolation not in ("bicubic", "bilinear", "lanczos", "nearest"):
            raise Misconfigured(
                "the model's metadata.image must have column, size (1 to 4096),"
                " crop (above 0 to 1) and interpolation"
            )


class Decoder:
    """Decodes on as many threads as there are processors.

    Pillow lets go of the interpreter while it decodes.
    """

    def __init__(self, picture: Picture, max_pixels: int) -> None:
        self._picture = picture
        self._max_pixels = max_pixels
        self._field = f"features.{picture.column}"
        self._threads = ThreadPoolExecutor(
            min(_MOST_THREADS, len(sched_getaffinity(0))), thread_name_prefix="decode"
        )
        # Frames and tiles inside of an image have sizes of their own, which Pillow judges; as an
        # error, not as a warning.
        Image.MAX_IMAGE_PIXELS = max_pixels
        warnings.simplefilter("error", Image.DecompressionBombWarning)

    def map(self, decode: Callable[[Any], Any], items: list[Any]) -> list[Any]:
        """Calls on the threads; a single one is not worth a change of thread."""
        return (
            list(self._threads.map(decode, items))
            if len(items) > 1
            else [decode(item) for item in items]
        )

    def pixels(self, content: bytes) -> NDArray[np.uint8]:
        """Returns `[size, size, 3]`; raises `InvalidInput`."""
        name = self._picture.column
        try:
            with Image.open(BytesIO(content), formats=FORMATS) as image:
                if image.width * image.height > self._max_pixels:
                    raise self._too_many()
                return self._squared(image)
        except (InvalidInput, MemoryError):
            raise
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise self._too_many() from None
        except UnidentifiedImageError:
            raise InvalidInput(
                f"{name} is no image of a kind that is read here: {', '.join(FORMATS)}", self._field
            ) from None
        except Exception as error:  # foreign code on hostile bytes raises whatever it likes
            raise InvalidInput(
                f"{name} is an image that is broken or cut off", self._field
            ) from error

    def _too_many(self) -> InvalidInput:
        return InvalidInput(
            f"{self._picture.column} has more than {self._max_pixels} pixels", self._field
        )

    def _squared(self, image: Image.Image) -> NDArray[np.uint8]:
        """The order matters: small before large, and colours before anything is mixed."""
        size = self._picture.size
        least = round(size / self._picture.crop * _FINER)
        image.draft(None, (least, least))
        image.load()
        turned = ImageOps.exif_transpose(image)
        width, height = turned.size
        side = min(width, height) * self._picture.crop
        left, top = (width - side) / 2, (height - side) / 2
        around = (
            int(left),
            int(top),
            min(width, int(left + side) + 1),
            min(height, int(top + side) + 1),
        )
        colours = _rgb(turned.crop(around))
        box = (
            left - around[0],
            top - around[1],
            min(colours.width, left - around[0] + side),
            min(colours.height, top - around[1] + side),
        )
        return np.asarray(
            colours.resize(
                (size, size), Image.Resampling[self._picture.interpolation.upper()], box=box
            )
        )


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("I", "I;16", "I;16L", "I;16B", "I;16N"):
        grey = np.asarray(image).astype(np.int64) >> 8
        return Image.fromarray(grey.clip(0, 255).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        seen = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen).convert("RGB")
    return image.convert("RGB")
