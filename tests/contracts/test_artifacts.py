"""The committed artefacts are what the committed sources compile to, byte for byte."""

import json
from pathlib import Path

import pytest

from deploy import compile_contracts
from deploy.compile_contracts import (
    CompilationError,
    committed_artifacts,
    compile_artifacts,
    differences,
    write_artifacts,
)

needs_compiler = pytest.mark.skipif(
    not compile_contracts.compiler_is_installed(),
    reason="the Solidity compiler is not installed (make setup-node)",
)

COUNTER = """
// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;
contract Counter {
    struct Entry { uint256 count; }
    mapping(address who => Entry entry) internal _entries;
    address public immutable OWNER = msg.sender;
    function add() external { _entries[msg.sender].count += 1; }
}
abstract contract Unfinished { function later() external virtual; }
interface ICounter { function add() external; }
library Sums { function twice(uint256 x) internal pure returns (uint256) { return x + x; } }
"""
UNRELATED = """
// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;
contract Another { struct Row { uint8 a; } Row internal _row; function f() external { _row.a = 1; } }
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A Foundry project of one source, with the settings of ours."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "Counter.sol").write_text(COUNTER)
    settings = (compile_contracts.CONTRACTS / "foundry.toml").read_text()
    (tmp_path / "foundry.toml").write_text(settings)
    return tmp_path


@needs_compiler
def test_the_committed_artifacts_are_what_the_sources_compile_to() -> None:
    assert "\n".join(differences(committed_artifacts(), compile_artifacts())) == ""


@needs_compiler
def test_only_what_can_be_deployed_and_called_becomes_an_artifact(project: Path) -> None:
    assert list(compile_artifacts(project)) == ["Counter.json"]


@needs_compiler
def test_an_artifact_does_not_change_with_its_neighbours(project: Path) -> None:
    alone = compile_artifacts(project)["Counter.json"]
    (project / "src" / "Another.sol").write_text(UNRELATED)
    assert compile_artifacts(project)["Counter.json"] == alone


@needs_compiler
def test_a_comment_does_not_change_an_artifact(project: Path) -> None:
    before = compile_artifacts(project)
    (project / "src" / "Counter.sol").write_text(COUNTER + "\n// A last word.\n")
    assert compile_artifacts(project) == before


@needs_compiler
def test_an_artifact_tells_where_immutables_and_storage_lie(project: Path) -> None:
    artifact = json.loads(compile_artifacts(project)["Counter.json"])
    code = bytes.fromhex(artifact["deployedBytecode"].removeprefix("0x"))
    assert artifact["immutableReferences"]
    for place in artifact["immutableReferences"]:
        assert code[place["start"] : place["start"] + place["length"]] == bytes(place["length"])
    assert [(row["label"], row["slot"]) for row in artifact["storageLayout"]["storage"]] == [
        ("_entries", "0")
    ]


@needs_compiler
def test_a_warning_stops_the_compilation(project: Path) -> None:
    source = COUNTER.replace("{ _entries", "{ uint256 unused; _entries")
    (project / "src" / "Counter.sol").write_text(source)
    with pytest.raises(CompilationError, match="Unused local variable"):
        compile_artifacts(project)


@needs_compiler
def test_a_source_that_does_not_compile_is_told_with_its_place(project: Path) -> None:
    (project / "src" / "Counter.sol").write_text(COUNTER.replace("+= 1", "+= one"))
    with pytest.raises(CompilationError, match=r"src/Counter\.sol:8"):
        compile_artifacts(project)


@needs_compiler
def test_two_contracts_of_one_name_are_refused(project: Path) -> None:
    (project / "src" / "Other.sol").write_text(COUNTER)
    with pytest.raises(CompilationError, match="two contracts are named Counter"):
        compile_artifacts(project)


def test_a_project_without_sources_has_no_artifacts(tmp_path: Path) -> None:
    assert compile_artifacts(tmp_path) == {}


def test_every_kind_of_difference_is_told() -> None:
    committed = {"Gone.json": "{}\n", "Same.json": "{}\n", "Changed.json": '{"a": 1}\n'}
    compiled = {"New.json": "{}\n", "Same.json": "{}\n", "Changed.json": '{"a": 2}\n'}
    told = "\n".join(differences(committed, compiled))
    assert "Gone.json: committed, but no contract" in told
    assert "New.json: missing" in told
    assert '-{"a": 1}' in told
    assert '+{"a": 2}' in told
    assert "Same.json" not in told


def test_writing_leaves_exactly_the_compiled_artifacts(tmp_path: Path) -> None:
    (tmp_path / "Gone.json").write_text("{}\n")
    write_artifacts({"New.json": "{}\n"}, tmp_path)
    assert committed_artifacts(tmp_path) == {"New.json": "{}\n"}


def test_check_fails_and_changes_nothing_when_an_artifact_is_out_of_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "Counter.json").write_text("{}\n")
    monkeypatch.setattr(compile_contracts, "compile_artifacts", lambda: {"Counter.json": "[]\n"})
    monkeypatch.setattr(
        compile_contracts, "committed_artifacts", lambda: committed_artifacts(tmp_path)
    )
    assert compile_contracts.main(["--check"]) == 1
    assert "make contracts" in capsys.readouterr().err
    assert committed_artifacts(tmp_path) == {"Counter.json": "{}\n"}
