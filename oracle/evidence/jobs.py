"""What there is to run: jobs that name themselves by a hash of everything that they depend on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from offchain.errors import InputError
from offchain.keccak import keccak
from offchain.mechanisms.priority import FAIR_PLAY
from offchain.policy import Policy
from offchain.units import PPB
from oracle.evidence.asking import Asking
from oracle.evidence.config import MEMORY_ONLY, EvidenceConfig
from oracle.evidence.record import Span
from oracle.plain import plain
from oracle.study import StudyConfig

#: Raised whenever what is measured changes, so that older results are not taken for new ones.
FORMAT: Final = 2
#: The part that compares all mechanisms on the paper's networks.
MAIN: Final = "main"
_PPB_PER_PERMILLE: Final = PPB // 1000


@dataclass(frozen=True)
class MarketJob:
    """A market run under one mechanism.

    Attributes:
        part: the experiment that it belongs to.
        variant: which of the experiment's variants it is.
        mechanism: by name.
        study: the market.
        policy: the mechanism's numbers.
        asking: how requests follow from needs.
        span: how the run is measured.
        committed: settle, hash and chain every interval.
        samples: how many of these to keep with their certificates.
    """

    part: str
    variant: str
    mechanism: str
    study: StudyConfig
    policy: Policy
    asking: Asking
    span: Span
    committed: bool = False
    samples: int = 0

    @property
    def network(self) -> str:
        """The network's name."""
        return self.study.case

    @property
    def intervals(self) -> int:
        """How many clearings it takes."""
        return self.study.intervals


@dataclass(frozen=True)
class TriggerJob:
    """Event-triggered clearing at one threshold."""

    part: str
    variant: str
    study: StudyConfig
    policy: Policy
    sigma_ppb: int
    tightness_ppb: int

    @property
    def network(self) -> str:
        """The network's name."""
        return self.study.case

    @property
    def intervals(self) -> int:
        """How many clearings it takes."""
        return self.study.intervals


@dataclass(frozen=True)
class OperatorJob:
    """The clearing operator at all steps, on scarce intervals of a market."""

    part: str
    variant: str
    study: StudyConfig
    policy: Policy
    eta_permille: tuple[int, ...]
    iterations: int
    scarce_intervals: int

    @property
    def network(self) -> str:
        """The network's name."""
        return self.study.case

    @property
    def intervals(self) -> int:
        """How many clearings it takes."""
        return 2 * self.scarce_intervals * len(self.eta_permille) * self.iterations


Job = MarketJob | TriggerJob | OperatorJob


def key(job: Job) -> str:
    """The name of a job's result: 40 hexadecimal digits of a hash of all that it depends on."""
    text = json.dumps([FORMAT, type(job).__name__, plain(job)], sort_keys=True)
    return keccak(text.encode())[:20].hex()


def plan(config: EvidenceConfig) -> list[Job]:
    """All jobs: the comparison of mechanisms first, then the rest, each seed by seed.

    So a run that was interrupted has whole seeds. Jobs of one market stand next to each other.

    Raises:
        InputError: the configuration asks for no run.
    """
    if config.run.seeds < 1 or config.run.intervals < 1:
        raise InputError("seeds and intervals: give 1 or more")
    jobs = dict.fromkeys(_Planner(config).jobs())
    markets: dict[StudyConfig, int] = {}
    for job in jobs:
        markets.setdefault(_market(job), len(markets))
    return sorted(jobs, key=lambda job: (job.part != MAIN, job.study.seed, markets[_market(job)]))


def _market(job: Job) -> StudyConfig:
    """What its study is drawn from: all but the target."""
    return replace(job.study, fstar_ppb=0)


class _Planner:
    """Turns sections of the configuration into jobs."""

    def __init__(self, config: EvidenceConfig) -> None:
        self._config = config
        readings = config.readings
        self._span = Span(readings.settling_intervals, readings.day_intervals)

    def jobs(self) -> Iterator[Job]:
        """Everything."""
        yield from self._main()
        yield from self._rates()
        yield from self._sensitivity()
        yield from self._forecast()
        yield from self._requesting()
        yield from self._operator()
        yield from self._trigger()
        yield from self._large()

    def _policy(self, mechanism: str) -> Policy:
        policy = self._config.policy
        if mechanism == MEMORY_ONLY:
            return replace(policy, gamma_ppb=self._config.memory_only.gamma_ppb)
        return policy

    def _study(self, network: str, seed: int) -> StudyConfig:
        run = self._config.run
        return replace(self._config.study, case=network, seed=seed, intervals=run.intervals)

    def _market(
        self,
        part: str,
        variant: str,
        mechanism: str,
        study: StudyConfig,
        *,
        policy: Policy | None = None,
        asking: Asking | None = None,
    ) -> MarketJob:
        policy = policy or self._policy(mechanism)
        return MarketJob(part, variant, mechanism, study, policy, asking or Asking(), self._span)

    def _main(self) -> Iterator[Job]:
        """Every mechanism on the same markets; Fair Play at other targets on one network."""
        run, readings, sample = self._config.run, self._config.readings, self._config.sample
        for network in run.networks:
            for seed in range(1, run.seeds + 1):
                study = self._study(network, seed)
                for mechanism in run.mechanisms:
                    job = self._market(MAIN, "", mechanism, study)
                    if mechanism == FAIR_PLAY.name:
                        job = replace(job, committed=True, samples=sample.per_run)
                    yield job
                if network == readings.other_network:
                    yield from self._other_targets(study)
                    yield from self._other_stations(study)

    def _other_stations(self, study: StudyConfig) -> Iterator[Job]:
        readings = self._config.readings
        fields = {**vars(study), "scarce_stations": readings.other_stations}
        for mechanism in (FAIR_PLAY.name, MEMORY_ONLY, *readings.baselines):
            yield self._market("stations", "", mechanism, StudyConfig(**fields))

    def _other_targets(self, study: StudyConfig) -> Iterator[Job]:
        for fstar in self._config.readings.other_fstar_permille:
            changed = replace(study, fstar_ppb=fstar * _PPB_PER_PERMILLE)
            for mechanism in (FAIR_PLAY.name, MEMORY_ONLY):
                yield self._market("target", str(fstar), mechanism, changed)

    def _rates(self) -> Iterator[Job]:
        rates, run = self._config.rates, self._config.run
        for network in run.networks:
            for seed in range(1, rates.seeds + 1):
                for regime, fstar in rates.regimes.items():
                    study = replace(
                        self._study(network, seed),
                        limit_rule=rates.limit_rule,
                        windows=max(1, run.intervals // rates.frame_intervals),
                        fstar_ppb=fstar * _PPB_PER_PERMILLE,
                    )
                    yield self._market("rates", regime, FAIR_PLAY.name, study)

    def _sensitivity(self) -> Iterator[Job]:
        given = self._config.sensitivity
        for seed in range(1, given.seeds + 1):
            study = self._study(given.network, seed)
            for mechanism, name, values in given.moved:
                for value in values:
                    changes: dict[str, Any] = {f"{name}_ppb": value * _PPB_PER_PERMILLE}
                    policy = replace(self._policy(mechanism), **changes)
                    yield self._market(
                        "sensitivity", f"{name}={value}", mechanism, study, policy=policy
                    )
            for value in self._further_targets():
                changed = replace(study, fstar_ppb=value * _PPB_PER_PERMILLE)
                yield self._market("sensitivity", f"fstar={value}", FAIR_PLAY.name, changed)

    def _further_targets(self) -> tuple[int, ...]:
        """Targets of the sensitivity that are not run as other targets of the readings."""
        given, readings = self._config.sensitivity, self._config.readings
        run = readings.other_fstar_permille if given.network == readings.other_network else ()
        return tuple(value for value in given.fstar_permille if value not in run)

    def _forecast(self) -> Iterator[Job]:
        given = self._config.forecast
        for seed in range(1, given.seeds + 1):
            study = self._study(given.network, seed)
            for error in given.error_permille:
                for mechanism in given.mechanisms:
                    yield self._market(
                        "forecast", str(error), mechanism, study, asking=Asking(error)
                    )

    def _requesting(self) -> Iterator[Job]:
        given = self._config.requesting
        for seed in range(1, given.seeds + 1):
            study = self._study(given.network, seed)
            for cap in given.cap_permille:
                for factor in given.factor_permille:
                    asking = Asking(0, given.strategist_permille, factor, cap)
                    yield self._market(
                        "requesting", f"{factor}/{cap}", FAIR_PLAY.name, study, asking=asking
                    )

    def _operator(self) -> Iterator[Job]:
        given = self._config.operator
        for network in self._config.run.networks:
            for seed in range(1, given.seeds + 1):
                yield OperatorJob(
                    "operator",
                    "",
                    self._study(network, seed),
                    self._config.policy,
                    given.eta_permille,
                    given.iterations,
                    given.scarce_intervals,
                )

    def _trigger(self) -> Iterator[Job]:
        given = self._config.event_trigger
        policy = replace(self._config.policy, gamma_ppb=given.gamma_ppb)
        for network in self._config.run.networks:
            for noise in given.noise_permille:
                for seed in range(1, given.seeds + 1):
                    study = self._trigger_study(network, noise, seed)
                    for sigma in given.sigma_permille:
                        yield TriggerJob(
                            "event trigger",
                            f"{noise}/{sigma}",
                            study,
                            policy,
                            sigma * _PPB_PER_PERMILLE,
                            given.tightness_permille * _PPB_PER_PERMILLE,
                        )

    def _trigger_study(self, network: str, noise: int, seed: int) -> StudyConfig:
        given = self._config.event_trigger
        study = replace(
            self._study(network, seed),
            intervals=given.intervals,
            windows=given.windows,
            noise_permille=noise,
        )
        if noise == 0:
            middle = sum(study.scarce_permille) // 2
            study = replace(study, scarce_permille=(middle, middle))
        return study

    def _large(self) -> Iterator[Job]:
        given = self._config.large
        if given.intervals == 0:
            return
        for seed in range(1, given.seeds + 1):
            study = replace(
                self._study(given.network, seed),
                intervals=given.intervals,
                limit_rule=given.limit_rule,
            )
            for mechanism in given.mechanisms:
                yield self._market("large", "", mechanism, study)


def described(job: Job) -> dict[str, Any]:
    """A job as it is written next to its result."""
    return {"kind": type(job).__name__, "key": key(job), **json.loads(json.dumps(plain(job)))}
