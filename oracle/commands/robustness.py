"""`clearwatt evidence robustness`: what happens when meters, ratings or topology are not what is believed."""

from __future__ import annotations

from pathlib import Path

import click

from oracle.evidence.progress import Steps
from oracle.evidence.report import summary_text
from oracle.robustness.assumed import Assumed
from oracle.robustness.document import markdown
from oracle.robustness.figures import write_figures
from oracle.robustness.study import run, steps

_NAME = "robustness"


@click.command(_NAME)
@click.option("--quick", is_flag=True, help="A short run of everything, in some seconds.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("evidence-robustness"),
    show_default=True,
    help="Folder for everything that is written.",
)
@click.option(
    "--document",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Also write the report as documentation into this folder.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
def robustness(quick: bool, out: Path, document: Path | None, as_json: bool) -> None:
    r"""What the audit and the margin catch when the world is not as it is believed to be.

    Use, line ratings, impedances, topology and meters are wrong, one after the other and by more and
    more. Writes the summary (JSON), figures (SVG) and a report (Markdown).

    \b
    Examples:
      clearwatt evidence robustness --quick
      clearwatt evidence robustness --out results --document docs/evidence
    """
    assumed = Assumed().quick() if quick else Assumed()
    with Steps(steps(assumed), steps(assumed)) as told:
        summary = run(assumed, lambda _: told.advance(1))
    for folder in (out, document):
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{_NAME}.json").write_text(summary_text(summary), "utf-8")
            (folder / f"{_NAME}.md").write_text(markdown(summary, _NAME), "utf-8")
            write_figures(summary, folder / _NAME)
    click.echo(summary_text(summary) if as_json else out / f"{_NAME}.md", nl=not as_json)
