"""Measures that one fact and its rows cannot express, each a reviewed function that kpis.toml calls by its name."""

from __future__ import annotations

NAMED: frozenset[str] = frozenset()
"""The names that `measure = { named = "..." }` may use."""
