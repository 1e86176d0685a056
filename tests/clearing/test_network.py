"""The factorised grid: it solves what a dense solver solves, and its integer angles are exact."""

import numpy as np
import pytest

from offchain.clearing import sparse
from offchain.clearing.network import Network
from tests.clearing.markets import random_grid


@pytest.fixture(params=range(12))
def network(request: pytest.FixtureRequest) -> Network:
    return Network(random_grid(np.random.default_rng(request.param)))


def balanced(network: Network, rng: np.random.Generator) -> np.ndarray:
    injection = rng.integers(-(10**6), 10**6, network.n_bus)
    for island in range(network.n_island):
        members = np.flatnonzero(network.island == island)
        injection[members[0]] -= injection[members].sum()
    return injection


def flows_out(network: Network, angle: np.ndarray) -> np.ndarray:
    flow = network.weight * (angle[network.line_from] - angle[network.line_to])
    out = np.zeros(network.n_bus)
    np.add.at(out, network.line_from, flow)
    np.subtract.at(out, network.line_to, flow)
    return out


def test_angles_carry_the_injections(network: Network) -> None:
    injection = balanced(network, np.random.default_rng(0)).astype(float)
    assert flows_out(network, network.angles(injection)) == pytest.approx(injection, abs=1e-3)


def test_integer_angles_meet_integer_injections(network: Network) -> None:
    injection = balanced(network, np.random.default_rng(1))
    theta = network.whole_angles(injection)
    missed = [int(i) << network.scale_bits for i in injection]
    lines = zip(
        network.line_from.tolist(), network.line_to.tolist(), network.b.tolist(), strict=True
    )
    most = [0] * network.n_bus
    for start, end, b in lines:
        flow = b * (int(theta[start]) - int(theta[end]))
        missed[start] -= flow
        missed[end] += flow
        most[start] += b
        most[end] += b
    # Half a unit of angle at either end of every line, and a little for the floats.
    assert all(abs(m) <= 1.01 * limit for m, limit in zip(missed, most, strict=True))


def test_a_row_is_what_a_line_feels_of_every_bus(network: Network) -> None:
    injection = balanced(network, np.random.default_rng(2)).astype(float)
    angle = network.angles(injection)
    lines = list(range(len(network.weight)))
    flow = network.weight * (angle[network.line_from] - angle[network.line_to])
    assert network.rows(lines) @ injection == pytest.approx(flow, abs=1e-3)


def test_blocks_solve_what_a_dense_solver_solves(network: Network) -> None:
    """[-D, L; L, K] as the interior-point method has it."""
    rng = np.random.default_rng(3)
    n, pattern = network.n_bus, network.pattern
    weight, stiffness = rng.uniform(0.1, 10, (2, len(network.weight)))
    dense = np.zeros((n, 2, n, 2))
    value = np.zeros((len(pattern.column), 4))
    diagonal = np.zeros((n, 3))
    diagonal[:, 0] = -rng.uniform(0, 5, n) - 1e-6
    diagonal[:, 2] = network.reference
    for line, (a, b) in enumerate(zip(network.line_from, network.line_to, strict=True)):
        w, k = weight[line], stiffness[line]
        block = np.array([[0, w], [w, k]])
        for i, j, sign in ((a, a, 1), (b, b, 1), (a, b, -1), (b, a, -1)):
            dense[i, :, j, :] += sign * block
        diagonal[[a, b], 1] += w
        diagonal[[a, b], 2] += k
        value[pattern.entry[line]] -= block.ravel()
    dense[np.arange(n), 0, np.arange(n), 0] = diagonal[:, 0]
    dense[np.arange(n), 1, np.arange(n), 1] = diagonal[:, 2]
    permuted = diagonal[pattern.order]
    structure = (pattern.row_start, pattern.row, pattern.column_start, pattern.column)
    sparse.factorise_blocks(*structure, value, permuted)
    first, second = rng.normal(size=(2, n))
    expected = np.linalg.solve(
        dense.reshape(2 * n, 2 * n), np.stack((first, second), axis=1).ravel()
    )
    sparse.back_solve_blocks(
        pattern.order, pattern.column_start, pattern.column, value, permuted, first, second
    )
    assert np.stack((first, second), axis=1).ravel() == pytest.approx(expected, rel=1e-6, abs=1e-6)
