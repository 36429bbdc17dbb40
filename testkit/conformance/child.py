"""`python -m testkit.conformance.child FOLDER NAME…`: compares some models, in a process apart.

FOLDER has the registry, and gets NAME.json for each model. What MLflow and the packages print goes
nowhere but into the log.
"""

import json
import os
import sys
import warnings
from pathlib import Path


def main(folder: Path, names: list[str]) -> None:
    """Compares the models of these names."""
    os.environ |= {
        "MODEL_CODE": "allow",
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "OMP_NUM_THREADS": "1",
    }
    warnings.simplefilter("ignore")
    import mlflow

    from testkit.conformance.comparing import outcome_of
    from testkit.conformance.models import BY_NAME

    registry = f"sqlite:///{folder}/mlflow.db"
    mlflow.set_tracking_uri(registry)
    if mlflow.get_experiment_by_name("conformance") is None:
        mlflow.create_experiment("conformance", artifact_location=f"file://{folder}/artifacts")
    mlflow.set_experiment("conformance")
    for name in names:
        outcome = outcome_of(BY_NAME[name], registry)
        (folder / f"{name}.json").write_text(json.dumps(outcome.as_json(), default=str))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
