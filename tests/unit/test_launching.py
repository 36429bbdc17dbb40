"""However the gateway is started, it is started with its own connections: without them nothing bounds a request's head."""

import pytest

from tests.support.stack import ROOT


@pytest.mark.parametrize(
    "place", ["app/Dockerfile", "scripts/local/parts.py", "k8s/dev-values.yaml", "README.md", "tests/support/stack.py"]
)
def test_whoever_starts_a_gateway_bounds_its_connections(place: str) -> None:
    text = (ROOT / place).read_text(encoding="utf-8")
    starts = sum("app.main:create_app" in line for line in text.splitlines())
    assert 0 < starts == text.count("app.api.connection:Bounded")
