"""Write the vectors of drand rounds: python -m tests.vectors.make_drand.

The genuine rounds are the League of Entropy's; their signatures prove themselves by the pairing.
"""

from __future__ import annotations

from py_ecc.optimized_bls12_381.optimized_curve import field_modulus

from offchain.keccak import keccak
from offchain.randomness.drand import QUICKNET, evm_key, is_signed, seed
from tests.vectors.make import HERE, Row, Tables, columns, dumped

#: Rounds of quicknet.
GENUINE = {
    1000: "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125"
    "e342b73a8dd2bacbe47e4b6b63ed5e39",
    1001: "b33bf3667cbd5a82de3a24b4e0e9fe5513cc1a0e840368c6e31f5fcfa79bea03"
    "f73896b25883abf2853d10337fb8fa41",
    1002: "ab066f9c12dd6de1336fca0f925192fb0c72a771c3e4c82ede1fd362c1a770f9"
    "eb05843c6308ce2530b53a99c0281a6e",
    1003: "b104c82771698f45fd8dcfead083d482694c31ab519bcef077f126f3736fe98c"
    "8392fd5d45d88aeb76b56ccfcb0296d7",
}
_COMPRESSED, _INFINITE, _LARGER = 1 << 383, 1 << 382, 1 << 381


def _has_root(x: int) -> bool:
    """Whether some point of the curve has this x."""
    square = (x**3 + 4) % field_modulus
    return pow(square, (field_modulus - 1) // 2, field_modulus) == 1


def forged() -> dict[str, tuple[int, int]]:
    """Wrong signatures by what is wrong with them: the round they are said to be of, and the number."""
    own = {round_: int(text, 16) for round_, text in GENUINE.items()}
    on_curve = next(x for x in range(1, 100) if _has_root(x))
    off_curve = next(x for x in range(1, 100) if not _has_root(x))
    return {
        "of another round": (1000, own[1001]),
        "of another round, the other way": (1001, own[1000]),
        "the inverse": (1000, own[1000] ^ _LARGER),
        "one bit": (1000, own[1000] ^ 1),
        "not compressed": (1000, own[1000] ^ _COMPRESSED),
        "infinity": (1000, _COMPRESSED | _INFINITE),
        "infinity's flag on a point": (1000, own[1000] | _INFINITE),
        "outside the subgroup": (1000, _COMPRESSED | on_curve),
        "outside the subgroup, the inverse": (1000, _COMPRESSED | _LARGER | on_curve),
        "on no point": (1000, _COMPRESSED | off_curve),
        "x of the field's prime": (1000, _COMPRESSED | field_modulus),
        "x beyond the field": (1000, _COMPRESSED | ((1 << 381) - 1)),
        "zero": (1000, 0),
        "all ones": (1000, (1 << 384) - 1),
    }


def drand() -> Tables:
    """Rounds, genuine and forged, and whether they are signed; seeds that they make."""
    rows: list[Row] = [
        {"round": round_, "signature": bytes.fromhex(text), "signed": 1}
        for round_, text in GENUINE.items()
    ]
    rows += [
        {"round": round_, "signature": value.to_bytes(48, "big"), "signed": 0}
        for round_, value in forged().values()
    ]
    for row in rows:
        assert (
            is_signed(QUICKNET.public_key, int(row["round"]), bytes(row["signature"]))
            == row["signed"]
        )
    domain = keccak(b"domain")
    seeds: list[Row] = [
        {
            "domainHash": domain,
            "interval": interval,
            "round": row["round"],
            "signature": row["signature"],
            "seed": seed(domain, interval, int(row["round"]), bytes(row["signature"])),
        }
        for interval, row in enumerate(rows[:4], 1)
    ]
    network: list[Row] = [
        {
            "publicKey": QUICKNET.public_key,
            "evmKey": evm_key(QUICKNET.public_key),
            "genesisTime": QUICKNET.genesis_time,
            "period": QUICKNET.period_s,
        }
    ]
    return {"rounds": columns(rows), "seeds": columns(seeds), "network": columns(network)}


if __name__ == "__main__":
    (HERE / "drand.json").write_text(dumped(drand()))
