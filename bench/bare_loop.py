"""What the service is held against: a model in a plain loop, without a queue: `python -m
bench.bare_loop URL SECONDS [SIZE …]`.

It opens and runs the same photograph by the same code, again and again, with each batch size for so
many seconds, and prints the rows a second of each as one JSON object. No request to read, nothing
to write down, nobody to answer. `--model` and `--features` take another model and its input.
"""

import argparse
import json
import time
import warnings
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from testkit.stack import ROOT
from worker.models import Model
from worker.models.loader import load, resolve

SIZES = (1, 2, 4, 8, 16)


def rows_a_second(model: Model, features: Mapping[str, Any], rows: int, seconds: float) -> float:
    """Runs batches of `rows`."""
    inputs = [{"features": features}] * rows
    model.predict(inputs)
    began, done = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        done += len(model.predict(inputs))
    return done / (time.perf_counter() - began)


def photograph() -> dict[str, str]:
    """The image classifier's input."""
    return {
        "image": b64encode(
            (ROOT / "examples" / "image_classifier" / "cat.jpg").read_bytes()
        ).decode()
    }


def main() -> None:
    """Prints rows a second by batch size."""
    parser = argparse.ArgumentParser(prog="python -m bench.bare_loop", description=__doc__)
    parser.add_argument("url", help="the MLflow server")
    parser.add_argument("seconds", type=float, help="for each batch size")
    parser.add_argument("sizes", type=int, nargs="*", help="batch sizes")
    parser.add_argument(
        "--model", default="image-classifier", help="a registered model, alias production"
    )
    parser.add_argument(
        "--features", type=json.loads, default=photograph(), help="its input, as JSON"
    )
    asked = parser.parse_args()
    model = load(resolve(f"models:/{asked.model}@production", asked.url), asked.url)
    print(
        json.dumps(
            {
                rows: rows_a_second(model, asked.features, rows, asked.seconds)
                for rows in asked.sizes or SIZES
            }
        )
    )


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
