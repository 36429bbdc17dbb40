"""Tests a column of images from its text to pixels.

They also show which parts of a model's metadata are refused when it loads.
"""

from base64 import b64encode
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference.errors import InputUnavailable, InvalidInput, Misconfigured
from inference.models.signature import Column, Param
from inference.outbound.input_limits import InputLimits
from testkit.image_hosts import CAT, Host, image_host
from worker.models.images.decoding import Picture
from worker.models.images.image_input import ImageInput
from worker.models.images.labels import read_labels
from worker.models.mlmodel import MLmodel

pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning")

LIMITS = InputLimits(
    max_bytes=len(CAT), fetch_limit_s=3.0, allowed_networks=(ip_network("127.0.0.1/32"),)
)
TEXT = b64encode(CAT).decode()
TAKES_IMAGE = (Column("photo", "string", True),)


@pytest.fixture
def host() -> Iterator[Host]:
    with image_host() as host:
        yield host


def opened(*texts: Any) -> list[Any]:
    """What becomes of each text: its pixels, or its error."""
    answers = ImageInput(Picture("photo", 8)).opened([{"photo": text} for text in texts], LIMITS)
    return [answer["photo"] if isinstance(answer, dict) else answer for answer in answers]


def test_every_form_of_a_photograph_gives_the_same_pixels(host: Host) -> None:
    lines = "\n".join(TEXT[place : place + 76] for place in range(0, len(TEXT), 76))
    forms = [
        TEXT,
        lines,
        f"data:image/jpeg;base64,{TEXT}",
        f"DATA:;BASE64,{TEXT}",
        f"{host.url}/cat.jpg",
    ]
    first, *others = opened(*forms)
    assert first.shape == (8, 8, 3)
    for other in others:
        np.testing.assert_array_equal(other, first)


def test_each_fails_alone_and_the_order_is_kept(host: Host) -> None:
    large = b64encode(CAT + b"x").decode()
    seven = opened(
        "?",
        TEXT,
        f"{host.url}/status?503",
        f"{host.url}/status?404",
        f"{host.url}/cat.jpg",
        "data:,x",
        large,
    )
    assert [type(one) for one in seven] == [
        InvalidInput,
        np.ndarray,
        InputUnavailable,
        InvalidInput,
        np.ndarray,
        InvalidInput,
        InvalidInput,
    ]
    assert {one.field for one in seven if not isinstance(one, np.ndarray)} == {"features.photo"}
    assert str(seven[-1]) == f"photo has more than {len(CAT)} bytes"


def test_a_url_that_many_name_is_fetched_once(host: Host) -> None:
    assert len({one.tobytes() for one in opened(*[f"{host.url}/cat.jpg"] * 5)}) == 1
    assert host.asked == ["/cat.jpg"]


def test_what_had_failed_before_stays_as_it_is() -> None:
    failed = InvalidInput("the input has no features", "features")
    assert ImageInput(Picture("photo", 8)).opened([failed], LIMITS) == [failed]


@pytest.mark.parametrize("value", [None, 7, "", ["x"], {"url": "x"}])
def test_what_is_no_text_is_refused(value: Any) -> None:
    (answer,) = opened(value)
    assert isinstance(answer, InvalidInput)


@pytest.mark.parametrize(
    ("image", "columns", "sentence"),
    [
        ({"column": "photo", "size": 0}, TAKES_IMAGE, "must have column, size"),
        ({"column": "photo", "size": 8, "mean": [1]}, TAKES_IMAGE, "is not understood"),
        ({"size": 8}, TAKES_IMAGE, "is not understood"),
        (
            {"column": "other", "size": 8},
            TAKES_IMAGE,
            "must have one input in its signature, the string other",
        ),
        ({"column": "photo", "size": 8}, (Column("photo", "double", True),), "the string photo"),
        (
            {"column": "photo", "size": 8},
            (*TAKES_IMAGE, Column("age", "long", True)),
            "the string photo",
        ),
    ],
)
def test_metadata_that_can_not_be_are_refused_when_the_model_loads(
    tmp_path: Path, image: dict[str, Any], columns: tuple[Column, ...], sentence: str
) -> None:
    from worker.models.torch_model import TorchEngine

    mlmodel = MLmodel(tmp_path, frozenset(), columns, (), (), None, None, image=image)
    with pytest.raises(Misconfigured, match=sentence):
        TorchEngine(mlmodel, "cpu")


def test_a_model_from_code_opens_its_images_itself(tmp_path: Path) -> None:
    from worker.models.pyfunc_model import PyfuncEngine

    with pytest.raises(Misconfigured, match="for torch models alone"):
        PyfuncEngine(
            MLmodel(
                tmp_path,
                frozenset(),
                TAKES_IMAGE,
                (),
                (),
                None,
                None,
                image={"column": "photo", "size": 8},
            )
        )


@pytest.mark.parametrize("top_k", [0, 4, "2", None, True])
def test_a_top_k_that_there_are_not_labels_for_is_refused(tmp_path: Path, top_k: Any) -> None:
    file = tmp_path / "labels.txt"
    file.write_text("cat\ndog\nowl\n")
    with pytest.raises(Misconfigured, match="from 1 to 3"):
        read_labels(file, top_k)
    with pytest.raises(Misconfigured, match=r"labels none\.txt can't be read"):
        read_labels(tmp_path / "none.txt", 1)


def test_the_likeliest_labels_come_first_each_with_its_index(tmp_path: Path) -> None:
    import torch

    file = tmp_path / "labels.txt"
    file.write_text("cat\ndog\nowl\n")
    labels = read_labels(file, 2)
    found = labels.largest(torch.tensor([[0.25, 0.125, 0.625]]), labels.top_k)
    row = {name: part[0].tolist() for name, part in found.items()}
    assert labels.named(row) == {
        "labels": [
            {"label": "owl", "index": 2, "probability": 0.625},
            {"label": "cat", "index": 0, "probability": 0.25},
        ]
    }
    with pytest.raises(ValueError, match=r"3 labels and answered an array of \[1, 2\]"):
        labels.largest(torch.zeros(1, 2), 1)
    for wanted in (0, 4, -1):
        with pytest.raises(InvalidInput, match="from 1 to 3"):
            labels.count(wanted)


def test_a_torch_model_has_no_parameter_but_the_count_of_its_labels(tmp_path: Path) -> None:
    from worker.models.torch_model import TorchEngine

    for name in ("top_k", "temperature"):
        params = (Param(name, "long", False, 1),)
        with pytest.raises(
            Misconfigured, match=r"the parameter top_k alone, and that with metadata\.labels"
        ):
            TorchEngine(
                MLmodel(
                    tmp_path,
                    frozenset(),
                    (Column("x", "double", True),),
                    (),
                    (),
                    None,
                    None,
                    params=params,
                ),
                "cpu",
            )
