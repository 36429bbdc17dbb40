"""Tests which variables are warned of as misspelt settings, and which are left alone."""

import os
from collections.abc import Iterable

import mlflow.environment_variables
import pytest
from structlog.testing import capture_logs

from app.settings import GatewaySettings
from examples.football.gateway.settings import LookupSettings
from examples.football.scoring.settings import ScoringSettings
from inference.misspelt import misspelt, slips, warn_of_misspelt
from worker.settings import WorkerSettings

GATEWAY, WORKER = GatewaySettings.model_fields, WorkerSettings.model_fields
ALL = {
    name.upper()
    for kind in (GatewaySettings, WorkerSettings, LookupSettings, ScoringSettings)
    for name in kind.model_fields
}


def meant(name: str, settings: Iterable[str], value: str = "x") -> str:
    return misspelt({name: value}, settings).get(name, "")


@pytest.mark.parametrize(
    ("name", "gateway", "worker"),
    [
        ("MODEL_URL", "MODEL_URIS", "MODEL_URI"),
        ("MODELS_URI", "MODEL_URIS", "MODEL_URI"),
        ("MODEL_URLS", "MODEL_URIS", "MODEL_URI"),
        ("MODELURIS", "MODEL_URIS", "MODEL_URI"),
        ("STORE_URI", "STORE_URL", "STORE_URL"),
        ("STORE_ULR", "STORE_URL", "STORE_URL"),
        ("STOREURL", "STORE_URL", "STORE_URL"),
        ("store-url", "STORE_URL", "STORE_URL"),
        ("StoreUrl", "STORE_URL", "STORE_URL"),
        ("BROKERURL", "BROKER_URL", "BROKER_URL"),
        ("BROKER_URI", "BROKER_URL", "BROKER_URL"),
        ("BROCKER_URL", "BROKER_URL", "BROKER_URL"),
        ("MLFLOW_TRACKING_URL", "MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_URI"),
        ("LEASE", "LEASE_S", "LEASE_S"),
        ("SYNC_SLO", "SYNC_SLO_S", ""),
        ("MAX_BODY_BYTE", "MAX_BODY_BYTES", ""),
        ("EXTENSION", "EXTENSIONS", ""),
        ("PAYLOADS_URL", "PAYLOAD_URL", "PAYLOAD_URL"),
        ("KEYPREFIX", "KEY_PREFIX", "KEY_PREFIX"),
        ("MAX_BATCHSIZE", "", "MAX_BATCH_SIZE"),
        ("MAX_BATCHES_SIZE", "", "MAX_BATCH_SIZE"),
        ("DRAIN_TIMEOUT", "", "DRAIN_TIMEOUT_S"),
        ("PROBEPORT", "", "PROBE_PORT"),
        ("LOGLEVEL", "LOG_LEVEL", "LOG_LEVEL"),
        ("POOLS", "", "POOL"),
        ("POL", "", "POOL"),
    ],
)
def test_a_variable_near_a_setting_is_told_with_the_setting(
    name: str, gateway: str, worker: str
) -> None:
    assert (meant(name, GATEWAY), meant(name, WORKER)) == (gateway, worker)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, "x") for name in ("PATH", "HOME", "HOSTNAME", "LANG", "TERM", "PWD", "SHELL")),
        *((name, "x") for name in ("USER", "TZ", "PORT", "HOST", "MODEL", "WORKERS", "DEBUG")),
        ("MODEL_NAME", "churn"),
        ("MODEL_DIR", "/opt/ml/model"),
        ("SPOOLER", "x"),
        ("PROXY_PORT", "3128"),
        ("DATABASE_URL", "postgres://"),
        ("REDIS_URL", "redis://"),
        ("PYTHONPATH", "/srv"),
        ("OMP_NUM_THREADS", "1"),
        ("CUDA_VISIBLE_DEVICES", "0"),
        ("AWS_ACCESS_KEY_ID", "x"),
        ("AWS_MAX_ATTEMPTS", "1"),
        ("OTEL_SERVICE_NAME", "x"),
        ("OTEL_LOG_LEVEL", "debug"),
        ("KUBERNETES_SERVICE_HOST", "10.0.0.1"),
        ("REDIS_PORT", "tcp://10.0.0.2:6379"),
        ("PROD_PORT", "tcp://10.0.0.2:80"),
        ("PROBE_SERVICE_PORT", "80"),
        ("PROBE_PORT_80_TCP", "tcp://10.0.0.2:80"),
        ("POOL_PORT_80_TCP_PROTO", "tcp"),
        ("store_url", "redis://lower/0"),
        ("STORE_URI", ""),
    ],
)
def test_a_variable_of_another_program_is_left_alone(name: str, value: str) -> None:
    assert (meant(name, GATEWAY, value), meant(name, WORKER, value)) == ("", "")


def test_no_setting_of_any_program_is_taken_for_a_misspelt_one_of_another() -> None:
    everything = dict.fromkeys(ALL, "x")
    assert misspelt(everything, GATEWAY) == misspelt(everything, WORKER) == {}


def test_no_variable_of_mlflow_or_of_this_machine_is_taken_for_a_misspelt_setting() -> None:
    mlflows = [name for name in vars(mlflow.environment_variables) if name.startswith("MLFLOW_")]
    assert len(mlflows) > 100
    variables = dict.fromkeys(mlflows, "x") | os.environ
    assert misspelt(variables, GATEWAY) == misspelt(variables, WORKER) == {}


@pytest.mark.parametrize(
    ("a", "b", "count"),
    [
        ("", "", 0),
        ("URL", "URL", 0),
        ("URL", "URI", 1),
        ("URL", "ULR", 1),
        ("URL", "URIS", 2),
        ("", "URL", 3),
        ("RUL", "URLS", 2),
    ],
)
def test_slips_are_counted(a: str, b: str, count: int) -> None:
    assert slips(a, b) == slips(b, a) == count


def test_a_misspelt_setting_is_logged_once_with_both_names() -> None:
    with capture_logs() as lines:
        warn_of_misspelt({"STORE_URI": "redis://", "MODEL_URIS": "x", "PATH": "/bin"}, GATEWAY)
    (line,) = lines
    assert (line["log_level"], line["variable"], line["meant"]) == (
        "warning",
        "STORE_URI",
        "STORE_URL",
    )
