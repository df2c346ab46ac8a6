"""What is repaired and with what: products, identities, parts, faults and their shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Product:
    """A model; `tacs` are its type allocation codes, the last one that of the devices given out in a swap.

    `launched` counts in days before the end of the network's history (None: long ago); `share` is of the intake, when launched.
    """

    name: str
    brand: str
    prefix: str
    tacs: tuple[str, ...]
    share: float
    launched: int | None = None


PRODUCTS = (
    Product("Aurora 5", "Norda", "A5", ("35194011", "35194012", "35194019"), 0.26),
    Product("Aurora 6 Pro", "Norda", "A6P", ("35672310", "35672311", "35672319"), 0.26),
    Product("Slate 11", "Norda", "S11", ("35820711", "35820712", "35820719"), 0.15),
    Product("Pulse Watch", "Norda", "PW", ("35401806", "35401807", "35401809"), 0.12),
    Product("Kivi One", "Kivi", "K1", ("86710405", "86710406", "86710409"), 0.12),
    Product("Kivi Fold", "Kivi", "KF", ("86882203", "86882204", "86882209"), 0.04),
    Product("Aurora 7", "Norda", "A7", ("35931507", "35931508", "35931509"), 0.10, launched=45),
)
NAMES = tuple(product.name for product in PRODUCTS)
BRANDS = ("Norda", "Kivi")

FAULTS = ("display", "battery", "no power", "water", "software")
FAULT_SHARES = (0.34, 0.24, 0.18, 0.08, 0.16)
SYMPTOMS = (
    ("cracked glass", "dark screen", "touch dead"),
    ("drains fast", "swollen"),
    ("does not charge", "does not start"),
    ("wet inside",),
    ("freezes", "no network", "update fails"),
)
PART_KINDS = ("DISPLAY", "BATTERY", "BOARD", "CAMERA")
"""The parts of every product, by what its faults need; a watch's display is called a glass, its battery a cell."""
PART_OF_FAULT = (0, 1, 2, 2, 3)
NEEDS_PART = (0.55, 0.5, 0.35, 0.3, 0.06)
PART_COSTS = (62.0, 14.0, 78.0, 21.0)
SUPPLIERS = ("Kyo Panels", "Voltano Cells", "Meridian Boards", "Optika Lens")
"""Who makes each kind of part."""
CORES = (True, False, True, False)
"""The kinds whose defective cores go back to the supplier."""
_WATCH = {"DISPLAY": "GLASS", "BATTERY": "CELL"}


def _part(product: Product, kind: str) -> str:
    return f"{product.prefix}-{_WATCH.get(kind, kind) if product.prefix == 'PW' else kind}"


PARTS = tuple(_part(product, kind) for product in PRODUCTS for kind in PART_KINDS)
"""Every part, product by product; a part's index is 4 * product + kind."""
TOPICS = ("repair status", "booking", "complaint", "advice", "billing")


def imei(tac: Array, serial: Array) -> Array:
    """Join 8 digits and 6 digits to 15 with the check digit of Luhn (ISO/IEC 7812-1)."""
    body = tac.astype(np.int64) * 1_000_000 + serial.astype(np.int64)
    total, rest = np.zeros(len(body), dtype=np.int64), body.copy()
    for place in range(14):
        digit = rest % 10
        rest //= 10
        doubled = digit * 2 if place % 2 == 0 else digit
        total += np.where(doubled > 9, doubled - 9, doubled)
    return body * 10 + (10 - total % 10) % 10
