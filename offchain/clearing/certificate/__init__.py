"""The integer checker: the only judge of a clearing, and part of what an auditor must believe.

It imports no solver and uses no floating-point number; the contracts compute the same integers
(docs/mechanism.md, sections 1 and 4).
"""

from offchain.clearing.certificate.network import Certificate, NetworkCheck, check_network
from offchain.clearing.certificate.ramps import Ramps, brackets, responses

__all__ = ["Certificate", "NetworkCheck", "Ramps", "brackets", "check_network", "responses"]
