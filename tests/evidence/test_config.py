"""Every assumption has a name, and a wrong one is one clear line."""

from __future__ import annotations

from dataclasses import fields, replace
from importlib import resources
from pathlib import Path

import pytest

from offchain.errors import InputError
from oracle.evidence.config import load_config
from oracle.evidence.jobs import MarketJob, key, plan
from oracle.study import StudyConfig

TEXT = resources.files("oracle.evidence").joinpath("fair_play.toml").read_text("utf-8")


def given(tmp_path: Path, old: str, new: str) -> Path:
    """The bundled file with one change."""
    assert old in TEXT
    path = tmp_path / "other.toml"
    path.write_text(TEXT.replace(old, new, 1))
    return path


def test_the_bundled_file_asks_for_what_the_paper_reports() -> None:
    config = load_config()
    assert config.run.networks == config.paper.networks == ("ieee14", "ieee57", "ieee118")
    assert config.run.intervals == config.paper.intervals == 5000
    assert config.run.seeds >= 10
    assert len(config.run.mechanisms) >= 6


def test_every_assumption_about_the_market_stands_in_the_file() -> None:
    named = {field.name for field in fields(StudyConfig)} - {
        "case", "participants", "intervals", "seed",
    }  # fmt: skip
    section = TEXT.partition("[study]")[2].partition("[policy]")[0]
    assert {line.split(" ")[0] for line in section.splitlines()} >= named


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("version = 2", "version = 3", "config.version: 3"),
        ("[rates]", "[speeds]", "config.rates: the section is missing"),
        ("windows = 5", "", "config.study.windows: is missing"),
        ("windows = 5", "windows = 5\nweather = 1", "config.study.weather: there is no such field"),
        ("windows = 5", "windows = 'five'", "config.study.windows: 'five' is no int"),
        ("k_max = 1024", "k_max = 0", "policy.k_max"),
        ('"lmp",', '"lmp", "lottery",', "no mechanism 'lottery'"),
        ('"equal-weight", "equal-weight-random", "eq', '"eq', "equal-weight is missing"),
        ("version = 2", "version = ", "not TOML"),
    ],
)
def test_a_wrong_file_is_refused_by_section_and_field(
    tmp_path: Path, old: str, new: str, complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        load_config(given(tmp_path, old, new))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"config: none\.toml cannot be read"):
        load_config(tmp_path / "none.toml")


def test_a_key_changes_with_every_assumption_it_depends_on() -> None:
    job = next(job for job in plan(load_config()) if isinstance(job, MarketJob))
    others = [
        replace(job, mechanism="lmp"),
        replace(job, study=replace(job.study, noise_permille=121)),
        replace(job, policy=replace(job.policy, beta_ppb=1)),
        replace(job, asking=replace(job.asking, cap_permille=1)),
    ]
    assert len({key(one) for one in (job, *others)}) == len(others) + 1
    assert key(job) == key(replace(job))


def test_all_mechanisms_see_the_same_markets() -> None:
    jobs = [job for job in plan(load_config()) if isinstance(job, MarketJob) and job.part == "main"]
    by_mechanism = {
        name: [job.study for job in jobs if job.mechanism == name]
        for name in load_config().run.mechanisms
    }
    first, *others = by_mechanism.values()
    assert len(first) == 30
    assert all(studies == first for studies in others)


def test_mechanisms_are_compared_first_and_seed_by_seed() -> None:
    order = [(job.part != "main", job.study.seed) for job in plan(load_config())]
    assert order == sorted(order)


def test_every_experiment_keeps_to_the_seeds_that_are_left_to_it() -> None:
    assert {job.study.seed for job in plan(load_config().limited(2, None))} == {1, 2}
    quick = plan(load_config().shortened())
    assert {job.study.seed for job in quick if job.part == "main"} == {1, 2}
    assert {job.study.seed for job in quick if job.part == "sensitivity"} == {1}


def test_no_job_is_planned_twice() -> None:
    keys = [key(job) for job in plan(load_config())]
    assert len(set(keys)) == len(keys)
