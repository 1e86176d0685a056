"""Brownie as a workbench for the contracts: a console and tests with coverage, on anvil.

    make brownie                       compile, then the workbench's tests with coverage
    make brownie ARGS=console          a console with every contract in it

Runs in brownie's own environment. A brownie project is put together in that environment's folder, out of links to the
sources, to OpenZeppelin and to contracts/workbench, so that brownie leaves nothing among the sources.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

CONTRACTS = Path(__file__).resolve().parent.parent
ENVIRONMENT = Path(sys.executable).parent.parent
PROJECT = ENVIRONMENT / "workbench"
STORE = ENVIRONMENT / "solc"
ANVIL = CONTRACTS / "node_modules" / "@foundry-rs" / "anvil-linux-amd64" / "bin"


def trace_steps() -> Path:
    """Put an anvil that keeps every step where brownie finds it first: without them it sees no coverage."""
    folder = ENVIRONMENT / "anvil"
    folder.mkdir(exist_ok=True)
    script = folder / "anvil"
    script.write_text(f'#!/bin/sh\nexec "{ANVIL}/anvil" --steps-tracing "$@"\n')
    script.chmod(0o755)
    return folder


def use_plain_coverage() -> None:
    """Let brownie run its coverage from the Python beside the compiled form.

    Compiled, brownie 1.22.2 takes a list for a dictionary there and fails at the end of every run with coverage.
    """
    (package,) = (ENVIRONMENT / "lib").glob("python3*/site-packages/brownie/test")
    for name in ("coverage", "output"):
        for compiled in package.glob(f"{name}.*.so"):
            compiled.unlink()


def link(source: Path, target: Path) -> None:
    """Make target a link to source."""
    if target.is_symlink():
        target.unlink()
    target.symlink_to(source)


def main(arguments: list[str]) -> int:
    """Put the project together and run brownie in it; returns its exit code."""
    use_plain_coverage()
    PROJECT.mkdir(exist_ok=True)
    STORE.mkdir(exist_ok=True)
    sources = PROJECT / "contracts"
    shutil.rmtree(sources, ignore_errors=True)
    shutil.copytree(CONTRACTS / "src", sources)  # brownie does not follow links when it looks for sources
    link(CONTRACTS / "node_modules", PROJECT / "node_modules")
    link(CONTRACTS / "workbench" / "tests", PROJECT / "tests")
    for name in ("brownie-config.yaml", "pytest.ini"):
        shutil.copyfile(CONTRACTS / "workbench" / name, PROJECT / name)
    path = (trace_steps(), ENVIRONMENT / "bin", CONTRACTS / "tools", os.environ["PATH"])
    env = os.environ | {
        "CLEARWATT_NODE_MODULES": str(CONTRACTS / "node_modules"),
        "HOME": str(ENVIRONMENT),  # brownie keeps its settings in the home directory
        "PATH": os.pathsep.join(map(str, path)),
        "SOLCX_BINARY_PATH": str(STORE),
    }
    adopt = "import solcx; print('compiler', solcx.import_installed_solc())"

    def run(*command: str) -> int:
        return subprocess.run(command, cwd=PROJECT, env=env).returncode

    if not any(STORE.iterdir()) and run(sys.executable, "-c", adopt):
        return 1
    if arguments:
        return run("brownie", *arguments)
    (PROJECT / "build" / "tests.json").unlink(missing_ok=True)  # coverage is measured, not remembered
    return run("brownie", "compile") or run("brownie", "test", "--coverage", "--disable-warnings")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
