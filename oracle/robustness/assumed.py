"""Every assumption of the robustness study, in one place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

#: Quantities that a mistake is measured against are percent throughout.
PERCENT: Final = 100


@dataclass(frozen=True)
class Assumed:
    """What is run.

    Attributes:
        networks: names of IEEE cases, each with how many participants it has.
        intervals: half-hours of each market.
        seeds: markets of each network.
        use: by how much use differs from the allocation, percent.
        ratings: by how much the registered limits are above the true ones, percent.
        impedances: by how much true susceptances differ from the registered ones, percent.
        derating: by how much limits are registered below the true ones, percent.
        noise: standard deviation of a meter's error, percent of what it measures.
        missing: readings that never arrive, percent.
        behaviour: by how much use differs from the allocation where meters are studied, percent.
        late: readings that come an interval late, percent; as many of these come two late, and so on.
        lags: intervals after which readings are settled; each is tried with each of `late`.
    """

    networks: tuple[tuple[str, int], ...] = (("ieee14", 60), ("ieee57", 120), ("ieee118", 240))
    intervals: int = 48
    seeds: tuple[int, ...] = (1, 2, 3)
    use: tuple[float, ...] = (0.1, 1, 2, 5, 10, 20)
    ratings: tuple[float, ...] = (0.1, 1, 2, 5, 10, 20)
    impedances: tuple[float, ...] = (0.1, 1, 5, 10, 20)
    derating: tuple[int, ...] = (5, 10, 20, 30)
    noise: tuple[float, ...] = (0.0, 0.5, 1.0, 2.0, 5.0)
    missing: tuple[int, ...] = (0, 1, 5, 20)
    behaviour: int = 5
    late: tuple[int, ...] = (5, 20)
    lags: tuple[int, ...] = (1, 2, 4)

    def quick(self) -> Assumed:
        """A short run of everything."""
        return replace(
            self,
            networks=(("ieee14", 40),),
            intervals=24,
            seeds=(1,),
        )
