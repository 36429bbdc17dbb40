"""Calls three models by the client that openapi-python-client makes: `python_client.py URL`."""

import sys

from inference_service_client import Client
from inference_service_client.api.predictions import predict, predict_async
from inference_service_client.api.tasks import task_status
from inference_service_client.models import (
    Accepted,
    FeaturesObjects,
    FeaturesObjectsPerson,
    FeaturesObjectsPersonAddress,
    PredictionMatches,
    PredictionObjects,
    PredictMatches,
    PredictMatchesModel,
    PredictObjects,
    PredictObjectsModel,
    PredictTensor,
    PredictTensorModel,
    ProblemBody,
    Status,
    TaskStatusTensor,
)


def main(url: str) -> None:
    client = Client(base_url=url)

    address = FeaturesObjectsPersonAddress(street="Ring")
    person = FeaturesObjectsPerson(name="Ann", address=address)
    features = FeaturesObjects(person=person, others=[])
    waited = predict.sync(
        client=client, body=PredictObjects(features=features, model=PredictObjectsModel.OBJECTS)
    )
    assert isinstance(waited, PredictionObjects), waited
    score: float | None = waited.result.score
    assert (waited.result.best.street, score) == ("Ring", 0.5)

    pixels: list[float] = [0.5] * 868
    body = PredictTensor(features=pixels, model=PredictTensorModel.TENSOR)
    submitted = predict_async.sync(client=client, body=body)
    assert isinstance(submitted, Accepted), submitted
    status = task_status.sync(submitted.task_id, client=client, wait=30)
    assert isinstance(status, TaskStatusTensor), status
    assert status.status is Status.SUCCESS
    assert isinstance(status.result, list)
    scores: list[float | None] = status.result
    assert len(scores) == 10

    asked = PredictMatches(model=PredictMatchesModel.MATCHES, match_id=7)
    match = predict.sync(client=client, body=asked)
    assert isinstance(match, PredictionMatches), match
    assert match.result.outcome == "home"

    refused = predict.sync(
        client=client, body=PredictTensor(features=[1.0], model=PredictTensorModel.TENSOR)
    )
    assert isinstance(refused, ProblemBody), refused
    assert isinstance(refused.errors, list)
    assert refused.errors[0].field == "features"


if __name__ == "__main__":
    main(sys.argv[1])
