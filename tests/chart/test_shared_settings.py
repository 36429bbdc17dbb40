"""The settings in which gateways and workers must agree."""

import pytest
import yaml

from inference.settings import ContractSettings
from scripts.charts import schema
from scripts.charts.tools import CHART
from tests.chart.rendering import TRYOUT, Json, Refused, merged, render


def one_pool(name: str) -> Json:
    return {"workerPools": {"match-outcome": {"env": {name: 1}}}}


def test_the_settings_that_all_share_are_the_programs_own_with_their_limits() -> None:
    values = yaml.safe_load(schema.make((CHART / "values.yaml").read_text(encoding="utf-8")))
    ours = values["properties"]["settings"]["properties"]
    theirs = ContractSettings.model_json_schema()["properties"]
    placed = {
        "STORE_URL",
        "BROKER_URL",
        "MLFLOW_TRACKING_URI",
        "KEY_PREFIX",
        "INSTALLATION",
        "START_TIMEOUT_S",
        "PAYLOAD_URL",
        "CA_BUNDLE",
    }
    assert set(ours) == {name.upper() for name in theirs} - placed
    limits = ("type", "minimum", "maximum", "exclusiveMinimum")
    for name, described in ours.items():
        assert described == {
            key: theirs[name.lower()][key] for key in limits if key in theirs[name.lower()]
        }, name


def test_none_of_the_settings_that_all_share_can_be_set_on_one_side_alone() -> None:
    values = yaml.safe_load(schema.make((CHART / "values.yaml").read_text(encoding="utf-8")))
    for name in values["properties"]["settings"]["properties"]:
        for one_side in ({"api": {"env": {name: 1}}}, one_pool(name)):
            with pytest.raises(Refused, match=f"must agree: set settings.{name}"):
                render(merged(TRYOUT, one_side))
