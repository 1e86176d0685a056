"""The registered grid: integers that Python and Solidity read from the same bytes.

Layout: docs/protocol.md, section 5. Ranges are stated in `offchain.grid.bounds` and checked
whenever a grid is made, from floats or from bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from offchain.errors import InputError
from offchain.grid import bounds
from offchain.grid.checks import check
from offchain.grid.holarchy import Holarchy, Layer
from offchain.keccak import keccak

_HEAD: Final = np.dtype(
    [("buses", ">u2"), ("lines", ">u2"), ("shift", "u1"), ("slack", "u1"), ("eps_grid", "V32")]
)
_LINE: Final = np.dtype(
    [("from", ">u2"), ("to", ">u2"), ("b", ">u8"), ("limit_wh", ">u8"), ("margin_wh", ">u8")]
)
_LAYER: Final = np.dtype([("level", "u1"), ("position", ">u2"), ("import_limit_wh", ">u8")])


@dataclass(frozen=True, eq=False)
class Grid:
    """A DC network as it is registered; arrays are read-only.

    ``flow_l = (b_l (theta_from - theta_to)) >> shift`` in 2^-8 Wh, positive from ``from``.

    Attributes:
        name: what people call it; not committed.
        bus_names: n names; not committed.
        line_names: m names; not committed.
        line_from: int32[m] bus indices.
        line_to: int32[m] bus indices.
        b: int64[m] integer susceptances, 1 ... 2^53 - 1.
        shift: binary exponent common to all lines.
        limit_wh: int64[m], Wh per interval.
        margin_wh: int64[m], Wh kept free for rounding.
        theta_box: int64[n], shortest-path bound of |theta_n - theta_reference| in angle units.
        eps_grid: what rounding of prices may leave in the optimality residual.
        holarchy: positions and layers.
        angle_bits: the angle unit is 2^-angle_bits radian; None where the grid came from bytes,
            because only the quotient b / 2^shift is committed.
    """

    name: str
    bus_names: tuple[str, ...]
    line_names: tuple[str, ...]
    line_from: NDArray[np.int32]
    line_to: NDArray[np.int32]
    b: NDArray[np.int64]
    shift: int
    limit_wh: NDArray[np.int64]
    margin_wh: NDArray[np.int64]
    theta_box: NDArray[np.int64]
    eps_grid: int
    holarchy: Holarchy
    angle_bits: int | None

    def __post_init__(self) -> None:
        for array in (
            self.line_from,
            self.line_to,
            self.b,
            self.limit_wh,
            self.margin_wh,
            self.theta_box,
        ):
            array.setflags(write=False)
        check(self)

    @property
    def n_bus(self) -> int:
        """Number of buses."""
        return len(self.bus_names)

    @property
    def n_line(self) -> int:
        """Number of lines."""
        return len(self.line_from)

    def packed(self) -> bytes:
        """The committed bytes (docs/protocol.md, section 5)."""
        head = np.zeros(1, dtype=_HEAD)
        head["buses"], head["lines"] = self.n_bus, self.n_line
        head["shift"] = self.shift
        head["eps_grid"] = np.void(self.eps_grid.to_bytes(32, "big"))
        lines = np.zeros(self.n_line, dtype=_LINE)
        lines["from"], lines["to"] = self.line_from, self.line_to
        lines["b"], lines["limit_wh"], lines["margin_wh"] = self.b, self.limit_wh, self.margin_wh
        layers = np.array(
            [(x.level, x.position, x.import_limit_wh) for x in self.holarchy.layers], dtype=_LAYER
        )
        return b"".join(
            (
                head.tobytes(),
                lines.tobytes(),
                self.theta_box.astype(">u8").tobytes(),
                self.holarchy.depth.to_bytes(1, "big"),
                self.holarchy.position.astype(">u2").tobytes(),
                len(layers).to_bytes(2, "big"),
                layers.tobytes(),
            )
        )

    def hash(self) -> bytes:
        """``H(0x09 ‖ packed)``, 32 bytes: what the ledger registers."""
        return keccak(b"\x09" + self.packed())


def unpack(data: bytes, name: str = "registered grid") -> Grid:
    """Read and check committed bytes.

    What follows from the integers is computed again and must agree: ranges, angle boxes (the
    shortest paths from one bus per island), eps_grid, positions, alignment and import limits of
    the layers. Margins need a float factorisation and are only bounded here, from 2 to the limit;
    `DcNetwork.distribution_sums` gives them.

    Raises:
        InputError: the bytes are not a packed grid; the message names the field.
    """
    reader = _Reader(data)
    head = reader.take(_HEAD, 1, "head")[0]
    n_bus, n_line = int(head["buses"]), int(head["lines"])
    lines = reader.take(_LINE, n_line, "lines")
    box = reader.take(np.dtype(">u8"), n_bus, "theta_box")
    depth = int(reader.take(np.dtype("u1"), 1, "tree depth")[0])
    position = reader.take(np.dtype(">u2"), n_bus, "positions")
    layers = reader.take(_LAYER, int(reader.take(np.dtype(">u2"), 1, "layer count")[0]), "layers")
    reader.end()
    if head["slack"] != 0:
        raise InputError("packed grid: margin_slack must be 0; pack the grid again")
    ranges = (("b", bounds.MAX_SUSCEPTANCE), ("limit_wh", bounds.MAX_LIMIT_WH))
    for field, most in (*ranges, ("margin_wh", bounds.MAX_LIMIT_WH)):
        if n_line and int(lines[field].max()) > most:
            worst = int(lines[field].argmax())
            raise InputError(f"packed grid: {field} of line {worst} is above {most}")
    if n_bus and int(box.max()) > bounds.MAX_ANGLE:
        raise InputError(f"packed grid: theta_box of bus {int(box.argmax())} is out of range")
    buses = tuple(f"bus {i}" for i in range(n_bus))
    return Grid(
        name=name,
        bus_names=buses,
        line_names=tuple(f"line {i}" for i in range(n_line)),
        line_from=lines["from"].astype(np.int32),
        line_to=lines["to"].astype(np.int32),
        b=lines["b"].astype(np.int64),
        shift=int(head["shift"]),
        limit_wh=lines["limit_wh"].astype(np.int64),
        margin_wh=lines["margin_wh"].astype(np.int64),
        theta_box=box.astype(np.int64),
        eps_grid=int.from_bytes(head["eps_grid"].tobytes(), "big"),
        holarchy=Holarchy(
            depth,
            position.astype(np.int32),
            tuple(
                Layer(f"layer {i}", int(x["level"]), int(x["position"]), int(x["import_limit_wh"]))
                for i, x in enumerate(layers)
            ),
        ),
        angle_bits=None,
    )


class _Reader:
    """Takes fixed layouts off the front of packed bytes."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, layout: np.dtype, count: int, field: str) -> NDArray[np.void]:
        end = self._at + layout.itemsize * count
        if end > len(self._data):
            raise InputError(
                f"packed grid: {field} needs {end} bytes, but there are {len(self._data)}; "
                "give the whole grid"
            )
        part = np.frombuffer(self._data[self._at : end], dtype=layout)
        self._at = end
        return part

    def end(self) -> None:
        if self._at != len(self._data):
            raise InputError(
                f"packed grid: {len(self._data) - self._at} bytes too many; cut them off"
            )
