"""The bill of one interval, made from published tables alone, so that anyone can make it again.

Every amount is recomputed here from the numbers that the words show; where that is not what was
settled, there is no bill but an error (rules: docs/mechanism.md, sections 2 and 5).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from offchain.bill.corrections import correction_lines, settled_amount
from offchain.bill.page import Bill, Line, energy, money, percent, price
from offchain.clearing.certificate import Certificate
from offchain.commitment.bundle import Bundle
from offchain.errors import InputError
from offchain.fairness.draw import draw
from offchain.fairness.key import key_terms
from offchain.fairness.state import join
from offchain.grid.model import Grid
from offchain.policy import PRICE_CURVES, Policy
from offchain.pricing import LayerIndex, price_ticks, tightness
from offchain.records import SIDES
from offchain.units import PPB, PRICE_FRACTION_BITS, WH_TICKS_PER_MICRO, Int64Array

Table = npt.NDArray[np.void]
Row = np.void


@dataclass(frozen=True, eq=False)
class Settled:
    """A settled interval of N participants, as published.

    Attributes:
        policy: of the market.
        grid: with the names that people know.
        seed: of the interval's draw.
        allocation: records.ALLOCATION[N].
        shares: records.SHARE[N].
        before: records.STATE[N], before the interval.
        after: records.STATE[N], after it.
        pi: nodal price of each bus in 2^-16 tick.
        measured: records.ALLOCATION[N] of the interval whose readings were settled; None if none.
        readings: records.READING of it.
    """

    policy: Policy
    grid: Grid
    seed: bytes
    allocation: Table
    shares: Table
    before: Table
    after: Table
    pi: tuple[int, ...]
    measured: Table | None
    readings: Table

    @classmethod
    def of_bundle(
        cls,
        policy: Policy,
        grid: Grid,
        before: Table,
        bundle: Bundle,
        measured: Table | None = None,
    ) -> Self:
        """An interval as published.

        Args:
            policy: of the market.
            grid: with the names that people know.
            before: the state before it, from the bundle before or the genesis.
            bundle: of the interval.
            measured: the allocation whose readings it settles, from that interval's bundle; None
                where it settles none.
        """
        pi = Certificate.unpack(bundle.certificate, grid.n_bus).pi
        tables = (bundle.allocation, bundle.shares, before, bundle.state)
        seed, readings = bundle.header.seed, bundle.readings
        return cls(policy, grid, seed, *tables, pi, measured, readings)


def bill(settled: Settled, participant: int) -> Bill:
    """The bill of a participant.

    Args:
        settled: the interval.
        participant: its registration number.

    Raises:
        InputError: there is no such participant, or an amount was not settled by the rules.
    """
    n = len(settled.allocation)
    if not 0 <= participant < n:
        raise InputError(f"participant: {participant} is not registered; give 0 ... {n - 1}")
    line = settled.allocation[participant]
    before, after = settled.before[participant], settled.after[participant]
    service = (*_service(settled, line), *_price_words(settled, line))
    lines = (
        _energy_line(line),
        _supply_line(line),
        _pot_line(settled, participant),
        _shortfall_line(settled, participant),
        *correction_lines(
            settled.policy,
            settled.allocation,
            settled.before,
            settled.measured,
            settled.readings,
            participant,
        ),
    )
    result = Bill(
        participant=participant,
        interval=int(line["interval"]),
        service=service,
        lines=lines,
        balance_before=int(before["credit"]) - int(before["debit"]),
        standing=_standing(settled, line, before, after),
    )
    if result.balance_before + result.total != int(after["credit"]) - int(after["debit"]):
        raise InputError(
            f"interval {result.interval}: the balance of participant {participant} moved by "
            f"{int(after['credit']) - int(after['debit']) - result.balance_before} micro, the "
            f"bill says {result.total}; audit the interval"
        )
    return result


def _column(table: Table, *names: str) -> Int64Array:
    columns = [table[name].astype(np.int64) for name in names]
    total: Int64Array = np.sum(columns, axis=0)
    return total


def _service(settled: Settled, line: Row) -> tuple[str, ...]:
    """What was asked, served and sold, and the ramp by which the nodal price decided it."""
    bus = int(line["bus"])
    nodal = price(settled.pi[bus] >> PRICE_FRACTION_BITS)
    sentences = []
    for side, name in zip(SIDES, ("Essential energy", "Flexible energy", "Supply"), strict=True):
        quantity, given = int(line[f"{side}_q_wh"]), int(line[f"{side}_x_wh"])
        if quantity == 0:
            continue
        start, end = price(int(line[f"{side}_pa_ticks"])), price(int(line[f"{side}_pb_ticks"]))
        sentences.append(
            f"{name}: offered {energy(quantity)}, sold {energy(given)}; "
            f"nothing is sold up to a nodal price of {start}, all from {end}."
            if side == "supply"
            else f"{name}: asked {energy(quantity)}, served {energy(given)}; "
            f"all is served up to a nodal price of {start}, nothing from {end}."
        )
    if not sentences:
        return ("Nothing was asked or offered.",)
    place = settled.grid.bus_names[bus]
    return (*sentences, f"The nodal price at {place}, which ranks orders and is not paid: {nodal}.")


def _price_words(settled: Settled, line: Row) -> tuple[str, ...]:
    """Which layer explains the price of the participant's bus, and how."""
    policy, holarchy = settled.policy, settled.grid.holarchy
    table, bus, n_bus = settled.allocation, int(line["bus"]), settled.grid.n_bus
    requested = np.zeros(n_bus, dtype=np.int64)
    offered = np.zeros(n_bus, dtype=np.int64)
    np.add.at(requested, table["bus"], _column(table, "essential_q_wh", "flexible_q_wh"))
    np.add.at(offered, table["bus"], _column(table, "supply_q_wh"))
    tight = tightness(LayerIndex.of(holarchy), requested, offered)
    ticks = settled_amount(line, "price_ticks", int(price_ticks(policy, tight.bus_ppb)[bus]))
    place = f"Price at {settled.grid.bus_names[bus]}: {price(ticks)}"
    explaining = int(tight.explaining[bus])
    if explaining < 0:
        lowest = f"{place}, the lowest: no layer around it asks for more than can be delivered."
        waits = any(line[f"{side}_x_wh"] < line[f"{side}_q_wh"] for side in SIDES[:2])
        full = (
            "What was not served waited for single lines that were full; prices do not count them."
        )
        return (lowest, full) if waits else (lowest,)
    layer = holarchy.layers[explaining]
    position = np.asarray(holarchy.position).astype(np.int64)
    inside = position >> layer.level == layer.position
    asked, offers = int(requested[inside].sum()), int(offered[inside].sum())
    outside = int(offered.sum()) - offers
    brought = min(layer.import_limit_wh, outside)
    tau = int(tight.layer_ppb[explaining])
    low, high = price(policy.p_lo_ticks), price(policy.p_hi_ticks)
    return (
        f"{place}, set by the layer '{layer.name}': {energy(asked)} asked, {energy(offers)} "
        f"offered inside, {energy(brought)} can be brought in (lines "
        f"{energy(layer.import_limit_wh)}, offered outside {energy(outside)}). "
        f"{percent(tau)} cannot be delivered; the {PRICE_CURVES[policy.price_curve]} curve from "
        f"{low} to {high} gives the price.",
    )


def _energy_line(line: Row) -> Line:
    served = int(line["essential_x_wh"]) + int(line["flexible_x_wh"])
    ticks = int(line["price_ticks"])
    cost = settled_amount(line, "energy_cost", ticks * served // WH_TICKS_PER_MICRO)
    words = f"{energy(served)} x {price(ticks)}, rounded down." if served else "None was served."
    return Line("Energy", -cost, words)


def _supply_line(line: Row) -> Line:
    sold, bid = int(line["supply_x_wh"]), int(line["supply_pa_ticks"])
    pay = settled_amount(line, "supply_pay", -(-bid * sold // WH_TICKS_PER_MICRO))
    words = f"{energy(sold)} x {price(bid)}, your bid, rounded up." if sold else "None was sold."
    return Line("Supply", pay, words)


def _pot_line(settled: Settled, participant: int) -> Line:
    line = settled.allocation[participant]
    pot = int(_column(settled.allocation, "pot_share").sum())
    share = int(settled.shares["share_ppb"][participant])
    if pot == 0:
        return Line("Pot", _shared(line, "pot_share", 0, 0, 1)[0], "Nothing was left to share.")
    amount, rounding = _shared(line, "pot_share", pot, share, PPB)
    yours = f"your share of it is {percent(share)}" if share else "you have no share of it"
    return Line("Pot", amount, f"Consumers paid {money(pot)} beyond the bids; {yours}{rounding}.")


def _shortfall_line(settled: Settled, participant: int) -> Line:
    table = settled.allocation
    line, p_hi = table[participant], settled.policy.p_hi_ticks
    short = int(_column(table, "shortfall").sum())
    if short == 0:
        nothing = _shared(line, "shortfall", 0, 0, 1)[0]
        return Line("Shortfall", nothing, "The prices brought in what the bids cost.")
    served = _column(table, "essential_x_wh", "flexible_x_wh")
    headroom = p_hi * served // WH_TICKS_PER_MICRO - _column(table, "energy_cost")
    own, everybody = int(headroom[participant]), int(headroom.sum())
    amount, rounding = _shared(line, "shortfall", short, own, everybody)
    why = f"The bids cost {money(short)} more than the prices brought in"
    if not served[participant]:
        return Line("Shortfall", -amount, f"{why}; only who was served carries it.")
    words = (
        f"{why}. Your energy at "
        f"{price(p_hi)} would cost {money(own)} more than you pay, everybody's "
        f"{money(everybody)}: you carry {money(own)} / {money(everybody)} of it{rounding}."
    )
    return Line("Shortfall", -amount, words)


def _shared(line: Row, name: str, amount: int, weight: int, total: int) -> tuple[int, str]:
    """A part of a shared amount and how it was rounded: down, or up by the largest remainder."""
    part, rest = divmod(amount * weight, total)
    given = int(line[name])
    if rest and given == part + 1:
        return given, ", rounded up, as the largest remainders are"
    return settled_amount(line, name, part), ", rounded down" if rest else ""


def _standing(settled: Settled, line: Row, before: Row, after: Row) -> tuple[str, ...]:
    """What the participant is owed, and what that was worth in the order of service."""
    fstar, beta = int(before["fstar_ppb"]), settled.policy.beta_ppb
    asked, served = int(line["flexible_q_wh"]), int(line["flexible_x_wh"])
    if not fstar and not asked:
        return ()
    owed_before = join(int(before["deficit_hi"]), int(before["deficit_lo"]))
    owed_after = join(int(after["deficit_hi"]), int(after["deficit_lo"]))
    memory_before, memory_after = int(before["memory_ppb"]), int(after["memory_ppb"])
    number = int(draw(settled.seed, [line["index"]])[0])
    terms = key_terms(settled.policy, memory_before, owed_before, int(before["rate_wh"]), number)
    cap = settled.policy.k_max * settled.policy.v_ticks
    key = settled_amount(line, "key_ticks", min(cap, sum(terms)))
    memory_term, deficit_term, draw_term = (f"{term:,}" for term in terms)
    return (
        f"Order of service: rank {before['rank']}, and within it a key of {key:,} ticks: "
        f"{memory_term} for recent shortage, {deficit_term} for the deficit, {draw_term} drawn by "
        f"lot{f', at most {cap:,}' if sum(terms) > cap else ''}.",
        f"Deficit: {_wh(owed_before)} + {percent(fstar)} of {energy(asked)} - {energy(served)} "
        f"served = {_wh(owed_after)}{', because nothing below zero is kept' if owed_after == 0 else ''}.",
        f"Shortage memory: {percent(memory_before)} before, {percent(memory_after)} after"
        + (
            "; without a request it stays."
            if fstar * asked < PPB
            else f", having moved {percent(beta)} of the way to this interval's shortage."
        ),
    )


def _wh(ppb_wh: int) -> str:
    """A deficit in Wh, exact to the part per billion."""
    whole, part = divmod(ppb_wh, PPB)
    digits = f"{part:09d}".rstrip("0")
    return f"{whole:,}.{digits} Wh" if digits else f"{whole:,} Wh"
