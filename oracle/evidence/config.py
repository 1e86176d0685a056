"""The configuration of the evidence: every assumption, read from one versioned file.

The file that comes with the package is `fair_play.toml`; another one can be given, and is held to
the same fields.
"""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass, fields, replace
from importlib import resources
from pathlib import Path
from typing import Any, Final, TypeVar

from offchain.errors import InputError
from offchain.mechanisms.priority import FAIR_PLAY
from offchain.mechanisms.registry import MECHANISM_NAMES
from offchain.policy import DEFAULT_POLICY, Policy
from oracle.study import StudyConfig

VERSION: Final = 2
#: Fair Play's key from the shortage memory alone; no ledger knows it.
MEMORY_ONLY: Final = "memory-only"
#: Equal weight as a linear program, for comparison only.
EQUAL_WEIGHT_LP: Final = "equal-weight-lp"
_SHARE_OF_STUDY: Final = ("case", "participants", "intervals", "seed")

_T = TypeVar("_T")


@dataclass(frozen=True)
class Paper:
    """What the paper says, as far as it is published."""

    title: str
    source: str
    networks: tuple[str, ...]
    intervals: int
    rate: str
    reduction_ieee57_percent: int
    reduction_most_percent: int


@dataclass(frozen=True)
class MainRun:
    """Networks, seeds 1 ... `seeds` and mechanisms that are all compared with each other."""

    networks: tuple[str, ...]
    seeds: int
    intervals: int
    mechanisms: tuple[str, ...]


@dataclass(frozen=True)
class MemoryOnly:
    """The mechanism `memory-only`."""

    gamma_ppb: int


@dataclass(frozen=True)
class ReadingsConfig:
    """How "peak weak-bus fairness error" is read (`oracle.evidence.readings`)."""

    settling_intervals: int
    day_intervals: int
    weak_buses: tuple[str, ...]
    errors: tuple[str, ...]
    baselines: tuple[str, ...]
    stated: tuple[str, str, str]
    other_network: str
    other_fstar_permille: tuple[int, ...]
    other_stations: str


@dataclass(frozen=True)
class Rates:
    """The experiment on the speed of convergence."""

    seeds: int
    limit_rule: str
    frame_intervals: int
    slack_permille: int
    boundary_permille: int
    infeasible_permille: int
    fit_from_permille: int

    @property
    def regimes(self) -> dict[str, int]:
        """F* of each regime, permille, by its name."""
        return {
            "slack": self.slack_permille,
            "boundary": self.boundary_permille,
            "infeasible": self.infeasible_permille,
        }


@dataclass(frozen=True)
class OperatorConfig:
    """The experiment on the clearing operator (T2)."""

    seeds: int
    eta_permille: tuple[int, ...]
    iterations: int
    scarce_intervals: int


@dataclass(frozen=True)
class EventTriggerConfig:
    """The experiment on event-triggered clearing (T4)."""

    seeds: int
    intervals: int
    gamma_ppb: int
    sigma_permille: tuple[int, ...]
    tightness_permille: int
    noise_permille: tuple[int, ...]
    windows: int


@dataclass(frozen=True)
class Sensitivity:
    """Fair Play, and its memory alone, with one parameter moved at a time."""

    network: str
    seeds: int
    beta_permille: tuple[int, ...]
    gamma_permille: tuple[int, ...]
    tau_permille: tuple[int, ...]
    fstar_permille: tuple[int, ...]
    memory_beta_permille: tuple[int, ...]
    memory_gamma_permille: tuple[int, ...]

    @property
    def moved(self) -> tuple[tuple[str, str, tuple[int, ...]], ...]:
        """Mechanism, parameter of the policy and its other values, permille."""
        return (
            (FAIR_PLAY.name, "beta", self.beta_permille),
            (FAIR_PLAY.name, "gamma", self.gamma_permille),
            (FAIR_PLAY.name, "tau", self.tau_permille),
            (MEMORY_ONLY, "beta", self.memory_beta_permille),
            (MEMORY_ONLY, "gamma", self.memory_gamma_permille),
        )


@dataclass(frozen=True)
class Forecast:
    """Requests that are forecasts of needs."""

    network: str
    seeds: int
    error_permille: tuple[int, ...]
    mechanisms: tuple[str, ...]


@dataclass(frozen=True)
class Requesting:
    """Requests above needs, with and without a cap by contract."""

    network: str
    seeds: int
    strategist_permille: int
    factor_permille: tuple[int, ...]
    cap_permille: tuple[int, ...]


@dataclass(frozen=True)
class Large:
    """A network beyond the paper's."""

    network: str
    limit_rule: str
    seeds: int
    intervals: int
    mechanisms: tuple[str, ...]


@dataclass(frozen=True)
class SampleConfig:
    """What is verified in the EVM."""

    per_run: int
    tampered_per_network: int


@dataclass(frozen=True)
class Quick:
    """What a quick run takes instead."""

    seeds: int
    intervals: int
    other_seeds: int
    event_trigger_intervals: int
    operator_scarce_intervals: int
    large_intervals: int


@dataclass(frozen=True)
class EvidenceConfig:
    """Everything that is assumed, section by section of the file."""

    version: int
    paper: Paper
    run: MainRun
    study: StudyConfig
    policy: Policy
    memory_only: MemoryOnly
    readings: ReadingsConfig
    rates: Rates
    operator: OperatorConfig
    event_trigger: EventTriggerConfig
    sensitivity: Sensitivity
    forecast: Forecast
    requesting: Requesting
    large: Large
    sample: SampleConfig
    quick: Quick

    def shortened(self) -> EvidenceConfig:
        """The configuration of a quick run."""
        quick, short = self.quick, self._with_other_seeds(self.quick.other_seeds)
        return replace(
            short,
            run=replace(short.run, seeds=quick.seeds, intervals=quick.intervals),
            event_trigger=replace(short.event_trigger, intervals=quick.event_trigger_intervals),
            operator=replace(short.operator, scarce_intervals=quick.operator_scarce_intervals),
            large=replace(short.large, intervals=quick.large_intervals),
        )

    def limited(self, seeds: int | None, intervals: int | None) -> EvidenceConfig:
        """The configuration with another number of seeds or intervals, where given."""
        run = self.run
        most = run.seeds if seeds is None else seeds
        return replace(
            self._with_other_seeds(most),
            run=replace(run, seeds=most, intervals=intervals or run.intervals),
        )

    def _with_other_seeds(self, most: int) -> EvidenceConfig:
        """No more than so many seeds of every experiment but the comparison of mechanisms."""

        def held(section: _T) -> _T:
            return replace(section, seeds=min(section.seeds, most))  # type: ignore[type-var, attr-defined]

        return replace(
            self,
            rates=held(self.rates),
            operator=held(self.operator),
            event_trigger=held(self.event_trigger),
            sensitivity=held(self.sensitivity),
            forecast=held(self.forecast),
            requesting=held(self.requesting),
            large=held(self.large),
        )


def load_config(path: Path | None = None) -> EvidenceConfig:
    """Read a configuration.

    Args:
        path: of the file; None reads the one that comes with the package.

    Raises:
        InputError: names the section and the field.
    """
    if path is None:
        text = resources.files("oracle.evidence").joinpath("fair_play.toml").read_text("utf-8")
    else:
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                f"config: {path.name} cannot be read ({type(error).__name__})"
            ) from None
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"config: not TOML: {error}") from None
    return _config(tables)


def _config(tables: dict[str, Any]) -> EvidenceConfig:
    if tables.get("version") != VERSION:
        raise InputError(f"config.version: {tables.get('version')}; this program reads {VERSION}")
    sections: dict[str, Any] = {"version": VERSION}
    for field in fields(EvidenceConfig):
        if field.name != "version":
            sections[field.name] = _section(field.name, tables.get(field.name))
    unknown = sorted(set(tables) - set(sections))
    if unknown:
        raise InputError(f"config.{unknown[0]}: there is no such section")
    config = EvidenceConfig(**sections)
    _check(config)
    return config


_SECTIONS: Final[dict[str, type[Any]]] = {
    "paper": Paper,
    "run": MainRun,
    "study": StudyConfig,
    "memory_only": MemoryOnly,
    "readings": ReadingsConfig,
    "rates": Rates,
    "operator": OperatorConfig,
    "event_trigger": EventTriggerConfig,
    "sensitivity": Sensitivity,
    "forecast": Forecast,
    "requesting": Requesting,
    "large": Large,
    "sample": SampleConfig,
    "quick": Quick,
}


def _section(name: str, table: dict[str, Any] | None) -> object:
    """A section of the file as its class."""
    if not isinstance(table, dict):
        raise InputError(f"config.{name}: the section is missing")
    if name == "policy":
        known = {field.name for field in fields(Policy)}
        _refuse(name, set(table) - known, "there is no such field")
        return replace(DEFAULT_POLICY, **table)
    section = _SECTIONS[name]
    wanted = [
        field for field in fields(section) if field.name not in _SHARE_OF_STUDY or name != "study"
    ]
    _refuse(name, set(table) - {field.name for field in wanted}, "there is no such field")
    _refuse(name, {field.name for field in wanted} - set(table), "is missing")
    return _made(name, section, table)


def _made(name: str, section: type[_T], table: dict[str, Any]) -> _T:
    values = {}
    for field in dataclasses.fields(section):  # type: ignore[arg-type]
        if field.name not in table:
            continue
        value, kind = table[field.name], str(field.type)
        expected = "list" if kind.startswith("tuple") else kind.removesuffix(" | None")
        expected = "str" if kind.startswith("Literal") else expected
        right = type(value).__name__ == expected
        if not right:
            raise InputError(f"config.{name}.{field.name}: {value!r} is no {kind}")
        values[field.name] = tuple(value) if isinstance(value, list) else value
    return section(**values)


def _refuse(section: str, names: set[str], why: str) -> None:
    if names:
        raise InputError(f"config.{section}.{min(names)}: {why}")


def _check(config: EvidenceConfig) -> None:
    known = (*MECHANISM_NAMES, MEMORY_ONLY, EQUAL_WEIGHT_LP)
    named = (
        ("run", config.run.mechanisms),
        ("forecast", config.forecast.mechanisms),
        ("large", config.large.mechanisms),
        ("readings", config.readings.baselines),
    )
    for section, names in named:
        for name in names:
            if name not in known:
                raise InputError(
                    f"config.{section}: there is no mechanism '{name}'; "
                    f"choose of {', '.join(known)}"
                )
    for name in (*config.readings.baselines, "fair-play"):
        if name not in config.run.mechanisms:
            raise InputError(f"config.run.mechanisms: {name} is missing; nothing could be compared")
    if config.readings.other_network not in config.run.networks:
        raise InputError("config.readings.other_network: not one of run.networks")
