"""Run Slither on contracts/src and hold its findings against contracts/slither-answers.toml.

Exit code 0 if every finding is answered and every answer still has a finding. Run by `make slither`, in Slither's own
environment; nothing beyond the standard library is imported.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

CONTRACTS = Path(__file__).resolve().parent.parent
BUILD = "cache/slither"
FORGE = CONTRACTS / "node_modules" / "@foundry-rs" / "forge-linux-amd64" / "bin"


def findings() -> list[dict[str, Any]]:
    """Compile the sources and return what Slither finds in them."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{FORGE}{os.pathsep}{os.environ['PATH']}"
    env = os.environ | {
        "FOUNDRY_OUT": f"{BUILD}/out",
        "FOUNDRY_CACHE_PATH": f"{BUILD}/cache",
        "PATH": path,
    }

    def run(*command: str) -> int:
        return subprocess.run(command, cwd=CONTRACTS, env=env, stdout=sys.stderr).returncode

    shutil.rmtree(CONTRACTS / BUILD, ignore_errors=True)  # what is stale there would be analysed too
    if run("forge", "build", "--build-info", "--ast", "--skip", "test/**"):
        sys.exit("slither: the contracts do not compile")
    report = CONTRACTS / BUILD / "report.json"
    report.unlink(missing_ok=True)
    run(
        *("slither", ".", "--ignore-compile", "--foundry-out-directory", f"{BUILD}/out"),
        *("--filter-paths", "node_modules|test", "--json", str(report), "--disable-color"),
    )
    if not report.is_file():
        sys.exit("slither: it did not run; see above")
    found = json.loads(report.read_text())
    if not found["success"]:
        sys.exit(f"slither: {found['error']}")
    return list(found["results"].get("detectors", []))


def place(element: dict[str, Any]) -> str:
    """Where something stands: `Contract.function` or `Contract.function.variable`."""
    inside = element.get("type_specific_fields", {}).get("parent")
    name: str = element["name"]
    return f"{place(inside)}.{name}" if inside and inside["type"] != "contract_file" else name


def main() -> int:
    """Compare findings and answers; returns the exit code."""
    answers = tomllib.loads((CONTRACTS / "slither-answers.toml").read_text())
    unused = {(c, where) for c, a in answers.items() for where in a.get("where", ["any"])}
    unanswered, answered = [], Counter[tuple[str, str]]()
    for finding in findings():
        check = finding["check"]
        answer = answers.get(check, {})
        places = {place(e) for e in finding["elements"] if e["type"] in ("function", "variable")}
        matching = {"any"} if answer.get("any") else places & set(answer.get("where", ()))
        if matching:
            answered[finding["impact"], check] += 1
            unused -= {(check, where) for where in matching}
        else:
            where = ", ".join(sorted(places)) or "no function or variable"
            unanswered.append(f"{finding['impact']} {check} in {where}: {finding['description'].strip()}")
    for (impact, check), count in sorted(answered.items()):
        print(f"{impact:<14}{check:<26}{count:>3}  {answers[check]['answer']}")
    for line in unanswered:
        print(f"NOT ANSWERED  {line}")
    for check, where in sorted(unused):
        print(f"NO FINDING    {check}: {where} is answered, and not found any more")
    total = sum(answered.values())
    print(f"\n{total} findings answered, {len(unanswered)} not, {len(unused)} answers too many")
    return 1 if unanswered or unused else 0


if __name__ == "__main__":
    sys.exit(main())
