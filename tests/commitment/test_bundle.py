"""A bundle has one form; whatever is not exactly that is refused in one clear line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.commitment.bundle import read_bundle, read_genesis, write_genesis
from offchain.commitment.container import read_sections, write_manifest, write_sections
from offchain.errors import InputError
from offchain.keccak import keccak
from tests.market.small import run, start

BUNDLE = run(1)[0].bundle
GENESIS = start().bundle
NAMES = (
    *("manifest", "previous_hash", "salt_key", "orders", "allocation", "state", "contracts"),
    *("shares", "readings", "certificate", "header"),
)


def with_section(name: str, data: bytes) -> bytes:
    """The bundle with one section replaced."""
    return write_sections({**read_sections(BUNDLE, NAMES), name: data})


def test_what_is_read_is_written_again_byte_for_byte() -> None:
    assert write_sections(read_sections(BUNDLE, NAMES)) == BUNDLE
    assert write_genesis(read_genesis(GENESIS)) == GENESIS


def test_the_hash_covers_every_section_but_the_header() -> None:
    header = write_sections({"header": read_sections(BUNDLE, NAMES)["header"]}, magic=b"")
    assert read_bundle(BUNDLE).hash == keccak(BUNDLE.removesuffix(header))


@given(st.data())
def test_no_cut_of_a_bundle_is_a_bundle(data: st.DataObject) -> None:
    for whole, read in ((BUNDLE, read_bundle), (GENESIS, read_genesis)):
        cut = data.draw(st.integers(0, len(whole) - 1))
        with pytest.raises(InputError, match=r"^bundle"):
            read(whole[:cut])


@given(st.integers(0, len(BUNDLE) - 1), st.integers(1, 255))
def test_a_changed_byte_is_refused_or_changes_the_hash_or_the_header(at: int, mask: int) -> None:
    changed = bytearray(BUNDLE)
    changed[at] ^= mask
    honest = read_bundle(BUNDLE)
    try:
        bundle = read_bundle(bytes(changed))
    except InputError:
        return
    assert (bundle.hash, bundle.header) != (honest.hash, honest.header)


@given(st.binary(max_size=400))
def test_no_bytes_at_all_raise_anything_but_input_errors(data: bytes) -> None:
    for read in (read_bundle, read_genesis):
        for start_of in (b"", BUNDLE[:19], BUNDLE[:28], GENESIS[:120]):
            with pytest.raises(InputError):
                read(start_of + data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"^bundle: does not start with 'clearwatt bundle 1'"),
        (BUNDLE + b"\0", r"^bundle: 1 bytes after the end"),
        (with_section("salt_key", bytes(31)), r"^bundle\.salt_key: 31 bytes; give 32"),
        (with_section("previous_hash", b""), r"^bundle\.previous_hash: 0 bytes; give 32"),
        (with_section("state", bytes(97)), r"^bundle\.state: 97 bytes; 6 records of "),
        (with_section("orders", bytes(7 * 97)), r"^bundle\.orders: 679 bytes; at most 6 records"),
        (with_section("allocation", b"x"), r"^bundle\.allocation: 1 bytes"),
        (with_section("header", bytes(435)), r"^header: 435 bytes"),
        (with_section("manifest", b"{"), r"^bundle\.manifest: not JSON"),
        (with_section("manifest", b"\xff\xfe"), r"^bundle\.manifest: not JSON"),
        (with_section("manifest", b"[" * 1024), r"^bundle\.manifest: not JSON"),
        (with_section("manifest", b"[" * 1025), r"^bundle\.manifest: 1025 bytes; at most 1024"),
        (with_section("manifest", b"[]"), r"^bundle\.manifest: must have exactly the keys"),
        (with_section("manifest", b'{"format":1}'), r"^bundle\.manifest: must have exactly"),
    ],
)
def test_the_refusal_says_which_section_and_why(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_bundle(data)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, r"^bundle\.manifest\.format: must be 1"),
        ({"participants": -1}, r"^bundle\.manifest\.participants: must be a whole number"),
        ({"participants": 2**32}, r"^bundle\.manifest\.participants: must be a whole number"),
        ({"participants": True}, r"^bundle\.manifest\.participants: must be a whole number"),
        ({"participants": 6.0}, r"^bundle\.manifest\.participants: must be a whole number"),
        ({"participants": "6"}, r"^bundle\.manifest\.participants: must be a whole number"),
        ({"participants": 5}, r"^bundle\.allocation: \d+ bytes; 5 records"),
        ({"interval": [1]}, r"^bundle\.manifest\.interval: must be a whole number or a text"),
    ],
)
def test_a_manifest_with_a_wrong_value_is_refused(changes: dict[str, object], message: str) -> None:
    manifest = {"format": 1, "grid_version": 1, "interval": 1, "participants": 6, **changes}
    with pytest.raises(InputError, match=message):
        read_bundle(with_section("manifest", write_manifest(manifest)))


def test_json_written_another_way_is_refused() -> None:
    manifest = b'{"format": 1, "grid_version": 1, "interval": 1, "participants": 6}'
    with pytest.raises(InputError, match=r"^bundle\.manifest: not canonical JSON"):
        read_bundle(with_section("manifest", manifest))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ledger", "00 01"),
        ("ledger", "AB" * 20),
        ("market_id", "0"),
        ("chain_id", "007"),
        ("chain_id", "٣"),
        ("chain_id", "9" * 500),
        ("chain_id", 1),
        ("interval", 1),
    ],
)
def test_a_genesis_manifest_has_one_form(key: str, value: object) -> None:
    names = ("manifest", "policy", "grid", "nonce", "salt_key", "contracts", "shares", "state")
    sections = read_sections(GENESIS, names)
    manifest = {
        "chain_id": "31337",
        "format": 1,
        "grid_version": 1,
        "interval": 0,
        "ledger": bytes(range(20)).hex(),
        "market_id": start().state.domain.market_id.hex(),
        "participants": 6,
    }
    assert write_manifest(manifest) == sections["manifest"]
    sections["manifest"] = write_manifest({**manifest, key: value})
    with pytest.raises(InputError, match=rf"^bundle\.manifest\.{key}: "):
        read_genesis(write_sections(sections))
