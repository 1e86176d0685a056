"""Which bus a network itself makes weak."""

from __future__ import annotations

import numpy as np

from oracle.study import Study


def farthest_bus(study: Study) -> int:
    """The load bus with the greatest effective reactance to the largest power station.

    Our reading of "weak" where weakness is a property of the wires: the voltage of such a bus
    stands the farthest from the source. Ties go to the lower bus.
    """
    network = study.network
    grid = network.grid
    laplacian = np.zeros((grid.n_bus, grid.n_bus))
    b = np.ldexp(grid.b.astype(np.float64), -grid.shift)
    for start, end, weight in zip(grid.line_from, grid.line_to, b, strict=True):
        laplacian[[start, end], [start, end]] += weight
        laplacian[[start, end], [end, start]] -= weight
    inverse = np.linalg.pinv(laplacian, hermitian=True)
    source = max(network.generators, key=lambda station: station.p_max_wh).bus
    reactance = np.diag(inverse) + inverse[source, source] - 2 * inverse[source]
    consumers = np.unique(study.bus[study.fstar_ppb > 0])
    return int(consumers[np.argmax(reactance[consumers].round(12))])
