"""A caller of the look-ups of one gateway, beside the file that it reads."""

from pathlib import Path
from typing import Any

import httpx2

from testkit.match_file import write_matches
from testkit.stack import Process
from testkit.waiting import until
from tests.gateway.support import HTTP, problem


class Lookups:
    """A gateway of its own beside one file."""

    def __init__(self, gateway: Process, file: Path) -> None:
        self.gateway = gateway
        self.url = gateway.url
        self.file = file

    def get(self, path: str, **headers: str) -> httpx2.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return HTTP.get(self.url + path, headers=named)

    def ids(self, query: str = "", limit: int = 7) -> list[int]:
        """The ids of all pages."""
        found: list[int] = []
        cursor = ""
        while True:
            page = self.page(f"?limit={limit}{query}{cursor}")
            found += [item["match_id"] for item in page["items"]]
            if page["next"] is None:
                return found
            assert len(page["items"]) == limit
            cursor = f"&cursor={page['next']}"

    def page(self, query: str = "") -> dict[str, Any]:
        answer = self.get(f"/predict/matches/{query}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def served(self, rows: list[dict[str, Any]]) -> None:
        """Replaces the file and waits until the gateway has noticed."""
        before = self.get("/predict/matches/").headers.get("etag")
        write_matches(self.file, rows)
        until(
            lambda: self.get("/predict/matches/").headers.get("etag") not in (None, before),
            "the new file to be served",
        )

    def refused(self, data: bytes | None) -> str:
        """Replaces the file with other data, and returns why the look-ups say 503.

        It does not replace the file as the job does.
        """
        if data is None:
            self.file.unlink()
        else:
            self.file.with_name("other").write_bytes(data)
            self.file.with_name("other").replace(self.file)
        until(lambda: self.get("/predict/100").status_code == 503, "the look-ups to be refused")
        return str(problem(self.get("/predict/matches/"), 503)["detail"])
