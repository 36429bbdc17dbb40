"""`python -m scripts.releasing`: builds, and when told to pushes and signs, what a release is.

Three images, the chart, the version's part of CHANGELOG.md, and a values file that pins the images
to the digests under which the registry has them. docs/installing.md says how it is used.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.charts.tools import ROOT
from scripts.releasing import chart, images, version
from scripts.releasing.programs import Programs, Unreleasable

_DESCRIPTION = """\
Builds the three images and the chart of this version, named for a registry of yours. Without
--push nothing leaves this machine. With it images and chart are pushed, and signed where cosign is
on PATH. DIR gets the chart, the changes of this version, and digests-values.yaml."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code; 1 with one sentence for what can't be released."""
    options = _parser().parse_args(arguments)
    programs = Programs(dry=options.dry_run)
    try:
        _release(options, programs)
    except Unreleasable as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    return 0


def _release(options: argparse.Namespace, programs: Programs) -> None:
    this = version.read()
    changes = version.changes(this)
    revision = version.revision(programs, push=options.push)
    registry = options.registry.rstrip("/")
    builder = images.builder(options.builder)
    signs = options.push and images.can_sign()
    out = Path(options.out)
    if not programs.dry:
        out.mkdir(parents=True, exist_ok=True)
        (out / f"changes-{this}.md").write_text(changes, encoding="utf-8")
    arguments = options.build_arg
    built = images.build(
        programs, builder, registry, version=this, revision=revision, arguments=arguments
    )
    package = chart.package(programs, registry, this, out)
    if options.push:
        digests = images.push(programs, builder, built)
        chart_reference = chart.push(programs, registry, package)
        if not programs.dry:
            images.write_digests(out / "digests-values.yaml", registry, digests)
        if signs:
            references = [images.by_digest(built[name], digests[name]) for name in built]
            images.sign(programs, [*references, chart_reference], options.cosign_key)
    _say(this, built, package, signed=signs, options=options)


def _say(
    this: str, built: dict[str, str], package: Path, *, signed: bool, options: argparse.Namespace
) -> None:
    done = "would be " * options.dry_run + ("pushed" if options.push else "built")
    print(f"{this} {'' if options.dry_run else 'is '}{done}:", *built.values(), package, sep="\n  ")
    if options.push and not signed:
        print("not signed: cosign is not on PATH")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/release", description=_DESCRIPTION)
    parser.add_argument(
        "--registry",
        required=True,
        type=images.registry,
        help="where it goes, as in registry.example.com/team",
    )
    parser.add_argument("--push", action="store_true", help="push, and sign where cosign is there")
    parser.add_argument(
        "--dry-run", action="store_true", help="say each command and run none of them"
    )
    parser.add_argument(
        "--build-arg",
        action="append",
        default=[],
        type=images.build_argument,
        metavar="[IMAGE:]NAME=VALUE",
        help="for one image (api, worker, tryout) or all, as in worker:UV_TORCH_BACKEND=cpu",
    )
    parser.add_argument("--builder", choices=images.BUILDERS, help="the first of these on PATH")
    parser.add_argument("--cosign-key", metavar="KEY", help="sign with it, as cosign names keys")
    parser.add_argument(
        "--out", default=str(ROOT / ".state" / "release"), metavar="DIR", help="(.state/release)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
