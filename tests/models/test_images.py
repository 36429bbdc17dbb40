"""Tests what photographs become, and which hostile bytes are refused.

They are refused with a sentence, and before they cost anything.
"""

import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inference.errors import InvalidInput, Misconfigured
from testkit.stack import ROOT
from worker.models.images.decoding import Decoder, Picture

CAT = (ROOT / "examples" / "image_classifier" / "cat.jpg").read_bytes()
SIZE = 32
PICTURE = Picture("image", SIZE)
ORANGE = (230, 120, 20)


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    return Decoder(PICTURE, 1_000_000)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def plain(mode: str, colour: Any, size: tuple[int, int] = (60, 40)) -> Image.Image:
    return Image.new(mode, size, colour)


def png(width: int, height: int, bits: int = 8, colour: int = 2, content: bytes = b"") -> bytes:
    """A PNG that says what it likes of its size."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(content))
        + chunk(b"IEND", b"")
    )


NOISE = encoded(
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (40, 60, 3), dtype=np.uint8))
)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"quality": 95}),
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("GIF", {}),
        ("BMP", {}),
    ],
)
def test_each_kind_of_image_gives_its_colours(
    decoder: Decoder, kind: str, options: dict[str, Any]
) -> None:
    pixels = decoder.pixels(encoded(plain("RGB", ORANGE), kind, **options))
    assert pixels.shape == (SIZE, SIZE, 3)
    assert pixels.dtype == np.uint8
    np.testing.assert_allclose(pixels.reshape(-1, 3), [ORANGE] * SIZE * SIZE, atol=8)


@pytest.mark.parametrize(
    ("content", "colour"),
    [
        (encoded(plain("L", 99)), (99, 99, 99)),
        (encoded(plain("1", 1)), (255, 255, 255)),
        (encoded(plain("RGB", ORANGE).quantize(4)), ORANGE),
        (encoded(plain("RGB", ORANGE).convert("CMYK"), "JPEG", quality=95), ORANGE),
        (encoded(plain("RGBA", (*ORANGE, 255))), ORANGE),
        (encoded(plain("RGBA", (*ORANGE, 0))), (255, 255, 255)),
        (encoded(plain("RGBA", (0, 0, 0, 128))), (127, 127, 127)),
        (encoded(plain("LA", (50, 0))), (255, 255, 255)),
        (encoded(plain("P", 0), transparency=0), (255, 255, 255)),
        (encoded(Image.fromarray(np.full((40, 60), 200 * 257, dtype=np.uint16))), (200, 200, 200)),
        (png(2, 2, bits=16, content=(b"\0" + bytes((230, 0, 120, 0, 20, 0)) * 2) * 2), ORANGE),
        (encoded(plain("RGB", ORANGE, (1, 1))), ORANGE),
        (encoded(plain("L", 7, (1, 30_000))), (7, 7, 7)),
    ],
    ids=[
        "grey",
        "one bit",
        "palette",
        "CMYK",
        "opaque",
        "clear",
        "half clear",
        "clear grey",
        "clear palette",
        "16 bit grey",
        "16 bit colour",
        "1x1",
        "very tall",
    ],
)
def test_all_colours_become_rgb(decoder: Decoder, content: bytes, colour: tuple[int, ...]) -> None:
    np.testing.assert_allclose(
        decoder.pixels(content).reshape(-1, 3), [colour] * SIZE * SIZE, atol=8
    )


def test_of_an_animation_the_first_frame_counts(decoder: Decoder) -> None:
    frames = [plain("RGB", ORANGE), plain("RGB", "blue")]
    for kind in ("GIF", "WEBP", "PNG"):
        moving = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        assert decoder.pixels(moving)[0, 0, 0] > 200, kind


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_is_turned_as_its_exif_says(decoder: Decoder, orientation: int) -> None:
    upright = plain("RGB", "white", (40, 40))
    upright.paste("red", (0, 0, 20, 20))
    stored = {2: [0], 3: [3], 4: [1], 5: [5], 6: [2], 7: [6], 8: [4]}
    exif = Image.Exif()
    exif[0x0112] = orientation
    for method in stored.get(orientation, []):
        upright = upright.transpose(Image.Transpose(method))
    pixels = decoder.pixels(encoded(upright, "PNG", exif=exif))
    assert pixels[4, 4].tolist() == [255, 0, 0]
    assert pixels[-4, -4].tolist() == [255, 255, 255]


def test_the_middle_is_what_the_model_sees() -> None:
    wide = plain("RGB", "white", (300, 100))
    wide.paste("red", (110, 10, 190, 90))
    cropped, whole = (
        Decoder(Picture("image", SIZE, crop=crop), 10**6).pixels(encoded(wide))
        for crop in (0.8, 1.0)
    )
    assert (cropped[1:-1, 1:-1] == (255, 0, 0)).all()
    assert (whole[1, 1] == (255, 255, 255)).all()


def test_a_large_photograph_decoded_small_is_the_same_picture() -> None:
    large = Image.open(BytesIO(CAT)).resize((3608, 2400))
    picture = Picture("image", 224, crop=0.875)
    whole = Decoder(picture, 10**8).pixels(encoded(large, "PNG", compress_level=1)).astype(int)
    small = Decoder(picture, 10**8).pixels(encoded(large, "JPEG", quality=95)).astype(int)
    assert abs(whole - small).mean() < 2


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "no image of a kind"),
        (b"hello", "no image of a kind"),
        (
            b"<svg xmlns='http://www.w3.org/2000/svg' width='1' height='1'><rect/></svg>",
            "no image of a kind",
        ),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "no image of a kind"),
        (encoded(plain("RGB", "red"), "TIFF"), "no image of a kind"),
        (encoded(plain("RGB", "red"), "ICO"), "no image of a kind"),
        (b"\x00" * 100_000, "no image of a kind"),
        (CAT[: len(CAT) // 2], "broken or cut off"),
        (CAT[:400], "broken or cut off|no image of a kind"),
        (NOISE[: len(NOISE) // 2], "broken or cut off"),
        (png(10, 10, content=b"short"), "broken or cut off"),
        (png(10, 10, content=b"\xff" * 310), "broken or cut off"),
        (png(0, 10), "broken or cut off|no image of a kind"),
        (png(100_000, 100_000), "more than 1000000 pixels"),
        (png(1001, 1000), "more than 1000000 pixels"),
        (png(2**31 - 1, 2**31 - 1), "more than 1000000 pixels|no image of a kind"),
        (encoded(plain("1", 0, (9_000, 9_000)), "PNG"), "more than 1000000 pixels"),
        (encoded(plain("L", 0, (4_000, 4_000)), "GIF"), "more than 1000000 pixels"),
        (encoded(plain("L", 0, (4_000, 4_000)), "WEBP", method=0), "more than 1000000 pixels"),
        (encoded(plain("L", 0, (1, 1)), "GIF")[:-6] + b"\xff" * 40, "broken or cut off"),
    ],
    ids=[
        "empty",
        "text",
        "SVG",
        "EPS",
        "TIFF",
        "ICO",
        "zeros",
        "half",
        "head",
        "half a PNG",
        "short data",
        "wrong filter",
        "no width",
        "10 gigapixels",
        "one row too many",
        "largest",
        "bomb",
        "GIF bomb",
        "WebP bomb",
        "broken GIF",
    ],
)
def test_what_is_no_fit_image_is_refused_with_a_sentence(
    decoder: Decoder, content: bytes, sentence: str
) -> None:
    with pytest.raises(InvalidInput, match=sentence) as caught:
        decoder.pixels(content)
    assert caught.value.field == "features.image"
    assert str(caught.value).startswith("image ")


def test_no_single_wrong_byte_of_a_photograph_does_more_than_break_it(decoder: Decoder) -> None:
    random = np.random.default_rng(6)
    seen = {bytes: 0, InvalidInput: 0}
    for original in (
        CAT,
        encoded(plain("RGB", ORANGE).quantize(4)),
        encoded(plain("RGB", ORANGE), "GIF"),
        encoded(plain("L", 3), "BMP"),
    ):
        for place in random.integers(0, min(len(original), 700), 100):
            broken = bytearray(original)
            broken[place] ^= int(random.integers(1, 256))
            try:
                assert decoder.pixels(bytes(broken)).shape == (SIZE, SIZE, 3)
                seen[bytes] += 1
            except InvalidInput:
                seen[InvalidInput] += 1
    assert all(seen.values())


def test_memory_that_does_not_suffice_is_no_fault_of_the_image(
    decoder: Decoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Image.Image, "resize", full)
    with pytest.raises(MemoryError):
        decoder.pixels(CAT)


@pytest.mark.parametrize(
    "told",
    [
        {"size": 0},
        {"size": "224"},
        {"size": 224, "crop": 1.5},
        {"size": 9, "interpolation": "magic"},
    ],
)
def test_a_picture_that_can_not_be_is_refused_when_the_model_loads(told: dict[str, Any]) -> None:
    make: Callable[..., Picture] = Picture
    with pytest.raises(Misconfigured, match=r"metadata\.image must have"):
        make("image", **told)
