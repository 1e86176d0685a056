"""How much an auditor must believe: what decides a verdict is small, computes in integers, and is counted."""

from __future__ import annotations

import ast
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_architecture import ROOT, imported, lies_in, modules

CHECKER = (
    "offchain.audit.findings",
    "offchain.audit.context",
    "offchain.audit.ranges",
    "offchain.audit.rebuild",
    "offchain.audit.rules",
    "offchain.audit.interval",
    "offchain.clearing.certificate",
)
"""What judges an interval."""

AROUND = ("offchain.audit",)
"""What gives it the intervals of a market, and judges genesis and escrow: the rest of the audit."""

READING = (
    "oracle.reader",
    "oracle.market_contracts",
    "oracle.bundles",
    "oracle.audit_run",
    "oracle.audit_state",
    "oracle.unjudged",
    "oracle.verdict",
    "oracle.commands.audit",
    "deploy.chain",
    "deploy.devnet",
    "deploy.contracts",
)
"""What lies between the chain, the checker and the reader of a verdict."""

MOST_CHECKER = 800

FLOATS_ALLOWED = {
    "offchain.units": "converts what people type; nothing of it is called by the audit"
}

_SILENT = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
    tokenize.ENCODING,
}


def code_lines(path: Path) -> int:
    """Lines of a module with code on them: no comments, docstrings or blank lines."""
    written: set[int] = set()
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type not in _SILENT:
                written.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Expr(value=ast.Constant(value=str())):  # a docstring, of whatever
                written.difference_update(range(node.lineno, (node.end_lineno or 0) + 1))
    return len(written)


def reached() -> set[str]:
    """Everything of the project that the audit and the checker import, directly or not."""
    known = modules("offchain")
    waiting = [name for name in known if any(lies_in(name, root) for root in (*CHECKER, *AROUND))]
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in found or name not in known:
            continue
        found.add(name)
        for target in imported(known[name]):
            pieces = target.split(".")
            waiting += [".".join(pieces[:length]) for length in range(1, len(pieces) + 1)]
    return found


def groups() -> dict[str, int]:
    """Lines of code of each part of what must be believed."""
    known = {**modules("offchain"), **modules("oracle"), **modules("deploy")}
    lines = {name: code_lines(known[name]) for name in (*reached(), *READING)}
    checker = {name for name in lines if any(lies_in(name, root) for root in CHECKER)}
    around = {name for name in lines if any(lies_in(name, root) for root in AROUND)} - checker
    formats = {name for name in lines if name.startswith("offchain")} - checker - around
    return {
        "the checker": sum(lines[name] for name in checker),
        "the audit around it": sum(lines[name] for name in around),
        "formats": sum(lines[name] for name in formats),
        "reading and telling": sum(lines[name] for name in READING),
    }


def test_what_judges_an_interval_is_small() -> None:
    assert groups()["the checker"] <= MOST_CHECKER


def test_the_docs_tell_how_much_must_be_believed() -> None:
    page = (ROOT / "docs" / "audit.md").read_text()
    told = re.findall(r"^\| \*\*(.*?)\*\*.*\| ([\d,]+) \|$", page, re.MULTILINE)
    most, found = {name: int(lines.replace(",", "")) for name, lines in told}, groups()
    assert most.keys() == found.keys()
    assert {
        name: found[name] for name in found if not most[name] * 9 // 10 <= found[name] <= most[name]
    } == {}


def computes_with_floats(path: Path) -> Iterator[str]:
    """Where a module divides truly, or names a floating-point number or type."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Constant(value=float()):
                yield f"{path.name}:{node.lineno} {ast.unparse(node)}"
            case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()):
                yield f"{path.name}:{node.lineno} /"
            case (
                ast.Name(id="float" | "math")
                | ast.Attribute(attr="float64" | "mean" | "true_divide")
            ):
                yield f"{path.name}:{node.lineno} {ast.unparse(node)}"


@pytest.mark.parametrize("name", sorted(reached() - set(FLOATS_ALLOWED)))
def test_nothing_that_decides_computes_with_floating_point_numbers(name: str) -> None:
    assert list(computes_with_floats(modules("offchain")[name])) == []


def test_no_module_of_the_audit_calls_what_converts_floating_point_numbers() -> None:
    conversions = {"wh_from_kwh", "ticks_from_price", "ppb_from_fraction", "micro_from_currency"}
    named = {
        target.rpartition(".")[2]
        for name in reached()
        for target in imported(modules("offchain")[name])
        if target.startswith("offchain.units")
    }
    assert named & conversions == set()


def test_only_lines_with_code_are_counted(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        '"""A docstring.\n\nOf three lines."""\n\n# a comment\nx = (\n    1,  # with a comment\n)\n\n'
        'text = """counts\n\nas three"""\n\n\ndef f() -> None:\n    """Not this."""\n    return\n'
    )
    assert code_lines(module) == 3 + 3 + 2
