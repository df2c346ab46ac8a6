"""Work that makes many objects which live on: looking for garbage among them, again and again, takes a tenth of it and more."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def uncollected() -> Iterator[None]:
    """Let no search for cycles interrupt what is done within; memory is still freed as soon as nothing refers to it.

    Threads may enter while others are inside: whoever found the search on turns it on again.
    """
    searching = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searching:
            gc.enable()
