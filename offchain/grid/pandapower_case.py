"""Networks of pandapower: its own tables say what exists, its DC model says how power flows."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from offchain.grid.assemble import assemble
from offchain.grid.case import CaseGrid
from offchain.grid.raw import RawBus, RawGenerator, RawLine, RawNetwork

#: Short names of the cases that carry no line limits.
IEEE_CASES: Final = {"ieee14": "case14", "ieee57": "case57", "ieee118": "case118"}


def load_case(
    name: str, *, load_wh: float | None = None, limit_rule: str = "headroom-1.15"
) -> CaseGrid:
    """A network that pandapower ships.

    Args:
        name: ``ieee14``, ``ieee57`` or ``ieee118``.
        load_wh: nominal load of the whole grid per interval, to which the network is scaled linearly.
        limit_rule: ``headroom-H``: line limits are max(H |base-case DC flow|, 1 % of the nominal load), because these
            cases carry none.

    Raises:
        InputError: naming the element.
    """
    import pandapower.networks

    net = getattr(pandapower.networks, IEEE_CASES[name])()
    return assemble(read_net(net, name), load_wh=load_wh, limit_rule=limit_rule)


def read_net(net: Any, name: str) -> RawNetwork:  # noqa: ANN401 - pandapower has no types
    """Read a pandapower net through pandapower's own DC power flow."""
    import pandapower

    pandapower.rundcpp(net)
    case = net._ppc
    base_mva = float(case["baseMVA"])
    bus, branch, gen = case["bus"], case["branch"], case["gen"]
    first_trafo = net._pd2ppc_lookups["branch"].get("trafo", (len(branch), 0))[0]
    buses = tuple(
        RawBus(f"bus {int(row[0]) + 1}", float(row[2] + row[4]), float(row[9])) for row in bus
    )
    lines = tuple(
        RawLine(
            f"line {index + 1}",
            int(row[0]),
            int(row[1]),
            base_mva / float(row[3] * (row[8] or 1.0)),
            transformer=index >= first_trafo,
        )
        for index, row in enumerate(branch)
    )
    costs = {
        (row.et, int(row.element)): (row.cp2_eur_per_mw2, row.cp1_eur_per_mw, row.cp0_eur)
        for row in net.poly_cost.itertuples()
    }
    generators = []
    for kind, (begin, stop) in net._gen_order.items():
        for position, (index, row) in zip(
            range(begin, stop), getattr(net, kind).iterrows(), strict=True
        ):
            generators.append(
                RawGenerator(
                    f"{kind} {index}",
                    int(gen[position, 0]),
                    float(gen[position, 1]),
                    float(np.nan_to_num(row.get("min_p_mw", 0.0))),
                    float(np.nan_to_num(row.get("max_p_mw", gen[position, 1]))),
                    costs.get((kind, int(index)), (0.0, 0.0, 0.0)),
                )
            )
    return RawNetwork(name, buses, lines, tuple(generators), "reactance-tap")
