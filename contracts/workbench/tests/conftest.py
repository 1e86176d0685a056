"""A market on the workbench: three buses, three lines, one participant."""

import struct

import pytest
from brownie import (
    ClearingLedger,
    CommitReveal,
    DataRequests,
    FaultProofs,
    FiledReadings,
    ForcedOrders,
    GridRegistry,
    MarketTerms,
    NetworkVerifier,
    OracleBond,
    SettlementEscrow,
    TestToken,
    accounts,
    web3,
)

WINDOW_S = 3600
DEADLINE_S = 7200
ANSWER_S = 900
#: Longer than everybody needs to leave.
DELAY_S = 4 * DEADLINE_S + WINDOW_S + 1
DEPOSIT = 5_000_000
BOND = 10_000_000
#: No rule of a policy is asked for here, but its hash and its length.
POLICY = bytes(94)
SECRET = b"a party's secret".ljust(32, b"\0")


def packed_grid() -> bytes:
    """docs/protocol.md, section 5."""
    eps = 2 * 5_242_880 * 3 * 512_000 + 2 * 943_719 * 3 * 512_000
    lines = ((0, 1, 256_000, 5000, 2), (1, 2, 256_000, 5000, 2), (0, 2, 256_000, 900, 2))
    layers = ((2, 0, 0), (1, 1, 5900), (0, 0, 5900), (0, 2, 10_000), (0, 3, 5900))
    return b"".join(
        (
            struct.pack(">HHBB", 3, 3, 20, 0) + eps.to_bytes(32, "big"),
            *(struct.pack(">HHQQQ", *line) for line in lines),
            struct.pack(">QQQ", 0, 5_242_880, 943_719),
            struct.pack(">BHHHH", 2, 0, 2, 3, len(layers)),
            *(struct.pack(">BHQ", *layer) for layer in layers),
        )
    )


class Market:
    """Every contract by its name, deployed from the first account."""

    def __init__(self) -> None:
        self.operator, self.treasurer, self.relief, self.owner, self.stranger = accounts[:5]
        by = {"from": self.operator}
        self.token = TestToken.deploy(by)
        self.registry = GridRegistry.deploy(by)
        self.registry.registerGrid(packed_grid(), by)
        nonce = self.operator.nonce
        courts = ("ledger", "bond", "escrow", "verifier", "forced", "requests", "readings")
        names = ("ledger", "bond", "beacon", "faults", *courts[2:], "terms")
        at = {n: self.operator.get_deployment_address(nonce + i) for i, n in enumerate(names)}
        settings = {
            "registry": self.registry.address,
            "beacon": at["beacon"],
            "bond": at["bond"],
            "faults": at["faults"],
            "terms": at["terms"],
            "policyHash": web3.keccak(b"\x0a" + POLICY),
            "gridVersion": 1,
            "participants": 2,
            "windowSeconds": WINDOW_S,
            "deadlineSeconds": DEADLINE_S,
            "ringSize": 8,
            "signatures": 1,
            "eager": True,
        }
        config, _ = next(e for e in ClearingLedger.abi if e["type"] == "constructor")["inputs"]
        fields = [settings.get(c["name"], bytes(32)) for c in config["components"]]
        self.ledger = ClearingLedger.deploy(fields, POLICY, by)
        stake = (self.token, at["ledger"], at["faults"], self.treasurer, self.relief)
        self.bond = OracleBond.deploy(
            (*stake, BOND, BOND // 2, BOND // 8, DELAY_S), [self.operator], by
        )
        self.beacon = CommitReveal.deploy(at["ledger"], [web3.keccak(SECRET)], by)
        self.faults = FaultProofs.deploy(*(at[name] for name in courts), by)
        self.escrow = SettlementEscrow.deploy(
            self.token, at["ledger"], self.operator, 2**64 - 1, 1, by
        )
        self.verifier = NetworkVerifier.deploy(self.registry, by)
        self.forced = ForcedOrders.deploy(at["ledger"], at["escrow"], by)
        self.requests = DataRequests.deploy(at["ledger"], ANSWER_S, 10**9, by)
        self.readings = FiledReadings.deploy(at["ledger"], by)
        roles = (self.operator, self.operator, self.operator)
        self.terms = MarketTerms.deploy(at["ledger"], *roles, DELAY_S, by)
        assert all(getattr(self, name).address == at[name] for name in names)
        self.token.mint(self.operator, BOND + DEPOSIT, by)
        self.token.approve(self.bond, BOND, by)
        self.bond.bond(BOND, by)
        self.token.approve(self.escrow, DEPOSIT, by)
        self.escrow.register(self.owner, 1, DEPOSIT, by)


@pytest.fixture(scope="module")
def market() -> Market:
    """A market, once per file."""
    return Market()


@pytest.fixture(autouse=True)
def each_on_its_own(fn_isolation: None) -> None:
    """Whatever a test does is undone after it."""
