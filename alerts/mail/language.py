"""The language of whoever gets a letter: the words that pages have too, and the mails' own sentences beside this file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from analytics.speech import language as shared

if TYPE_CHECKING:
    from analytics.speech.language import Language

FOLDER = Path(__file__).parent


def language(tag: str, zone: str) -> Language:
    """Read a language tag ("de", "de-AT", "en_US") and a zone's name; unknown ones become plain English and UTC."""
    return shared.language(tag, zone, FOLDER)
