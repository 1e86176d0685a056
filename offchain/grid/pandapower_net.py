"""Nets of pandapower: its tables say what exists, its DC model says how power flows."""

from __future__ import annotations

import math
import warnings
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from offchain.errors import InputError
from offchain.grid.raw import (
    NO_LIMIT,
    Convention,
    Note,
    RawBus,
    RawGenerator,
    RawLine,
    RawNetwork,
    check_convention,
    susceptance_mw,
)

#: Columns of pypower's bus and branch matrices.
_PD, _TYPE, _GS, _BASE_KV = 2, 1, 4, 9
_FROM, _TO, _R, _X, _TAP, _SHIFT, _STATUS = 0, 1, 2, 3, 8, 9, 10
_ISOLATED: Final = 4
#: pandapower's converters write this many kA (or MVA) for "no limit".
_NO_LIMIT_KA: Final = 99_999.0
#: Elements whose power a DC flow does not determine.
_REFUSED: Final = ("dcline", "tcsc", "ssc", "vsc", "line_dc")
_TRANSFORMERS: Final = ("trafo", "trafo3w")
_SIDES: Final = ("hv", "mv", "lv")

Net = Any
"""A pandapower net: a dictionary of data frames that also answers to attribute names."""


@contextmanager
def quiet() -> Iterator[None]:
    """Keep pandapower's remarks on its own deprecated data formats from the reader."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", FutureWarning)
        yield


def read_net(net: Net, name: str, convention: str = "reactance-tap") -> RawNetwork:
    """Read a pandapower net through pandapower's own DC power flow.

    Runs the flow in ``net``: its result tables change. Buses that no external grid or slack
    generator reaches are left out, as they are in pandapower.

    Raises:
        InputError: an element has no place in a DC flow, or the flow cannot be run.
    """
    checked = check_convention(convention)
    for table in _REFUSED:
        frame = net.get(table, ())
        if len(frame) and frame.in_service.any():
            index = frame.index[frame.in_service.astype(bool)][0]
            raise InputError(
                f"{table} {index}: a DC flow does not determine its power; replace it with a load "
                "and a generator"
            )
    try:
        with quiet():
            import pandapower

            pandapower.rundcpp(net)
    except Exception as error:
        raise InputError(
            f"{name}: pandapower cannot run its DC power flow ({error}); repair the net"
        ) from error
    return _Reader(net, name, checked).network()


def read_file(path: Path, convention: str = "reactance-tap") -> RawNetwork:
    """Read a net that pandapower wrote as JSON.

    Such a file can name Python classes for pandapower to load: open only files you trust.

    Raises:
        InputError: pandapower cannot read it, or an element cannot be carried.
    """
    with quiet():
        import pandapower

        try:
            net = pandapower.from_json(str(path))
        except Exception as error:
            raise InputError(f"{path.name}: pandapower cannot read it ({error})") from error
    return read_net(net, path.stem, convention)


class _Reader:
    """Walks through one net whose DC flow has been run."""

    def __init__(self, net: Net, name: str, convention: Convention) -> None:
        self._net, self._name, self._convention = net, name, convention
        self._bus, self._branch = net._ppc["bus"], net._ppc["branch"]
        self._lookup = net._pd2ppc_lookups["bus"]
        self._ranges = net._pd2ppc_lookups["branch"]
        self._notes: list[Note] = []
        self._names = self._bus_names()

    def network(self) -> RawNetwork:
        # Rows without a name are pandapower's own, where a branch hangs open or an extended ward
        # begins: nothing can be connected there.
        live = [row for row in sorted(self._names) if self._bus[row, _TYPE] != _ISOLATED]
        number = {row: bus for bus, row in enumerate(live)}
        extra_mw = self._uncounted_load()
        buses, feeds = [], []
        for row, bus in number.items():
            load = float(self._bus[row, _PD] + self._bus[row, _GS]) + extra_mw[row]
            kv = float(self._bus[row, _BASE_KV])
            buses.append(RawBus(self._names[row], max(load, 0.0), kv))
            if load < 0:
                feeds.append(RawGenerator(f"feed-in at {self._names[row]}", bus, -load, 0.0, -load))
        nominal_mw = sum(raw.load_mw for raw in buses)
        lines = self._lines(number)
        generators = self._generators(number, nominal_mw)
        self._note_out_of_service()
        return RawNetwork(
            self._name,
            tuple(buses),
            tuple(lines),
            (*generators, *feeds),
            self._convention,
            tuple(self._notes),
        )

    def _bus_names(self) -> dict[int, str]:
        """Names by row: one bus stands for all that closed switches join to it."""
        frame = self._net.bus
        given = frame.name if "name" in frame else frame.index
        plain = [str(value) for value in given]
        unique = len(set(plain)) == len(plain) and not any(v in ("None", "nan", "") for v in plain)
        names: dict[int, str] = {}
        for index, label in zip(frame.index, plain, strict=True):
            row = int(self._lookup[index])
            own = label if unique else f"bus {index}"
            if not frame.in_service.at[index]:
                self._notes.append(Note("dropped", f"bus {own}: out of service"))
            elif row in names:
                self._notes.append(
                    Note("merged", f"bus {own}: one with bus {names[row]} by closed switches")
                )
            else:
                names[row] = own
                if self._bus[row, _TYPE] == _ISOLATED:
                    self._notes.append(Note("dropped", f"bus {own}: no external grid reaches it"))
        auxiliary = self._net._pd2ppc_lookups.get("aux", {})
        for position, invented in enumerate(auxiliary.get("trafo3w", ())):
            index = self._net.trafo3w.index[position]
            names.setdefault(int(self._lookup[invented]), f"star of trafo3w {index}")
        return names

    def _uncounted_load(self) -> dict[int, float]:
        """Load in MW by row that pandapower's DC model nets with generation or leaves out.

        It counts static generators as negative load, and asymmetric loads not at all. A static
        generator that consumes stays a load.
        """
        extra: dict[int, float] = defaultdict(float)
        for _, element in self._active("sgen"):
            feed = float(element.p_mw * element.scaling)
            extra[int(self._lookup[element.bus])] += max(feed, 0.0)
        for _, element in self._active("asymmetric_load"):
            phases = element.p_a_mw + element.p_b_mw + element.p_c_mw
            extra[int(self._lookup[element.bus])] += float(phases * element.scaling)
        return extra

    def _active(self, table: str) -> list[tuple[Any, Any]]:
        frame = self._net[table]
        return list(frame[frame.in_service.astype(bool)].iterrows()) if len(frame) else []

    def _lines(self, number: dict[int, int]) -> list[RawLine]:
        base_mva = float(self._net._ppc["baseMVA"])
        lines = []
        for kind, (begin, stop) in self._ranges.items():
            frame = self._net[kind]
            if kind == "switch":
                frame = frame[self._net._impedance_bb_switches]
            limits = self._limits(kind, frame)
            for row in range(begin, stop):
                side, position = divmod(row - begin, max(len(frame), 1))
                index = frame.index[position]
                name = f"{kind} {index}"
                if kind == "trafo3w":
                    name += f" {_SIDES[side]}"
                branch = np.real(self._branch[row])
                ends = int(branch[_FROM]), int(branch[_TO])
                if branch[_STATUS] == 0 or not all(end in number for end in ends):
                    if kind != "xward" and self._in_service(frame, index):
                        self._note_unused(name, ends, number)
                    continue
                tap = float(branch[_TAP]) or 1.0
                shift = 0.0 if self._convention == "series-reactance" else float(branch[_SHIFT])
                b = susceptance_mw(
                    name, base_mva, float(branch[_R]), float(branch[_X]), tap, self._convention
                )
                lines.append(
                    RawLine(
                        f"{name} ({self._names[ends[0]]} - {self._names[ends[1]]})",
                        number[ends[0]],
                        number[ends[1]],
                        b,
                        math.radians(shift),
                        float(limits[side][position]),
                        kind in _TRANSFORMERS,
                    )
                )
        return lines

    @staticmethod
    def _in_service(frame: Any, index: Any) -> bool:  # noqa: ANN401
        return "in_service" not in frame or bool(frame.in_service.at[index])

    def _note_unused(self, name: str, ends: tuple[int, int], number: dict[int, int]) -> None:
        why = "open at one end" if any(end in number for end in ends) else "not energised"
        self._notes.append(Note("dropped", f"{name}: {why}"))

    def _limits(self, kind: str, frame: Any) -> list[NDArray[np.float64]]:  # noqa: ANN401
        """Thermal limits in MW at unit power factor and nominal voltage, per side and element."""
        if kind == "line":
            kv = self._net.bus.vn_kv.loc[frame.from_bus].to_numpy()
            ratings, factor = [frame.max_i_ka], math.sqrt(3.0) * kv * frame.df * frame.parallel
        elif kind == "trafo":
            ratings, factor = [frame.sn_mva], frame.df * frame.parallel
        elif kind == "trafo3w":
            ratings, factor = [frame[f"sn_{side}_mva"] for side in _SIDES], 1.0
        else:
            return [np.full(len(frame), NO_LIMIT)]
        share = 1.0
        if "max_loading_percent" in frame:
            share = frame.max_loading_percent.astype(float).fillna(100.0) / 100.0
        return [
            (rating.astype(float) * factor * share)
            .where(rating < _NO_LIMIT_KA, NO_LIMIT)
            .to_numpy()
            for rating in ratings
        ]

    def _generators(self, number: dict[int, int], nominal_mw: float) -> list[RawGenerator]:
        costs = {
            (str(row.et), int(row.element)): (
                float(row.cp2_eur_per_mw2),
                float(row.cp1_eur_per_mw),
                float(row.cp0_eur),
            )
            for row in self._net.poly_cost.itertuples()
        }
        for row in self._net.pwl_cost.itertuples():
            self._notes.append(
                Note("changed", f"{row.et} {row.element}: piecewise linear cost left out")
            )
        generators = []
        for kind in ("ext_grid", "gen", "sgen"):
            for index, element in self._active(kind):
                bus = number.get(int(self._lookup[element.bus]))
                if bus is None:
                    self._notes.append(Note("dropped", f"{kind} {index}: its bus is not supplied"))
                    continue
                if kind == "sgen":
                    p_mw = most = float(element.p_mw * element.scaling)
                    least = 0.0
                    if p_mw < 0:
                        continue
                else:
                    p_mw = float(self._net[f"res_{kind}"].p_mw.at[index])
                    least = _number(element.get("min_p_mw"), 0.0)
                    most = _number(element.get("max_p_mw"), math.inf)
                if not math.isfinite(most) or most >= _NO_LIMIT_KA:
                    most = max(nominal_mw, p_mw)
                    self._notes.append(
                        Note("changed", f"{kind} {index}: no max_p_mw, bounded at {most:g} MW")
                    )
                cost = costs.get((kind, int(index)), (0.0, 0.0, 0.0))
                generators.append(
                    RawGenerator(
                        f"{kind} {index}", bus, p_mw, least, most, cost, kind == "ext_grid"
                    )
                )
        return generators

    def _note_out_of_service(self) -> None:
        for table in ("line", "trafo", "trafo3w", "impedance", "ext_grid", "gen", "sgen", "load"):
            frame = self._net[table]
            for index in frame.index[~frame.in_service.astype(bool)] if len(frame) else ():
                self._notes.append(Note("dropped", f"{table} {index}: out of service"))


def _number(value: Any, default: float) -> float:  # noqa: ANN401
    """A table's value, or the default where the table has none."""
    return default if value is None or math.isnan(value) else float(value)
