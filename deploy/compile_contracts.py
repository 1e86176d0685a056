"""Compile contracts/src into what the project deploys and reads: deploy/artifacts/<Contract>.json.

The artefacts are committed, so that running a market needs no compiler. Whoever doubts them runs

    python -m deploy.compile_contracts --check

which compiles again and exits 1, telling the difference, unless every byte is the same.

The settings are those of contracts/foundry.toml, so what forge tests is what is deployed. What
could change without a change in the code is left out: no metadata hash is appended to the bytecode,
and the compiler's running numbers (AST ids) are taken out of storage layouts, and of immutable
references, where the names of the variables stand for them.
"""

import argparse
import difflib
import json
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CONTRACTS = Path(__file__).resolve().parent.parent / "contracts"
ARTIFACTS = Path(__file__).resolve().parent / "artifacts"
COMPILER = CONTRACTS / "tools" / "solc"

_OUTPUTS = [
    "abi",
    "evm.bytecode.object",
    "evm.bytecode.linkReferences",
    "evm.deployedBytecode.object",
    "evm.deployedBytecode.linkReferences",
    "evm.deployedBytecode.immutableReferences",
    "storageLayout",
]
_CALLABLE = {"constructor", "fallback", "function", "receive"}
_SHOWN_LINES = 40
_SHOWN_COLUMNS = 120


class CompilationError(Exception):
    """The contracts cannot be compiled, or not without a warning."""


def compiler_is_installed() -> bool:
    """Whether npm has brought the compiler (`make setup-node`)."""
    return (CONTRACTS / "node_modules" / "solc" / "soljson.js").is_file()


def compiler_settings(foundry_toml: Path = CONTRACTS / "foundry.toml") -> dict[str, Any]:
    """The compiler's settings, in its standard JSON form, as forge reads them from foundry.toml."""
    profile = tomllib.loads(foundry_toml.read_text())["profile"]["default"]
    return {
        "evmVersion": profile["evm_version"],
        "metadata": {
            "appendCBOR": profile["cbor_metadata"],
            "bytecodeHash": profile["bytecode_hash"],
        },
        "optimizer": {"enabled": profile["optimizer"], "runs": profile["optimizer_runs"]},
        "remappings": profile["remappings"],
        "viaIR": profile["via_ir"],
    }


def compile_artifacts(contracts: Path = CONTRACTS) -> dict[str, str]:
    """Compile every source below contracts/src.

    Args:
        contracts: The Foundry project to compile.

    Returns:
        The artefacts' text by file name, one for each contract or library that can be deployed
        and called.

    Raises:
        CompilationError: When the compiler is missing, objects or warns, or when two contracts
            share a name.
    """
    # A development dependency: only compiling needs it, not importing this module.
    import solcx

    sources = {
        path.relative_to(contracts).as_posix(): {"content": path.read_text()}
        for path in sorted((contracts / "src").rglob("*.sol"))
    }
    if not sources:
        return {}
    if not compiler_is_installed():
        msg = "the Solidity compiler is not installed: run `make setup-node`"
        raise CompilationError(msg)

    settings = compiler_settings(contracts / "foundry.toml")
    try:
        output = solcx.compile_standard(
            {
                "language": "Solidity",
                "sources": sources,
                "settings": {
                    **settings,
                    "outputSelection": {
                        "*": {"": ["ast"]},
                        **{name: {"": ["ast"], "*": _OUTPUTS} for name in sources},
                    },
                },
            },
            base_path=contracts,
            solc_binary=COMPILER,
            allow_empty=True,
        )
    except solcx.exceptions.SolcError as error:
        raise CompilationError(str(error)) from error
    # A library's warnings are its authors' to answer.
    warnings = [
        e["formattedMessage"]
        for e in output.get("errors", [])
        if e["severity"] == "warning"
        and not (e.get("sourceLocation") or {}).get("file", "").startswith("node_modules/")
    ]
    if warnings:
        raise CompilationError("\n".join(warnings))

    compiler = {
        "settings": settings,
        "version": str(solcx.wrapper.get_solc_version(COMPILER, with_commit_hash=True)),
    }
    names = dict(_variables([source["ast"] for source in output.get("sources", {}).values()]))
    artifacts: dict[str, str] = {}
    for source_name, contract_name, compiled in _deployable(output.get("contracts", {})):
        file_name = f"{contract_name}.json"
        if file_name in artifacts:
            msg = f"two contracts are named {contract_name}; the second is in {source_name}"
            raise CompilationError(msg)
        artifacts[file_name] = _artifact_text(source_name, contract_name, compiled, compiler, names)
    return artifacts


def committed_artifacts(folder: Path = ARTIFACTS) -> dict[str, str]:
    """The text of the artefacts that lie in a folder, by file name."""
    return {path.name: path.read_text() for path in sorted(folder.glob("*.json"))}


def differences(committed: dict[str, str], compiled: dict[str, str]) -> Iterator[str]:
    """Tell a reader, line by line, how two sets of artefacts differ; nothing when they do not."""
    for name in sorted(committed.keys() | compiled.keys()):
        if name not in compiled:
            yield f"{name}: committed, but no contract of that name can be deployed"
        elif name not in committed:
            yield f"{name}: missing"
        elif committed[name] != compiled[name]:
            lines = list(
                difflib.unified_diff(
                    committed[name].splitlines(),
                    compiled[name].splitlines(),
                    f"{name} (committed)",
                    f"{name} (compiled)",
                    n=1,
                    lineterm="",
                )
            )
            yield from (
                line
                if len(line) <= _SHOWN_COLUMNS
                else f"{line[:_SHOWN_COLUMNS]}... ({len(line)} characters)"
                for line in lines[:_SHOWN_LINES]
            )
            if len(lines) > _SHOWN_LINES:
                yield f"... and {len(lines) - _SHOWN_LINES} lines more"


def write_artifacts(compiled: dict[str, str], folder: Path = ARTIFACTS) -> None:
    """Make a folder hold exactly these artefacts."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in committed_artifacts(folder).keys() - compiled.keys():
        (folder / name).unlink()
    for name, text in compiled.items():
        (folder / name).write_text(text)


def _deployable(contracts: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield what has code and can be called.

    That leaves out interfaces, abstract contracts and libraries of internal functions.
    """
    for source_name, by_name in sorted(contracts.items()):
        for contract_name, compiled in sorted(by_name.items()):
            if compiled["evm"]["bytecode"]["object"] and any(
                e["type"] in _CALLABLE for e in compiled["abi"]
            ):
                yield source_name, contract_name, compiled


def _artifact_text(
    source_name: str,
    contract_name: str,
    compiled: dict[str, Any],
    compiler: dict[str, Any],
    variables: dict[str, str],
) -> str:
    creation, deployed = compiled["evm"]["bytecode"], compiled["evm"]["deployedBytecode"]
    artifact = {
        "abi": compiled["abi"],
        "bytecode": "0x" + creation["object"],
        "compiler": compiler,
        "contractName": contract_name,
        "deployedBytecode": "0x" + deployed["object"],
        "deployedLinkReferences": deployed["linkReferences"],
        "immutableReferences": sorted(
            (
                {"name": variables[ast_id], **place}
                for ast_id, places in deployed.get("immutableReferences", {}).items()
                for place in places
            ),
            key=lambda place: int(place["start"]),
        ),
        "linkReferences": creation["linkReferences"],
        "sourceName": source_name,
        "storageLayout": _without_ast_ids(compiled["storageLayout"]),
    }
    return json.dumps(artifact, indent=1, sort_keys=True) + "\n"


def _variables(tree: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - any JSON value
    """The AST id and the name of every variable that a syntax tree declares."""
    match tree:
        case {"nodeType": "VariableDeclaration", "id": ast_id, "name": name}:
            yield str(ast_id), name
        case dict():
            for value in tree.values():
                yield from _variables(value)
        case list():
            for value in tree:
                yield from _variables(value)


def _without_ast_ids(layout: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Take the AST ids out of a storage layout: `astId`, and `t_struct(Header)214_storage`."""
    match layout:
        case dict():
            return {
                _without_ast_ids(key): _without_ast_ids(value)
                for key, value in layout.items()
                if key != "astId"
            }
        case list():
            return [_without_ast_ids(value) for value in layout]
        case str():
            return re.sub(
                r"(t_(?:contract|enum|struct|userDefinedValueType)\([^)]*\))\d+", r"\1", layout
            )
        case _:
            return layout


def main(arguments: list[str] | None = None) -> int:
    """Write the artefacts, or with --check compare them; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.compile_contracts", description=main.__doc__
    )
    parser.add_argument(
        "--check", action="store_true", help="change nothing; exit 1 if an artefact is out of date"
    )
    options = parser.parse_args(arguments)
    try:
        compiled = compile_artifacts()
    except CompilationError as error:
        print(f"compile_contracts: {error}", file=sys.stderr)
        return 2
    if not options.check:
        write_artifacts(compiled)
        names = ", ".join(sorted(compiled)) or "none"
        print(f"{len(compiled)} artefacts in deploy/{ARTIFACTS.name}: {names}")
        return 0
    found = list(differences(committed_artifacts(), compiled))
    if found:
        print(
            "\n".join([*found, "Out of date: run `make contracts` and commit deploy/artifacts."]),
            file=sys.stderr,
        )
        return 1
    print(f"{len(compiled)} artefacts are what the sources compile to")
    return 0


if __name__ == "__main__":
    sys.exit(main())
