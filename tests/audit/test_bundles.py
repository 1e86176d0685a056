"""No byte of what is published can be changed without the audit's noticing."""

import pytest

from offchain.audit.interval import open_bundle
from offchain.commitment.bundle import read_bundle, read_genesis
from offchain.errors import InputError
from tests.audit.honest import honest_market

SECTIONS = (
    b"manifest",
    b"previous_hash",
    b"salt_key",
    b"orders",
    b"allocation",
    b"state",
    b"contracts",
    b"shares",
    b"certificate",
    b"header",
)
GENESIS_SECTIONS = (
    b"manifest",
    b"policy",
    b"grid",
    b"nonce",
    b"salt_key",
    b"contracts",
    b"shares",
    b"state",
)
PER_SECTION = 6


def places(data: bytes, section: bytes) -> list[int]:
    """Bytes of a section, from its first to its last, evenly spread."""
    label = bytes([len(section)]) + section
    begin = data.index(label) + len(label)
    size = int.from_bytes(data[begin : begin + 8], "big")
    begin += 8
    return sorted({begin + (size - 1) * k // (PER_SECTION - 1) for k in range(PER_SECTION)})


def flipped(data: bytes, place: int) -> bytes:
    """The data with one bit of one byte changed."""
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def test_a_market_that_kept_the_rules_passes() -> None:
    honest = honest_market()
    verdict = honest.verdict()
    assert verdict.ok
    assert verdict.intervals == len(honest.intervals)
    assert verdict.checks > 1000
    assert verdict.faults == []
    assert verdict.unjudged == {}


def test_every_single_byte_of_a_bundle_counts() -> None:
    honest = honest_market()
    header, data = honest.published.headers[1], honest.bundles[2]
    accepted = []
    for place in range(len(data)):
        try:
            open_bundle(header, flipped(data, place))
        except InputError:
            continue
        accepted.append(place)
    assert accepted == []


@pytest.mark.parametrize("section", SECTIONS)
def test_the_audit_fails_when_a_byte_of_an_interval_is_changed(section: bytes) -> None:
    honest = honest_market()
    data = honest.bundles[2]
    read_bundle(data)
    for place in places(data, section):
        verdict = honest.verdict({**honest.bundles, 2: flipped(data, place)})
        assert not verdict.ok
        assert 2 in verdict.unjudged
        assert verdict.faults == [], "a broken file is nobody's lie"


@pytest.mark.parametrize("section", GENESIS_SECTIONS)
def test_the_audit_fails_when_a_byte_of_the_genesis_is_changed(section: bytes) -> None:
    honest = honest_market()
    data = honest.bundles[0]
    read_genesis(data)
    for place in places(data, section):
        verdict = honest.verdict({**honest.bundles, 0: flipped(data, place)})
        assert not verdict.ok
        assert 0 in verdict.unjudged


def test_what_follows_a_missing_bundle_cannot_be_judged() -> None:
    honest = honest_market()
    verdict = honest.verdict({k: v for k, v in honest.bundles.items() if k != 2})
    assert not verdict.ok
    assert verdict.intervals == 1
    assert verdict.unjudged == {
        2: "its bundle is missing",
        3: "the state before it is not known",
    }


def test_without_a_genesis_nothing_can_be_judged() -> None:
    honest = honest_market()
    verdict = honest.verdict({})
    assert verdict.intervals == 0
    assert set(verdict.unjudged) == {0, 1, 2, 3}


def test_another_market_s_bundles_are_not_judged() -> None:
    """Of equal settings, but of another chain: nothing of it can be replayed here."""
    honest = honest_market()
    moved = honest.bundles[0].replace(b'"chain_id":"1"', b'"chain_id":"2"')
    assert moved != honest.bundles[0]
    verdict = honest.verdict({**honest.bundles, 0: moved})
    assert verdict.unjudged[0] == (
        "these bundles are of another market, their domain differs; check --ledger and --bundles"
    )
