"""The market's policy: every number of the mechanism that is not the grid, fixed by its hash.

Layout: docs/protocol.md, section 6; meaning: docs/mechanism.md, section 2 and 5.
"""

from __future__ import annotations

import struct
from dataclasses import astuple, dataclass
from typing import Final, Self

from offchain.errors import InputError
from offchain.keccak import keccak
from offchain.units import MAX_RAMP_TICKS, MAX_TICKS, PPB, WH_TICKS_PER_MICRO

#: First byte of the policy hash's preimage.
POLICY_TAG: Final = b"\x0a"
POLICY_VERSION: Final = 1
MECHANISM_FAIR_PLAY: Final = 0
#: How the price rises from p_lo to p_hi with tightness (`offchain.pricing`).
PRICE_CURVES: Final = ("linear", "piecewise", "smooth")
#: Wire layout of the fields, in the order of the class.
_LAYOUT: Final = struct.Struct(">HIIIIIIBQQIIIIBBBIQ20s")
#: Bytes of an address.
_ADDRESS_BYTES: Final = 20
#: Highest value of each wire type.
_HIGHEST: Final = {"B": 2**8 - 1, "H": 2**16 - 1, "I": 2**32 - 1, "Q": 2**64 - 1}


@dataclass(frozen=True)
class Policy:
    """The numbers of the mechanism, in the order of the packed bytes.

    Attributes:
        version: of this layout, 1.
        interval_s: length of an interval, seconds.
        p_cap_ticks: where the ramp of rank 0 with key 0 starts, ticks; at least max_bid + w_s.
        v_ticks: worth of one unit of key, ticks.
        kappa: width of a demand ramp, in units of key.
        w_s_ticks: width of a supply ramp, ticks.
        k_max: the largest key, in units of key.
        essential_rank: the rank of essential energy; flexible ranks are below it.
        gamma_ppb: weight of the shortage memory, key units per unit of memory.
        tau_ppb: weight of the draw, key units per unit of Gumbel variate.
        beta_ppb: step of the shortage memory, in [0, 1].
        p_lo_ticks: AMM price without tightness, ticks.
        p_hi_ticks: AMM price at full tightness, ticks; a multiple of 1,000 (money stays whole).
        max_bid_ticks: the highest admissible bid, ticks; at most p_hi - 1,000.
        mechanism: 0 = fair play.
        price_curve: position in `PRICE_CURVES`.
        meter_lag: interval t settles the meter readings of t - meter_lag; 0: none are settled.
        spread_ticks: how far the prices of imbalance lie above and below the AMM price, ticks.
        reserve_micro: what the community reserve may spend of its deposit on imbalance, micro.
        meter_operator: address whose signature makes a reading count, 20 bytes.
    """

    version: int = POLICY_VERSION
    interval_s: int = 1800
    p_cap_ticks: int = 300_000
    v_ticks: int = 100_000
    kappa: int = 1
    w_s_ticks: int = 1024
    k_max: int = 1024
    essential_rank: int = 2
    gamma_ppb: int = PPB
    tau_ppb: int = PPB // 20
    beta_ppb: int = PPB // 20
    p_lo_ticks: int = 50_000
    p_hi_ticks: int = 300_000
    max_bid_ticks: int = 250_000
    mechanism: int = MECHANISM_FAIR_PLAY
    price_curve: int = 0
    meter_lag: int = 0
    spread_ticks: int = 20_000
    reserve_micro: int = 0
    meter_operator: bytes = bytes(_ADDRESS_BYTES)

    def __post_init__(self) -> None:
        self.validate()

    @property
    def rank_ticks(self) -> int:
        """Distance between the ramps of two ranks, ticks: more than any key can bridge."""
        return self.v_ticks * (self.k_max + self.kappa + 1)

    @property
    def demand_width_ticks(self) -> int:
        """Width of every demand ramp, ticks."""
        return self.v_ticks * self.kappa

    @property
    def essential_pa_ticks(self) -> int:
        """Start of the ramp of essential energy, ticks."""
        return self.p_cap_ticks + self.essential_rank * self.rank_ticks

    def packed(self) -> bytes:
        """The committed bytes (docs/protocol.md, section 6)."""
        return _LAYOUT.pack(*astuple(self))

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        """The policy of committed bytes; InputError when they are not a valid policy."""
        if len(data) != _LAYOUT.size:
            raise InputError(f"policy: {len(data)} bytes; a packed policy has {_LAYOUT.size}")
        return cls(*_LAYOUT.unpack(data))

    def hash(self) -> bytes:
        """``H(0x0a ‖ packed policy)``, 32 bytes."""
        return keccak(POLICY_TAG + self.packed())

    def validate(self) -> None:
        """Refuse a policy whose numbers break a promise of the mechanism or do not fit their words.

        Raises:
            InputError: names the field and the bound.
        """
        if len(self.meter_operator) != _ADDRESS_BYTES:
            raise InputError(f"policy.meter_operator: give an address, {_ADDRESS_BYTES} bytes")
        codes = _LAYOUT.format.removeprefix(">").removesuffix("20s")
        numbers = zip(self.__dataclass_fields__, astuple(self)[:-1], codes, strict=False)
        for name, value, code in numbers:
            if not 0 <= value <= _HIGHEST[code]:
                raise InputError(f"policy.{name}: {value} is not in 0 ... {_HIGHEST[code]}")
        top = self.essential_pa_ticks + self.demand_width_ticks
        rules = (
            ("version", self.version == POLICY_VERSION, f"must be {POLICY_VERSION}"),
            ("interval_s", self.interval_s > 0, "must be positive"),
            ("v_ticks", self.v_ticks > 0, "must be positive"),
            ("kappa", self.kappa > 0, "must be positive"),
            (
                "v_ticks",
                self.demand_width_ticks <= MAX_RAMP_TICKS,
                f"times kappa must be at most {MAX_RAMP_TICKS}",
            ),
            (
                "w_s_ticks",
                0 < self.w_s_ticks <= MAX_RAMP_TICKS,
                f"must be in 1 ... {MAX_RAMP_TICKS}",
            ),
            ("k_max", self.k_max > 0, "must be positive"),
            ("essential_rank", self.essential_rank > 0, "must be at least 1"),
            (
                "essential_rank",
                top < MAX_TICKS,
                f"puts the highest ramp at {top} ticks, not below {MAX_TICKS}; "
                "lower essential_rank, k_max or v_ticks",
            ),
            (
                "p_cap_ticks",
                self.p_cap_ticks >= self.max_bid_ticks + self.w_s_ticks,
                "must be at least max_bid_ticks + w_s_ticks",
            ),
            # These two keep the key's products below 2^63.
            ("gamma_ppb", self.gamma_ppb * self.v_ticks < 2**62, "times v_ticks must be < 2^62"),
            ("tau_ppb", self.tau_ppb * self.v_ticks < 2**62, "times v_ticks must be < 2^62"),
            ("beta_ppb", self.beta_ppb <= PPB, f"must be at most {PPB}"),
            ("p_lo_ticks", self.p_lo_ticks <= self.p_hi_ticks, "must be at most p_hi_ticks"),
            ("p_hi_ticks", self.p_hi_ticks < MAX_TICKS, f"must be below {MAX_TICKS}"),
            (
                "p_hi_ticks",
                self.p_hi_ticks % WH_TICKS_PER_MICRO == 0,
                f"must be a multiple of {WH_TICKS_PER_MICRO}",
            ),
            (
                "p_hi_ticks",
                self.p_hi_ticks >= self.max_bid_ticks + WH_TICKS_PER_MICRO,
                f"must be at least max_bid_ticks + {WH_TICKS_PER_MICRO}",
            ),
            ("mechanism", self.mechanism == MECHANISM_FAIR_PLAY, "must be 0 (fair play)"),
            (
                "price_curve",
                self.price_curve < len(PRICE_CURVES),
                f"must be 0 ... {len(PRICE_CURVES) - 1} ({', '.join(PRICE_CURVES)})",
            ),
            (
                "spread_ticks",
                self.max_bid_ticks + self.spread_ticks <= self.p_hi_ticks,
                "plus max_bid_ticks must be at most p_hi_ticks",
            ),
            ("reserve_micro", self.reserve_micro < 2**62, "must be below 2^62"),
            (
                "meter_operator",
                self.meter_lag == 0 or any(self.meter_operator),
                "must be the metering operator's address where meter_lag is not 0",
            ),
        )
        for name, holds, remedy in rules:
            if not holds:
                raise InputError(f"policy.{name}: {remedy}, not {getattr(self, name)}")


DEFAULT_POLICY: Final = Policy()
