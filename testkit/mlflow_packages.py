"""Has MLflow list the installed packages as this is imported, which `testkit.preloaded` does.

MLflow does it when a process first loads a model: half a second of a core.
"""

from mlflow.utils import requirements_utils

requirements_utils._init_modules_to_packages_map()  # type: ignore[no-untyped-call]
