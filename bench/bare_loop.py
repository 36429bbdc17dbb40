"""What the service is held against: the same model in a plain loop, without a queue: `python -m bench.bare_loop URL SECONDS`.

It opens and runs the same photograph by the same code, again and again, with each batch size for so many seconds, and prints the
images a second of each as one JSON object. No request to read, nothing to write down, nobody to answer.
"""

import json
import sys
import time
import warnings
from base64 import b64encode

from tests.support.stack import ROOT
from worker.models import Model
from worker.models.registry import load, resolve

SIZES = (1, 2, 4, 8, 16)


def images_a_second(model: Model, rows: int, seconds: float) -> float:
    """Runs batches of `rows`."""
    inputs = [{"features": {"image": b64encode((ROOT / "data" / "cat.jpg").read_bytes()).decode()}}] * rows
    model.predict(inputs)
    began, done = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        done += len(model.predict(inputs))
    return done / (time.perf_counter() - began)


def main(url: str, seconds: float, sizes: tuple[int, ...]) -> dict[int, float]:
    """Returns images a second by batch size."""
    model = load(resolve("models:/image-classifier@production", url), url)
    return {rows: images_a_second(model, rows, seconds) for rows in sizes}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(json.dumps(main(sys.argv[1], float(sys.argv[2]), tuple(map(int, sys.argv[3:])) or SIZES)))
