"""`python -m testkit.monitoring [--seconds 180]`: draws the dashboards into docs/dashboards.

Starts a service and a Prometheus, loads the service, has some of it fail, and draws what Prometheus
saw. Needs Debian's prometheus and helm.
"""

import argparse
import tempfile
import time
from pathlib import Path

import yaml

from scripts.charts.tools import CHART, output
from testkit.monitoring import pictures
from testkit.monitoring.expressions import pages
from testkit.monitoring.scene import MODEL, NAMESPACE, watched
from testkit.preloaded import completed
from testkit.servers import MlflowServer
from testkit.stack import ROOT

FOLDER = ROOT / "docs" / "dashboards"


def rules() -> list[dict[str, object]]:
    """The groups of rules of the chart."""
    values = str(CHART / "ci" / "monitoring-values.yaml")
    options = ["--namespace", NAMESPACE, "--values", values]
    rendered = yaml.safe_load_all(output("helm", "template", "inference", str(CHART), *options))
    found = [each for each in rendered if each and each["kind"] == "PrometheusRule"]
    return [group for each in found for group in each["spec"]["groups"]]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m testkit.monitoring", description=__doc__)
    parser.add_argument("--seconds", type=float, default=180.0, help="how long to load the service")
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory(prefix="monitoring-") as temporary:
        folder = Path(temporary)
        mlflow = MlflowServer(folder / "mlflow")
        mlflow.start()
        try:
            completed("testkit.register", mlflow.url, MODEL, env={}).check_returncode()
            with watched(folder / "scene", mlflow.url, rules(), seconds) as scene:
                seen = pictures.Seen(scene.prometheus, scene.began, time.time())
                made = pictures.written(pages(), seen, FOLDER)
        finally:
            mlflow.stop()
    for path in made:
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
