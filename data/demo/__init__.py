"""A simulated after-sales network that plays the partners' own systems, so that the real loaders do the work."""

from __future__ import annotations

from data.demo.live import LiveNetwork, write_network

__all__ = ["LiveNetwork", "write_network"]
