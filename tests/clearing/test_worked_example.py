"""Three buses, four requests, two offers: the case that can be followed by hand."""

import numpy as np
import pytest

from offchain.clearing.certificate import Ramps, check_network
from offchain.clearing.program import Clearer
from offchain.clearing.ramps import check_brackets
from offchain.grid.model import Grid, build_grid


def ramps_of(*rows: tuple[int, bool, int, int, int]) -> Ramps:
    """Ramps from rows (bus, supply, q, pa, pb)."""
    bus, supply, q, pa, pb = zip(*rows, strict=True)
    return Ramps(
        np.array(bus, np.int32), np.array(supply), *(np.array(c, np.int64) for c in (q, pa, pb))
    )


def orders(offered: float = 1.0) -> Ramps:
    return ramps_of(
        (1, False, 1200, 350_000, 450_000),
        (2, False, 1500, 300_000, 400_000),
        (2, False, 900, 425_000, 525_000),
        (0, False, 400, 325_000, 425_000),
        (0, True, round(6000 * offered), 120_000, 121_024),
        (2, True, round(700 * offered), 250_000, 251_024),
    )


@pytest.fixture(scope="module")
def triangle() -> Grid:
    """The limits of the example are what is left beside the margin."""
    free = np.array([5000, 5000, 900])
    lines = ([0, 1, 0], [1, 2, 2], [1000.0] * 3)
    margin = build_grid("triangle", "ABC", *lines, free).margin_wh
    return build_grid("triangle", "ABC", *lines, free + margin)


def test_behind_a_full_line_only_he_waits_who_is_owed_nothing(triangle: Grid) -> None:
    clearing = Clearer(triangle).clear(orders())
    assert clearing.x_wh.tolist() == [1200, 550, 900, 400, 2350, 700]
    assert clearing.injection_wh.tolist() == [1950, -1200, -750]
    assert np.array(clearing.certificate.pi) / 2**16 == pytest.approx(
        [120_401.0667, 241_867.2, 363_333.3333]
    )
    ((line, mu),) = clearing.certificate.mu
    assert line == 2
    assert mu / 2**16 == pytest.approx(364_398.4)
    flows = np.array(check_network(triangle, clearing.certificate).flows) / 256
    assert flows == pytest.approx([1050, -150, 900], abs=16 / 256)


def test_when_supply_is_short_one_price_holds_everywhere(triangle: Grid) -> None:
    short = orders(offered=0.3)
    clearing = Clearer(triangle).clear(short)
    assert clearing.x_wh.tolist() == [759, 198, 900, 153, 1800, 210]
    assert np.array(clearing.certificate.pi) / 2**16 == pytest.approx([386_774.1935] * 3)
    assert clearing.certificate.mu == ()
    assert len(check_brackets(short, clearing.x_wh, clearing.certificate.pi)) == 0
