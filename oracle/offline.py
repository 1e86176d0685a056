"""A market as its bundles alone tell it, held together by one header hash that is trusted."""

from __future__ import annotations

from collections.abc import Callable

from offchain.audit.genesis import GENESIS
from offchain.audit.published import PostedHeader, PublishedMarket
from offchain.commitment.bundle import read_bundle, read_genesis
from offchain.commitment.header import Domain, genesis_hash
from offchain.commitment.trees import PlainTree
from offchain.errors import InputError
from offchain.policy import Policy
from offchain.records import KIND_STATE
from oracle.bundles import BundleDirectory

_UNKNOWN = PostedHeader(b"", b"", b"", b"")
"""Stands for a header that nothing leads to."""


def offline_market(
    directory: BundleDirectory, head: bytes, step: Callable[[int], None] = lambda interval: None
) -> PublishedMarket:
    """Follow the headers from a trusted one back to the genesis; each names the one before it by its hash.

    Where a bundle is missing or is not the one that is named, nothing is known of what lies before it: those headers
    are left empty, and `unreadable` says why. The genesis is bound by every header: by the market id in its hash.

    Args:
        directory: Where the bundles are.
        head: Hash of the newest header that is trusted, 32 bytes.
        step: Told of each interval that was read.

    Raises:
        InputError: There is no genesis that can be read, or no bundle with that header.
    """
    data = directory.read(GENESIS)
    if data is None:
        raise InputError(f"fsck: there is no genesis.bundle in {directory.path}; export it too")
    genesis = read_genesis(data)
    domain = genesis.domain
    last, header = _find(directory, domain, head, step)
    headers, unreadable = [header], dict[int, str]()
    for interval in range(last - 1, GENESIS, -1):
        try:
            header = _header(directory, domain, interval, header.previous_hash)
        except InputError as error:
            unreadable = dict.fromkeys(range(1, interval + 1), str(error))
            headers += [_UNKNOWN] * interval
            break
        headers.append(header)
        step(interval)
    headers.reverse()
    shares_root = read_bundle(directory.read(last) or b"").header.shares_root
    return PublishedMarket(
        domain=domain,
        policy_hash=Policy.unpack(genesis.policy).hash(),
        shares_root=shares_root,
        genesis_hash=genesis_hash(
            domain.hash(), PlainTree.of_table(KIND_STATE, genesis.state, len(genesis.state)).root
        ),
        grids={genesis.grid_version: genesis.grid},
        orders_roots={},
        seeds={},
        headers=tuple(headers),
        owners={},
        collateral=(),
        forced=(),
        unreadable=unreadable,
        on_chain=False,
    )


def _find(
    directory: BundleDirectory, domain: Domain, head: bytes, step: Callable[[int], None]
) -> tuple[int, PostedHeader]:
    """The interval whose header has a hash, from the newest back."""
    for interval in range(directory.newest(), GENESIS, -1):
        step(interval)
        try:
            return interval, _header(directory, domain, interval, head)
        except InputError:
            continue
    raise InputError(
        f"head: no bundle in {directory.path} has the header 0x{head.hex()}; "
        "it is of another market, or its bundle is missing or damaged"
    )


def _header(
    directory: BundleDirectory, domain: Domain, interval: int, expected: bytes
) -> PostedHeader:
    """The header in an interval's bundle, which must have a hash."""
    data = directory.read(interval)
    if data is None:
        raise InputError(f"the bundle of interval {interval} is missing; nothing leads to it")
    bundle = read_bundle(data)
    if bundle.header.hash(domain.hash(), bundle.previous_hash) != expected:
        raise InputError(
            f"the bundle of interval {interval} is not the one that the header after it names; "
            "nothing leads to it"
        )
    payload, previous = bundle.header.packed(), bundle.previous_hash
    return PostedHeader(previous, payload, bundle.certificate, expected)
