"""One way in: a grid by its name or its file."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Final, Unpack

from offchain.errors import InputError
from offchain.grid import matpower, pandapower_case, pandapower_net, tables
from offchain.grid.assemble import assemble
from offchain.grid.case import CaseGrid
from offchain.grid.options import Choices, Options
from offchain.grid.raw import RawNetwork

#: A grid code of simbench, such as 1-MVLV-rural-all-0-sw.
_SIMBENCH: Final = re.compile(r"^[01]-[A-Za-z_]+-.*(sw|no_sw)$")
_FILES: Final = (".m", ".json", ".csv")


def known_names() -> dict[str, tuple[str, ...]]:
    """Names that `load_grid` knows, by where they come from."""
    return {
        "IEEE cases with limits by headroom": tuple(pandapower_case.IEEE_CASES),
        "pandapower": pandapower_case.NETWORKS,
        "simbench": ("any of its codes, such as 1-MVLV-rural-all-0-sw",),
        "files": (
            "a MATPOWER or PGLib case (.m)",
            "a pandapower net (.json)",
            f"a network in the plain form (.json, or a folder with {tables.BUSES_CSV} and "
            f"{tables.LINES_CSV})",
        ),
    }


def load_grid(
    source: str | Path, *, convention: str | None = None, **choices: Unpack[Choices]
) -> CaseGrid:
    """A grid by name or file.

    Args:
        source: a name (`known_names`), a file, or a folder with the CSV pair.
        convention: ``reactance-tap`` (default) or ``series-reactance``, for sources that give
            impedances.
        choices: see `Options`.

    Raises:
        InputError: there is no such grid, or an element of it cannot be carried.
    """
    name, path = str(source), Path(source)
    known = (*pandapower_case.IEEE_CASES, *pandapower_case.NETWORKS)
    if name in known:
        return pandapower_case.load_case(name, convention=convention or "reactance-tap", **choices)
    options = Options.chosen(choices)
    if path.exists() or path.suffix in _FILES:
        return assemble(_read_file(path, convention), options)
    if _SIMBENCH.match(name):
        return assemble(_read_simbench(name, convention or "reactance-tap"), options)
    near = difflib.get_close_matches(name, known, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else "see clearwatt grid list"
    raise InputError(f"grid {name!r}: no such name or file; {hint}")


def _read_file(path: Path, convention: str | None) -> RawNetwork:
    if not path.exists():
        raise InputError(f"{path}: there is no such file; check the path")
    if path.suffix == ".m":
        return matpower.read_matpower(path, convention or "reactance-tap")
    if path.suffix == ".json" and _is_pandapower(path):
        return pandapower_net.read_file(path, convention or "reactance-tap")
    if convention is not None:
        raise InputError(
            "convention: the plain form gives susceptances, there is nothing to choose; leave it out"
        )
    if path.is_dir():
        return tables.read_csv_pair(path)
    if path.name in (tables.BUSES_CSV, tables.LINES_CSV):
        return tables.read_csv_pair(path.parent)
    if path.suffix == ".json":
        return tables.read_json(path)
    raise InputError(
        f"{path.name}: unknown kind of file; give .m, .json, or a folder with {tables.BUSES_CSV} "
        f"and {tables.LINES_CSV}"
    )


def _is_pandapower(path: Path) -> bool:
    """Whether a JSON file says that pandapower wrote it."""
    with path.open(encoding="utf-8", errors="replace") as file:
        return '"pandapower' in file.read(4096)


def _read_simbench(code: str, convention: str) -> RawNetwork:
    try:
        import simbench
    except ImportError as error:
        raise InputError(
            f"{code}: simbench is not installed; pip install 'clearwatt[grids]'"
        ) from error
    with pandapower_net.quiet():
        try:
            net = simbench.get_simbench_net(code)
        except (ValueError, KeyError) as error:
            raise InputError(f"{code}: simbench has no such grid; check the code") from error
    return pandapower_net.read_net(net, code, convention)
