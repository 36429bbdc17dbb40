"""Reads what a program answers at /metrics."""

import httpx2
from prometheus_client.parser import text_string_to_metric_families


def scrape(url: str) -> dict[str, float]:
    """Returns the value of each series by its name and labels: `name{label="value",…}`.

    Labels are in the order of their names.
    """
    text = httpx2.get(f"{url}/metrics", timeout=60, verify=False).text
    return {
        _series(sample.name, sample.labels): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def _series(name: str, labels: dict[str, str]) -> str:
    told = ",".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
    return f"{name}{{{told}}}" if told else name
