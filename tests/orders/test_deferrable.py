"""A deferrable request asks until it is served or expires, and what expires has been shortage."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.errors import InputError
from offchain.fairness.state import next_deficit
from offchain.orders.deferrable import Backlog, Request, most_wh
from offchain.units import PPB

N = 3
PLENTY = np.full(N, 10**6)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    first = draw(st.integers(1, 8))
    last = draw(st.integers(first, 12))
    most = draw(st.integers(1, 2000))
    energy = draw(st.integers(1, most * (last - first + 1)))
    return Request(draw(st.integers(0, N - 1)), energy, most, first, last)


def test_three_kwh_by_seven_at_most_two_kw_in_half_hours() -> None:
    """Six half-hours: half a kWh in each, up to the power of 1 kWh when some were missed."""
    backlog = Backlog.of([Request(1, 3000, most_wh(2.0, 1800), first=9, last=14)])
    asked = []
    for interval in range(8, 16):
        asks = backlog.asks(interval, PLENTY)
        demand = backlog.demand_wh(asks, N)
        asked.append(int(demand[1]))
        served = np.where(interval in (10, 11), 0, demand)
        backlog = backlog.after(interval, asks, served).backlog
    assert asked == [0, 500, 500, 625, 834, 833, 833, 0]
    assert len(backlog) == 0


@given(st.lists(requests(), max_size=8), st.data())
def test_every_wh_is_served_once_or_expires(all_of: list[Request], data: st.DataObject) -> None:
    backlog, served_wh, expired_wh = Backlog.of(all_of), 0, 0
    for interval in range(1, 13):
        room = np.array(data.draw(st.lists(st.integers(0, 3000), min_size=N, max_size=N)))
        asks = backlog.asks(interval, room)
        demand = backlog.demand_wh(asks, N)
        assert (demand <= room).all()
        assert (asks <= backlog.most_wh).all()
        served = np.array([data.draw(st.integers(0, int(d))) for d in demand])
        step = backlog.after(interval, asks, served)
        assert backlog.demand_wh(step.given_wh, N).tolist() == served.tolist()
        assert (step.given_wh <= asks).all()
        served_wh += int(served.sum())
        expired_wh += int(step.expired_wh.sum())
        backlog = step.backlog
    assert len(backlog) == 0
    assert served_wh + expired_wh == sum(request.energy_wh for request in all_of)


@given(requests())
def test_with_enough_of_everything_it_is_served_in_time(request: Request) -> None:
    backlog = Backlog.of([request])
    for interval in range(request.first, request.last + 1):
        asks = backlog.asks(interval, PLENTY)
        step = backlog.after(interval, asks, backlog.demand_wh(asks, N))
        assert len(step.expired) == 0
        backlog = step.backlog
    assert len(backlog) == 0


@given(requests(), st.integers(0, PPB), st.data())
def test_what_expires_has_counted_as_shortage(
    request: Request, fstar: int, data: st.DataObject
) -> None:
    """The deficit ledger is owed F* of everything asked, so at least F* of what expired."""
    backlog, short_wh, owed, expired_wh = Backlog.of([request]), 0, 0, 0
    for interval in range(request.first, request.last + 1):
        asks = backlog.asks(interval, PLENTY)
        demand = backlog.demand_wh(asks, N)
        served = demand * data.draw(st.integers(0, 4)) // 4
        short_wh += int((demand - served).sum())
        owed = next_deficit(owed, PPB, int(demand.sum()), int(served.sum()))
        step = backlog.after(interval, asks, served)
        expired_wh += int(step.expired_wh.sum())
        backlog = step.backlog
    assert short_wh >= expired_wh
    assert owed >= expired_wh * PPB


def test_the_earliest_deadline_is_served_first_and_an_older_request_first_of_equals() -> None:
    backlog = Backlog.of(
        [Request(1, 100, 100, 1, 3), Request(1, 50, 50, 1, 1), Request(1, 80, 80, 1, 1)]
    )
    asks = backlog.asks(1, PLENTY)
    assert asks.tolist() == [34, 50, 80]
    step = backlog.after(1, asks, np.array([0, 70, 0]))
    assert step.given_wh.tolist() == [0, 50, 20]
    assert (step.expired.tolist(), step.expired_wh.tolist()) == ([2], [60])
    assert step.backlog.missing_wh.tolist() == [100]


def test_a_contract_without_room_asks_for_the_most_urgent_only() -> None:
    backlog = Backlog.of([Request(0, 100, 100, 1, 4), Request(0, 30, 30, 1, 1)])
    assert backlog.asks(1, np.array([40, 0, 0])).tolist() == [10, 30]


def test_backlogs_join_in_order() -> None:
    one, other = Backlog.of([Request(0, 1, 1, 1, 1)]), Backlog.of([Request(2, 5, 5, 1, 1)])
    assert one.joined(other).index.tolist() == [0, 2]
    assert len(Backlog.of()) == 0


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ((1, 100, 10, 1, 9), r"^request\.energy_wh: 100 Wh do not fit .* holds 90 Wh"),
        ((1, 10, 10, 5, 4), r"^request\.last: the window 5 \.\.\. 4 is empty"),
        ((1, 10, 10, 0, 4), r"^request\.last: the window 0 "),
        ((-1, 10, 10, 1, 4), r"^request\.index: "),
        ((1, -1, 10, 1, 4), r"^request\.energy_wh: -1 is out of range"),
        ((1, 10, 2**30, 1, 4), r"^request\.most_wh: "),
    ],
)
def test_a_request_that_cannot_be_met_is_refused(fields: tuple[int, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Request(*fields)


@pytest.mark.parametrize("power", [0.0, -1.0, float("nan"), float("inf"), 1e9])
def test_a_power_out_of_range_is_refused(power: float) -> None:
    with pytest.raises(InputError, match=r"^power_kw: "):
        most_wh(power, 1800)
