"""The three images: built, pushed, signed, and pinned by their digests."""

import argparse
import json
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts.releasing.programs import Programs, Unreleasable

DOCKERFILES = {
    "api": "app/Dockerfile",
    "worker": "worker/Dockerfile",
    "tryout": "k8s/tryout/Dockerfile",
}
BUILDERS = ("docker", "podman", "buildah")
_HOST = re.compile(r"[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*/?")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
UNKNOWN = "sha256:…"
"""A digest in a dry run: the registry gives it."""

BuildArgument = tuple[str, str]
"""The image, '' for all, and NAME=VALUE."""


def registry(text: str) -> str:
    """Reads --registry."""
    if not _HOST.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no registry: it must read host or host/path, in lower case, as in"
            " registry.example.com/team"
        )
    return text


def build_argument(text: str) -> BuildArgument:
    """Reads --build-arg."""
    image, colon, rest = text.partition(":")
    if not colon or "=" in image:
        image, rest = "", text
    if image not in ("", *DOCKERFILES) or not re.match(r"[A-Za-z_]\w*=", rest):
        raise argparse.ArgumentTypeError(
            f"{text!r} must read NAME=VALUE or IMAGE:NAME=VALUE, the image one of"
            f" {', '.join(DOCKERFILES)}"
        )
    return image, rest


def builder(chosen: str | None) -> str:
    """Returns the program that builds."""
    found = chosen or next((name for name in BUILDERS if shutil.which(name)), None)
    if found is None:
        raise Unreleasable(f"nothing builds images: install one of {', '.join(BUILDERS)}")
    return found


def can_sign() -> bool:
    """Whether cosign is there."""
    return shutil.which("cosign") is not None


def build(
    programs: Programs,
    builder: str,
    registry: str,
    *,
    version: str,
    revision: str,
    arguments: Sequence[BuildArgument],
) -> dict[str, str]:
    """Builds the images and returns their names by what they are for."""
    names = {}
    for image, dockerfile in DOCKERFILES.items():
        names[image] = f"{registry}/inference-{image}:{version}"
        labels = {"version": version, "revision": revision}
        told = [f"--label=org.opencontainers.image.{key}={value}" for key, value in labels.items()]
        told += [f"--build-arg={value}" for only, value in arguments if only in ("", image)]
        programs.run(builder, "build", f"--file={dockerfile}", f"--tag={names[image]}", *told, ".")
    return names


def push(programs: Programs, builder: str, names: Mapping[str, str]) -> dict[str, str]:
    """Pushes the images and returns the digests that the registry has them under."""
    return {image: _pushed(programs, builder, name) for image, name in names.items()}


def _pushed(programs: Programs, builder: str, name: str) -> str:
    if builder == "docker":
        programs.run(builder, "push", name)
        if programs.dry:
            return UNKNOWN
        told = programs.look(builder, "image", "inspect", "--format={{json .RepoDigests}}", name)
        repository = name.rpartition(":")[0]
        found = [one for one in json.loads(told) or [] if one.startswith(f"{repository}@")]
        return _digest("".join(found[:1]), name)
    with tempfile.NamedTemporaryFile("r") as file:
        programs.run(builder, "push", f"--digestfile={file.name}", name)
        return UNKNOWN if programs.dry else _digest(file.read(), name)


def _digest(text: str, name: str) -> str:
    found = _DIGEST.search(text)
    if found is None:
        raise Unreleasable(f"{name} was pushed, and nothing says under which digest")
    return found[0]


def by_digest(name: str, digest: str) -> str:
    """The reference that names one image for ever; without the tag, as cosign wants it."""
    return f"{name.rpartition(':')[0]}@{digest}"


def sign(programs: Programs, references: Sequence[str], key: str | None) -> None:
    """Signs what was pushed, by a key or else by the identity that cosign asks for."""
    for reference in references:
        programs.run("cosign", "sign", "--yes", *([f"--key={key}"] if key else []), reference)


def write_digests(file: Path, registry: str, digests: Mapping[str, str]) -> None:
    """Writes values of the chart that pin the images."""
    lines = [f"  {image}: {{digest: {digest!r}}}\n" for image, digest in digests.items()]
    file.write_text(f"image:\n  registry: {registry}\n" + "".join(lines), encoding="utf-8")
