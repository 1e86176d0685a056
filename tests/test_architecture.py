"""Imports run one way, oracle -> deploy -> offchain, and each part of offchain has its place."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

ROOMS = ("offchain", "deploy", "oracle")
"""Each room imports only itself and the rooms before it."""

OFFCHAIN = (
    "errors",
    "keccak",
    "randomness",
    "units",
    "records",
    "policy",
    "grid",
    "orders",
    "fairness",
    "clearing",
    "pricing",
    "shapley",
    "settlement",
    "metering",
    "commitment",
    "market",
    "bill",
    "mechanisms",
    "audit",
    "proofs",
)
"""Each part of offchain imports only itself and the parts before it."""

TRUSTED = ("offchain.audit", "offchain.clearing.certificate")
"""What an auditor must believe: it reads what the solver said, and never asks the solver."""

SOLVERS = ("offchain.market", "cvxpy", "highspy", "scipy.optimize", "pandapower")
"""What solves, beside every module of offchain.clearing that is not the trusted checker."""


def module_name(path: Path) -> str:
    """The dotted name of a module of the project."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules(room: str) -> dict[str, Path]:
    """The modules of a room by dotted name."""
    return {module_name(path): path for path in sorted((ROOT / room).rglob("*.py"))}


def imported(path: Path) -> Iterator[str]:
    """Every name that a module imports, dotted; `from a import b` may import the module a.b."""
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import hides its direction"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def part_of_offchain(name: str) -> str | None:
    """The part of offchain that a dotted name lies in."""
    room, _, rest = name.partition(".")
    return rest.partition(".")[0] if room == "offchain" and rest else None


def lies_in(name: str, package: str) -> bool:
    """Whether a dotted name is a package or something in it."""
    return name == package or name.startswith(package + ".")


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_itself_and_the_rooms_before_it(room: str) -> None:
    later = (*ROOMS[ROOMS.index(room) + 1 :], "tests")
    wrong = [
        f"{name} imports {target}"
        for name, path in modules(room).items()
        for target in imported(path)
        if target.partition(".")[0] in later
    ]
    assert wrong == []


def test_every_part_of_offchain_has_its_place_in_the_order() -> None:
    parts = {part_of_offchain(name) for name in modules("offchain")} - {None}
    assert parts <= set(OFFCHAIN)


def test_inside_offchain_a_part_imports_only_itself_and_the_parts_before_it() -> None:
    wrong = []
    for name, path in modules("offchain").items():
        part = part_of_offchain(name)
        allowed = OFFCHAIN[: OFFCHAIN.index(part) + 1] if part in OFFCHAIN else ()
        wrong += [
            f"{name} imports {target}"
            for target in imported(path)
            if (wanted := part_of_offchain(target)) in OFFCHAIN and wanted not in allowed
        ]
    assert wrong == []


def test_what_an_auditor_must_believe_never_imports_what_solves() -> None:
    """Not even through another module of offchain."""
    offchain = modules("offchain")
    wrong = []
    for trusted in (name for name in offchain if any(lies_in(name, root) for root in TRUSTED)):
        reached = {trusted: trusted}
        waiting = [trusted]
        while waiting:
            name = waiting.pop()
            for target in imported(offchain[name]):
                chain = f"{reached[name]} -> {target}"
                if any(lies_in(target, solver) for solver in SOLVERS):
                    wrong.append(chain)
                # `from offchain.grid import network` runs offchain.grid and offchain.grid.network
                pieces = target.split(".")
                for length in range(1, len(pieces) + 1):
                    module = ".".join(pieces[:length])
                    if module not in offchain or module in reached:
                        continue
                    if solves(module):
                        wrong.append(chain)
                    reached[module] = chain
                    waiting.append(module)
    assert wrong == []


def solves(module: str) -> bool:
    """Whether a module of offchain.clearing is anything but the trusted checker."""
    return (
        lies_in(module, "offchain.clearing")
        and module != "offchain.clearing"
        and not any(lies_in(module, trusted) for trusted in TRUSTED)
    )
