"""`clearwatt bill` prints from a demonstration's bundles alone."""

import json
import re
from pathlib import Path

import pytest

from oracle import cli
from oracle.bundles import BundleDirectory
from oracle.commands.bill import read_bill

RUN = ["--participants", "10", "--intervals", "4", "--seed", "5"]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundles of a small demonstration, whose meters are read after two intervals."""
    directory = tmp_path_factory.mktemp("demo") / "bundles"
    assert cli.run(["demo", *RUN, "--json", "--out", str(directory)]) == 0
    return directory


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert cli.run(["bill", *arguments]) == 0
    return capsys.readouterr().out


def test_a_bill_of_a_demonstration_names_every_line(
    kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = printed(capsys, "--participant", "5", "--interval", "4", "--bundles", str(kept))
    assert page.startswith("Participant 5, interval 4\n")
    for name in ("Energy", "Pot", "Shortfall", "Subscription", "Imbalance", "Returned", "Total"):
        assert re.search(rf"^{name} +-?\d+\.\d{{6}}", page, re.MULTILINE)
    assert "Interval 2" in page


def test_the_bills_of_a_demonstration_s_interval_sum_to_zero(kept: Path) -> None:
    bundles = BundleDirectory.open(kept)
    for interval in range(1, 5):
        bills = [read_bill(bundles, interval, i) for i in range(11)]
        assert sum(b.total for b in bills) == 0


def test_a_bill_as_json_has_the_same_numbers(
    kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--participant", "5", "--interval", "4", "--bundles", str(kept), "--json")
    told = json.loads(printed(capsys, *arguments))
    assert told["total"] == sum(line["amount"] for line in told["lines"])
    assert told["balance_after"] == told["balance_before"] + told["total"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--participant", "99", "--interval", "1"), "participant: 99 is not registered"),
        (("--participant", "1", "--interval", "9"), "interval: no bundle of interval 9"),
        (("--participant", "1", "--interval", "0"), "interval: 0 is none"),
    ],
)
def test_a_bill_that_cannot_be_printed_says_why(
    kept: Path, arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["bill", *arguments, "--bundles", str(kept)]) == 2
    assert message in capsys.readouterr().err


def test_a_directory_without_bundles_is_told_with_the_remedy_for_a_bill(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--bundles", str(tmp_path)]
    assert cli.run(["bill", "--participant", "1", "--interval", "1", *where]) == 2
    assert "clearwatt demo --out" in capsys.readouterr().err
