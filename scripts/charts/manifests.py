"""The chart for people without Helm: rendered, less what only Helm needs."""

import re

from scripts.charts.tools import CHART, output

_ONLY_HELM = re.compile(
    r"^(# Source: .*| +helm\.sh/chart: .*| +app\.kubernetes\.io/managed-by: Helm|\s*)\n",
    re.MULTILINE,
)


def rendered(values: str, template: str = "") -> str:
    """Returns the objects that a file of `ci/` makes of the chart, or of one template.

    The first line says where they are from.
    """
    source = f"ci/{values}-values.yaml"
    options = [
        "--namespace",
        "inference",
        "--skip-tests",
        "--values",
        str(CHART / source),
        *(["--show-only", template] * bool(template)),
    ]
    text = output("helm", "template", "inference", str(CHART), *options)
    head = (
        f"# Rendered from charts/inference with {source} for the namespace inference:"
        " change those, then run scripts/chart.\n"
    )
    return head + _ONLY_HELM.sub("", text)
