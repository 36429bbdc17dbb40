"""Registers a model of upcoming matches that is slow and small.

Run as `python -m testkit.register_matches URL NAME FIRST`. The model holds four rows at most, takes
20 ms for them, and one of its matches has no features that it takes. FIRST is the end of its
training.
"""

import sys
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import mlflow
import pandas as pd
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema

MATCHES = 400
FIRST = date(2016, 12, 1)
"""Two matches a day from here on."""
REFUSED = 399
CODE = """
import time

import mlflow


class Narrow(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        if len(model_input) > 4:
            raise MemoryError("no room")
        time.sleep(0.02)
        return [[home, 0.25, 0.75 - home] for home in model_input["rating"]]


mlflow.models.set_model(Narrow())
"""


def home_score(match_id: int) -> float:
    """What the model says of a match."""
    return match_id / 1024


def main(url: str, name: str, first: str) -> None:
    ids = range(MATCHES)
    days = [FIRST + timedelta(days=match_id // 2) for match_id in ids]
    columns = {
        "match_id": ids,
        "date": days,
        "division": "First",
        "home_team": "Leeds",
        "away_team": "Fulham",
    }
    features = pd.DataFrame(
        {"rating": [None if n == REFUSED else home_score(n) for n in ids]},
        index=pd.Index(ids, name="match_id"),
    )
    with TemporaryDirectory() as folder, mlflow.start_run():
        code, *tables = (
            Path(folder) / part for part in ("narrow.py", "features.parquet", "fixtures.parquet")
        )
        code.write_text(CODE)
        for table, file in zip((features, pd.DataFrame(columns)), tables, strict=True):
            table.to_parquet(file)
        info = mlflow.pyfunc.log_model(
            name=name,
            python_model=str(code),
            artifacts={file.stem: str(file) for file in tables},
            signature=ModelSignature(inputs=Schema([ColSpec("double", "rating")])),
            registered_model_name=name,
            metadata={
                "feature_table": "artifacts/features.parquet",
                "fixtures": "artifacts/fixtures.parquet",
                "outputs": ["home", "draw", "away"],
                "trained_before": first,
            },
            pip_requirements=[],
        )
    mlflow.MlflowClient(url).set_registered_model_alias(
        name, "production", str(info.registered_model_version)
    )


if __name__ == "__main__":
    mlflow.set_tracking_uri(sys.argv[1])
    main(*sys.argv[1:])
