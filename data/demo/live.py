"""A network on disk: written with its history, and going on living from where it was left."""

from __future__ import annotations

import json
import shutil
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from data.demo.decoys import decoys
from data.demo.network import DAY, Network
from data.demo.plan import FEEDS
from data.demo.systems import SYSTEMS
from data.demo.systems.master import master_data
from data.demo.truth import truth
from data.demo.world import live

if TYPE_CHECKING:
    from collections.abc import Callable

    from data.demo.world import World

    Progress = Callable[[float, str], None]

_STATE = "demo.json"
_TEMPLATE = Path(__file__).with_name("settings.toml")
_SOURCE = "\n[[source]]\n"
_LIVING = 0.35
"""How much of the time to write a network goes into its lives."""


def write_network(
    out: Path,
    *,
    partners: int = 24,
    days: int = 100,
    seed: int = 1,
    quiet: bool = False,
    now: datetime,
    progress: Callable[[float, str], None] | None = None,
) -> None:
    """Write a network's settings, its truth and its systems with all that happened in the `days` before `now`.

    A network that stands in `out` already is replaced; other people's files there are an error. Networks written at
    two moments of one UTC day share one history. Raises ValueError and FileExistsError.
    """
    network = Network.before(now, partners, days, seed, quiet=quiet)
    _clear(out)
    (out / "settings.toml").write_text(_settings(network), encoding="utf-8")
    master_data(out / "systems", network)
    _keep(out, network, None)
    written = LiveNetwork(out)
    written.advance(now, progress=progress)
    told = truth(network, [*network.troubles, *decoys(written.world)])
    (out / "truth.json").write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _settings(network: Network) -> str:
    """Give the settings without the sources whose systems no partner of the network uses."""
    absent = [name for system, name in FEEDS.items() if system not in network.systems]
    head, *sources = _TEMPLATE.read_text(encoding="utf-8").split(_SOURCE)
    kept = [source for source in sources if not any(f'name = "{name}"\n' in source for name in absent)]
    return _SOURCE.join([head, *kept])


class LiveNetwork:
    """A written network that goes on living; it remembers on disk how far it has come."""

    def __init__(self, out: Path) -> None:
        """Open the network in `out`; raises FileNotFoundError if none was written there."""
        self._out = out
        state = json.loads((out / _STATE).read_text(encoding="utf-8"))
        start = datetime.fromisoformat(state["start"])
        self.network = Network(state["partners"], state["days"], state["seed"], start, state.get("quiet", False))
        written = state["written"]
        self._written = self.network.seconds(datetime.fromisoformat(written)) if written else -1.0
        self._through = -1
        self._world: World | None = None

    @property
    def world(self) -> World:
        """Give all that has come to life so far."""
        return self._live(int(max(self._written, 0.0) // DAY), lambda _, __: None)

    def advance(self, now: datetime, *, progress: Callable[[float, str], None] | None = None) -> int:
        """Write all that happened since the last call up to `now` into the systems; give the number of rows."""
        until = float(np.floor(self.network.seconds(now)))
        if until <= self._written:
            return 0
        tell = progress or (lambda _, __: None)
        world = self._live(int(until // DAY), lambda share, what: tell(share * _LIVING, what))
        rows = 0
        for number, (name, write) in enumerate(SYSTEMS):
            tell(_LIVING + (1 - _LIVING) * number / len(SYSTEMS), name)
            rows += write(self._out / "systems", world, self._written, until)
        _keep(self._out, self.network, self.network.moment(until))
        self._written = until
        tell(1.0, "written")
        return rows

    def _live(self, through: int, progress: Progress) -> World:
        if self._world is None or through != self._through:
            self._world, self._through = live(self.network, through, progress), through
        return self._world


def _clear(out: Path) -> None:
    systems = out / "systems"
    if systems.exists() and not (out / _STATE).exists():
        raise FileExistsError(f"{systems} was not written by the demo; choose another folder")
    shutil.rmtree(systems, ignore_errors=True)
    systems.mkdir(parents=True)


def _keep(out: Path, network: Network, written: datetime | None) -> None:
    state = {
        "partners": network.partners_count,
        "days": network.days,
        "seed": network.seed,
        "quiet": network.quiet,
        "start": network.start.isoformat(),
        "written": written.isoformat() if written else None,
    }
    fresh = out / (_STATE + ".new")
    fresh.write_text(json.dumps(state, indent=2) + "\n", encoding="utf-8")
    fresh.replace(out / _STATE)
