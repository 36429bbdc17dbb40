"""A cluster that answers Helm's `lookup`: an API server that has some objects, and can be read."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.chart.rendering import Json, merged


def _place(version: str) -> str:
    return f"/apis/{version}" if "/" in version else f"/api/{version}"


def _plural(kind: str) -> str:
    name = kind.lower()
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"


def _group(version: str) -> Json:
    name, _, number = version.partition("/")
    own = {"groupVersion": version, "version": number}
    return {"name": name, "versions": [own], "preferredVersion": own}


def _owned(each: Json, namespace: str) -> Json:
    """Helm leaves alone what says that it is of another release, or of none."""
    release = each["metadata"].get("labels", {}).get("app.kubernetes.io/instance", "")
    owner = {"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": namespace}
    return merged(each, {"metadata": {"annotations": owner}})


def _answers(objects: list[Json], namespace: str) -> dict[str, Json]:
    kinds = {(each["apiVersion"], each["kind"]) for each in objects}
    versions = {version for version, _ in kinds}
    found: dict[str, Json] = {
        "/version": {"major": "1", "minor": "35", "gitVersion": "v1.35.0"},
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {
            "kind": "APIGroupList",
            "apiVersion": "v1",
            "groups": [_group(version) for version in sorted(versions) if "/" in version],
        },
    }
    for version in versions:
        found[_place(version)] = {
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": version,
            "resources": [
                {"name": _plural(kind), "kind": kind, "namespaced": True, "verbs": ["get"]}
                for own, kind in sorted(kinds)
                if own == version
            ],
        }
    for each in objects:
        path = f"{_place(each['apiVersion'])}/namespaces/{namespace}/{_plural(each['kind'])}"
        found[f"{path}/{each['metadata']['name']}"] = _owned(each, namespace)
    return found


@contextmanager
def holding(objects: list[Json], namespace: str = "predictions") -> Iterator[str]:
    """Yields the address of an API server that has these objects."""
    answers = _answers(objects, namespace)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = answers.get(self.path.partition("?")[0])
            missing = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404}
            body = json.dumps(answer or missing | {"reason": "NotFound"}).encode()
            self.send_response(200 if answer else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
