"""What a header is disputed with stays in the ring as long as it can be disputed, however fast the operator goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deploy.chain import ChainError
from offchain.keccak import keccak
from tests.contracts.rig import RING, WINDOW_S, Evidence, Rig, open_rig

ROOT = Path(__file__).resolve().parents[2]


def metered(lag: int) -> tuple[Rig, dict[int, Evidence]]:
    """A market after a lap at an honest pace, and its headers by interval."""
    vectors = json.loads((ROOT / "tests" / "vectors" / "network.json").read_text())
    grid = bytes.fromhex(vectors["grids"]["packed"][0].removeprefix("0x"))
    rig = open_rig(grid, eager=False, meter_lag=lag)
    headers = {}
    for _ in range(RING + lag):
        rig.pass_window()
        headers[rig.head] = rig.post()[0]
    return rig, headers


@pytest.mark.parametrize("lag", [0, 1, 2, RING - 4])
def test_after_a_pause_nobody_can_rush_on_until_what_readings_are_settled_against_is_forgotten(
    lag: int,
) -> None:
    rig, headers = metered(lag)
    rig.pass_window()
    headers[rig.head] = rig.post()[0]
    lie, since = rig.head, rig.chain.now()
    # the seed of the interval a ring after it, less three and the lag, is the first that must wait
    first = lie + RING - 3 - lag
    while rig.head + 1 < first:
        headers[rig.head] = rig.post()[0]
    for interval in (first, first + 1):
        rig.gas("ledger", "commitOrders", interval, keccak(b"orders %d" % (interval - 1)))
    link = rig.links[-1]
    with pytest.raises(ChainError, match="Ledger_RingFull"):
        rig.gas("beacon", "reveal", first, [link])
    assert rig.chain.now() - since < WINDOW_S, "all this took no window"
    for interval in {lie, lie - 1, lie - lag}:
        assert rig.ask("ledger", "requireHeader", headers[interval]) == interval
    rig.pass_window()
    rig.gas("beacon", "reveal", first, [link])
