"""What questions cost, as the pages tell it, is what the contract asks for."""

from __future__ import annotations

import json
from pathlib import Path

from offchain.proofs.requests import answer_gas
from tests.contracts.questions import ANSWER_S, bundle, paid, step
from tests.contracts.rig import open_rig

ROOT = Path(__file__).resolve().parents[2]


def test_sizes_and_steps_are_the_contracts() -> None:
    vectors = json.loads((ROOT / "tests" / "vectors" / "network.json").read_text())
    grid = bytes.fromhex(vectors["grids"]["packed"][0].removeprefix("0x"))
    for window_s in (180, 3 * ANSWER_S):
        rig = open_rig(grid, eager=False, window_s=window_s)
        seconds = rig.ask("requests", "answerSeconds")
        assert rig.ask("requests", "step") == step(seconds)
        least = 10**9
        for size in (0, 1, 6_000):
            # twice the price of gas, which is at its least here
            assert rig.ask("requests", "price", size) >= answer_gas(size) * least


def test_a_thousand_participants_are_forced_out_within_three_steps_and_a_flood_of_them_is_not() -> None:
    each = step(ANSWER_S)
    gas = bundle("ieee118", 1_000)
    assert len(gas) < 250
    assert sum(gas) < 3 * each
    assert paid(gas, each) < 2 * sum(gas) * 4
    answer = answer_gas(2_000)
    assert paid([answer] * (8 * each // answer), each) > 50 * paid(gas, each)
