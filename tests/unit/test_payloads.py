"""Tests payloads that are kept apart from their record.

All kinds of places behave alike, and a reference is never taken for the thing itself.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.background.payload_cleanup import needed
from inference.blobs import blob_names
from inference.blobs.blob_names import Kept, Reference
from inference.blobs.blob_store import Folder, Payloads, content, owner, payloads_at, weakness
from inference.errors import InvalidInput, Misconfigured, PayloadGone, PayloadUnavailable
from inference.ids import new_claim_id, new_task_id
from inference.records import Record
from inference.states import State
from testkit.servers import ObjectStore
from worker.models.inputs import FeatureTable
from worker.models.mlmodel import MLmodel

ID = new_task_id("rain")
CLAIM = new_claim_id()
URLS: list[Callable[[Path], str]] = [
    lambda folder: f"file://{folder}",
    lambda folder: f"local://{folder}",
    lambda folder: f"memory:/{folder}",
]


@pytest.fixture(
    params=[*URLS, None], ids=["folder", "fsspec's files", "fsspec's memory", "Arrow's S3"]
)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Payloads:
    url = (
        request.param(tmp_path)
        if request.param
        else request.getfixturevalue("object_store").url("predictions", tmp_path.name)
    )
    found = payloads_at(url, "inference")
    assert found is not None
    return found


def test_what_is_written_is_read_byte_for_byte_until_it_is_removed(place: Payloads) -> None:
    name, data = blob_names.input_name(ID), bytes(range(256)) * 4096
    assert list(place.names()) == []
    place.write(name, data)
    assert (list(place.names()), content(place, Reference(name, len(data)))) == ([name], data)
    for _ in range(2):
        place.remove(name)
    assert list(place.names()) == []
    with pytest.raises(PayloadGone, match=name):
        place.read(name)


def test_an_object_store_without_its_client_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(
        Misconfigured,
        match=r"^PAYLOAD_URL: s3://bucket/x needs a package .*; the extra s3 of this project does",
    ):
        payloads_at("s3://bucket/x", "inference")


def test_a_payload_of_another_size_than_was_written_is_not_taken_for_it(place: Payloads) -> None:
    place.write("x", b"123")
    with pytest.raises(PayloadGone, match="has 3 bytes and was written with 4"):
        content(place, Reference("x", 4))


def test_services_that_share_a_place_do_not_see_each_other(tmp_path: Path) -> None:
    first, second = (
        payloads_at(f"file://{tmp_path}", "first"),
        payloads_at(f"file://{tmp_path}", "second"),
    )
    assert first is not None
    assert second is not None
    first.write("x", b"1")
    assert list(second.names()) == []


def test_a_folder_that_is_not_there_is_not_made_but_said(tmp_path: Path) -> None:
    place = Folder(tmp_path / "volume", "inference")
    with pytest.raises(PayloadUnavailable, match=r"could not be written to .*volume: No such file"):
        place.write("x", b"1")
    with pytest.raises(PayloadUnavailable):
        place.read("x")
    with pytest.raises(PayloadUnavailable):
        list(place.names())
    assert "large inputs are refused" in weakness(place)
    (tmp_path / "volume").mkdir()
    assert weakness(place) == ""


def test_an_object_replaces_another_and_may_be_empty_or_of_many_parts(
    object_store: ObjectStore,
) -> None:
    place = payloads_at(object_store.url("predictions", "sizes"), "inference")
    assert place is not None
    for data in (b"first", b"", bytes(12 * 2**20), b"last"):
        place.write("x", data)
        assert place.read("x") == data
    assert list(place.names()) == ["x"]
    assert (owner(place, "mine"), owner(place, "another's")) == ("mine", "mine")


def test_a_bucket_that_is_not_there_is_said_without_its_password(object_store: ObjectStore) -> None:
    place = payloads_at(object_store.url("nobody-made-this", "large"), "inference")
    assert place is not None
    with pytest.raises(
        PayloadUnavailable, match="could not be read from s3://nobody-made-this/large"
    ):
        place.read("x")
    with pytest.raises(
        PayloadUnavailable, match="could not be written to s3://nobody-made-this/large"
    ) as told:
        place.write("x", b"1")
    assert "secret" not in str(told.value)
    with pytest.raises(PayloadUnavailable):
        list(place.names())
    assert "large inputs are refused" in weakness(place)


@pytest.mark.parametrize("url", ["nothing-knows-this://x", "s4://x"])
def test_a_place_that_nothing_can_reach_is_one_sentence_without_its_password(url: str) -> None:
    with pytest.raises(Misconfigured, match="PAYLOAD_URL") as told:
        payloads_at(url.replace("://", "://user:secret@"), "inference")
    assert "secret" not in str(told.value)


def test_names_say_what_they_are_of_and_nothing_else_is_one() -> None:
    assert blob_names.what_is(blob_names.input_name(ID)) == Kept(ID, "")
    assert blob_names.what_is(blob_names.result_name(ID, CLAIM)) == Kept(ID, CLAIM)
    strange = [
        "",
        "probe",
        ID,
        f"{ID}.other",
        f"{ID}.{CLAIM}.input",
        "../x.input",
        blob_names.draft_name(f"{ID}.input"),
    ]
    assert [name for name in strange if blob_names.what_is(name)] == []


def test_a_reference_is_no_input_and_no_result_and_an_old_program_fails_on_it() -> None:
    held = blob_names.of_input(5)
    assert blob_names.input_reference(ID, {"payload": {"bytes": 5}}) == Reference(f"{ID}.input", 5)
    nested = {"features": {"payload": {"bytes": 5}}, "match_id": None}
    inputs: list[Any] = [nested, {"features": None, "match_id": 1}, None, [], "payload"]
    for inline in inputs:
        assert blob_names.input_reference(ID, inline) is None
    assert blob_names.result_reference(ID, blob_names.of_result(CLAIM, 7).decode()) == Reference(
        f"{ID}.{CLAIM}.result", 7
    )
    for result in ('{"payload":{"bytes":5}}', '"@payload {}"', "null"):
        assert blob_names.result_reference(ID, result) is None
    old_worker = FeatureTable(MLmodel(Path(), frozenset(), (), (), (), None, None))
    with pytest.raises(InvalidInput, match="the input has no features"):
        old_worker.features(json.loads(held))
    with pytest.raises(json.JSONDecodeError):
        json.loads(blob_names.of_result(CLAIM, 7))


@pytest.mark.parametrize("state", State)
def test_an_input_is_needed_until_it_ended_otherwise_than_in_failure(state: State) -> None:
    kept = {State.WAITING, State.RUNNING, State.RETRY, State.FAILURE}
    assert needed(f"{ID}.input", Kept(ID, ""), Record(ID, state, 1)) == (state in kept)
    assert not needed(f"{ID}.input", Kept(ID, ""), None)


def test_a_result_is_needed_while_it_may_be_settled_or_counts() -> None:
    name, mine = f"{ID}.{CLAIM}.result", Kept(ID, CLAIM)
    assert needed(name, mine, Record(ID, State.RUNNING, 1))
    assert needed(name, mine, Record(ID, State.SUCCESS, 1, result=Reference(name, 7)))
    assert not needed(
        name, mine, Record(ID, State.SUCCESS, 1, result=Reference(f"{ID}.other.result", 7))
    )
    assert not needed(name, mine, Record(ID, State.SUCCESS, 1, result=0.5))
    assert not needed(name, mine, Record(ID, State.FAILURE, 1))
