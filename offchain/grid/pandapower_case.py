"""Networks that pandapower ships, by name."""

from __future__ import annotations

from typing import Final, Unpack

from offchain.errors import InputError
from offchain.grid.assemble import assemble
from offchain.grid.case import CaseGrid
from offchain.grid.options import AS_GIVEN, Choices, Options
from offchain.grid.pandapower_net import quiet, read_net

#: The IEEE cases that carry no line limits, by the names people use.
IEEE_CASES: Final = {"ieee14": "case14", "ieee57": "case57", "ieee118": "case118"}
#: pandapower's networks that need no arguments.
NETWORKS: Final = (
    *("case4gs", "case5", "case6ww", "case9", "case11_iwamoto", "case14", "case24_ieee_rts"),
    *("case30", "case_ieee30", "case33bw", "case39", "case57", "case89pegase", "case118"),
    *("case145", "case_illinois200", "case300", "case1354pegase", "case1888rte", "case2848rte"),
    *("case2869pegase", "case3120sp", "case6470rte", "case6495rte", "case6515rte"),
    *("case9241pegase", "GBnetwork", "GBreducednetwork", "iceland"),
    *("create_cigre_network_hv", "create_cigre_network_mv", "create_cigre_network_lv"),
    *("mv_oberrhein", "lv_schutterwald", "ieee_european_lv_asymmetric"),
    *("create_kerber_dorfnetz", "create_kerber_landnetz_freileitung_1"),
    *("create_kerber_landnetz_freileitung_2", "create_kerber_landnetz_kabel_1"),
    *("create_kerber_landnetz_kabel_2", "create_kerber_vorstadtnetz_kabel_1"),
    *("create_kerber_vorstadtnetz_kabel_2", "kb_extrem_dorfnetz", "kb_extrem_dorfnetz_trafo"),
    *("kb_extrem_landnetz_freileitung", "kb_extrem_landnetz_freileitung_trafo"),
    *("kb_extrem_landnetz_kabel", "kb_extrem_landnetz_kabel_trafo", "kb_extrem_vorstadtnetz_1"),
    *("kb_extrem_vorstadtnetz_2", "kb_extrem_vorstadtnetz_trafo_1"),
    *("kb_extrem_vorstadtnetz_trafo_2", "create_dickert_lv_network", "example_multivoltage"),
    *("create_synthetic_voltage_control_lv_network", "example_simple", "panda_four_load_branch"),
    *("four_loads_with_branches_out", "simple_four_bus_system", "simple_mv_open_ring_net"),
)


def load_case(
    name: str, *, convention: str = "reactance-tap", **choices: Unpack[Choices]
) -> CaseGrid:
    """A network that pandapower ships.

    Args:
        name: ``ieee14``, ``ieee57``, ``ieee118`` or a name in ``NETWORKS``.
        convention: ``reactance-tap``, pandapower's own, or ``series-reactance``.
        choices: see `Options`. The limit rule is by default ``headroom-1.15`` for the three IEEE
            names, which carry no limits, and ``as-given`` for all others.

    Raises:
        InputError: no such name, or an element that cannot be carried.
    """
    rule = "headroom-1.15" if name in IEEE_CASES else AS_GIVEN
    options = Options.chosen(choices, limit_rule=rule)
    function = IEEE_CASES.get(name, name)
    if function not in NETWORKS:
        raise InputError(f"{name}: pandapower ships no such network; see clearwatt grid list")
    with quiet():
        import pandapower.networks

        net = getattr(pandapower.networks, function)()
    return assemble(read_net(net, name, convention), options)
