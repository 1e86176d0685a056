"""The pot of a demonstration is shared by what its power stations are worth."""

import numpy as np
import pytest

from offchain.units import PPB
from oracle.scenario import ScenarioConfig, draw_scenario
from oracle.worth import pot_shares


@pytest.mark.parametrize("participants", [2, 15])
def test_shapley_shares_make_a_whole_and_go_to_suppliers_only(participants: int) -> None:
    scenario = draw_scenario(ScenarioConfig(participants=participants, intervals=3, seed=3))
    worth = pot_shares(scenario)
    share = worth.shares["share_ppb"].astype(np.int64)
    assert share.sum() == PPB
    assert not share[scenario.supply_cap_wh == 0].any()
    assert worth.words.startswith("Shapley value of ")


def test_shapley_shares_of_stations_at_one_bus_follow_what_they_may_offer() -> None:
    scenario = draw_scenario(ScenarioConfig(participants=60, intervals=2, seed=3))
    share = pot_shares(scenario).shares["share_ppb"].astype(np.int64)
    offered = scenario.supply_cap_wh
    for bus in np.unique(scenario.bus[share > 0]).tolist():
        here = (scenario.bus == bus) & (offered > 0)
        exact = share[here].sum() * offered[here] / offered[here].sum()
        assert (np.abs(share[here] - exact) <= 1).all()


def test_where_too_many_buses_sell_what_may_be_offered_settles_the_shares() -> None:
    scenario = draw_scenario(ScenarioConfig(case="ieee118", participants=60, intervals=2))
    worth = pot_shares(scenario)
    assert worth.words == "in proportion to what each may offer"
    assert int(worth.shares["share_ppb"].astype(np.int64).sum()) == PPB
