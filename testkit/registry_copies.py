"""Registers one more version of files that a registry has, at once: MLflow logs nothing."""

from mlflow import MlflowClient

from inference.models.registered_version import identity_of


def register_like(client: MlflowClient, name: str, like: str) -> str:
    """Registers version 1 of another model under a name, new or not, with its alias `production`.

    What the registry has by that name is deleted. Returns the new version's identity.
    """
    other = client.get_model_version(like, "1")
    assert other.source is not None
    if client.search_registered_models(f"name = '{name}'"):
        client.delete_registered_model(name)
    client.create_registered_model(name)
    files = other.source.rpartition("/")[2]
    client.create_model_version(name, other.source, other.run_id, model_id=files)
    client.set_registered_model_alias(name, "production", "1")
    return identity_of(client.get_model_version(name, "1"))
