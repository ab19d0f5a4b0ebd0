"""`mx graph`: draw the project from its rendered files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mxdev.graph.model import Graph

JSON_VERSION = 1
_SUFFIXES = (".mmd", ".svg", ".json")


@click.command("graph")
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Write it there: Mermaid to FILE.mmd, SVG to FILE.svg, the data to FILE.json.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def graph(output: Path | None, as_json: bool) -> int:
    """Draw the project: generators, deployments, jobs, images, resources of Terraform, and what flows between them.

    It is drawn from the files as they are now: MLproject, devspace.yaml, the manifests and the .tf files, with your changes.
    Nothing is asked over the network. Without --output the picture is printed as Mermaid.

    \b
    Examples:
      mx graph
      mx graph --output project.svg
      mx graph --json
    """
    from mxdev.errors import DONE, UsageProblem
    from mxdev.graph import reading
    from mxdev.project.project import Project, project_root
    from mxdev.system import console

    if output is not None and (as_json or output.suffix not in _SUFFIXES):
        raise UsageProblem(
            "--json prints, and --output writes: give one of them."
            if as_json
            else f"--output {output}: the name does not say what to write.",
            hint=f"End the name in {', '.join(_SUFFIXES[:-1])} or {_SUFFIXES[-1]}.",
        )
    found = reading.read(Project.load(project_root()))
    if output is None:
        console.out(_text(found, ".json" if as_json else ".mmd").rstrip("\n"), data=True)
        return DONE
    _write(output, _text(found, output.suffix))
    console.status(f"{output}: {len(found.nodes)} parts, {len(found.edges)} arrows")
    return DONE


def _text(graph: Graph, suffix: str) -> str:
    if suffix == ".svg":
        from mxdev.graph import svg

        return svg.draw(graph)
    if suffix == ".mmd":
        from mxdev.graph import mermaid

        return mermaid.draw(graph)
    import json
    from dataclasses import asdict

    whole = {
        "version": JSON_VERSION,
        "outcome": "drawn",
        "nodes": [asdict(node) for node in graph.nodes.values()],
        "edges": [asdict(edge) for edge in graph.edges],
        "error": None,
    }
    return json.dumps(whole, ensure_ascii=False) + "\n"


def _write(path: Path, text: str) -> None:
    from mxdev.errors import MxError

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise MxError(
            f"{path} cannot be written: {error.strerror}.", hint="Give another --output."
        ) from error
