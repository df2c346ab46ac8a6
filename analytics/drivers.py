"""What a trouble is associated with: a change split into mix and rate, and the parts of the rows that hold the excess.

Association is all that rows can show: every sentence made of these says "associated with".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analytics.kpi import Slice

PSEUDO_ORDERS = 20.0
"""Rows at the expected rate that are added to every part, so that five bad orders of five are no cause."""

MIN_SHARE = 0.1
"""A part that holds less of the excess is not named."""

PAIR_TELLS = 0.5
"""Two dimensions are named where both tell more than either alone, by this share of what one alone must tell beyond chance."""

NEARLY_ALL = 0.9
"""An owner of so large a share of rows and excess is named without proof: there is hardly anything to hold it against."""

MOST = 3
"""Drivers named at most."""

CHANCE = 0.05
"""The chance that rows without any driver yield one, for one dimension and for two each."""

_LOOKED_AT = 20
"""Candidates looked at row by row before giving up."""

_NOISE = 1e-12
"""What rounding leaves of a change that is none."""

_WIDTH = 1.645
"""Standard deviations on either side of a share: a 90 % interval."""


@dataclass(frozen=True)
class MixRate:
    """A change of a share (or mean) split exactly: `mix` + `rate` = `change`.

    `mix` is due to values with other rates gaining or losing weight, `rate` to rates changing within values.
    `mix_of` and `rate_of` are the same per value, in the order given.
    """

    change: float
    mix: float
    rate: float
    mix_of: tuple[float, ...]
    rate_of: tuple[float, ...]

    @property
    def simpson(self) -> bool:
        """Tell whether the whole moved one way while its values, taken together, moved the other (Simpson 1951)."""
        return abs(self.change) > _NOISE and abs(self.rate) > _NOISE and (self.change > 0) != (self.rate > 0)


def mix_and_rate(hits_before: Any, n_before: Any, hits: Any, n: Any) -> MixRate:
    """Split the change of sum(hits) / sum(n) over the values of one dimension, an entry per value.

    sum (m1 - m0)(r0 - R0) + sum m1 (r1 - r0), m being weights and r rates. A value that is new has no rate before: it had the
    whole's, so that all it brings counts as rate. Raises ValueError where a period has no rows.
    """
    x0, n0, x1, n1 = (np.asarray(each, dtype=float) for each in (hits_before, n_before, hits, n))
    if n0.sum() <= 0 or n1.sum() <= 0:
        raise ValueError("A change needs rows in both periods.")
    whole = x0.sum() / n0.sum()
    before, after = _rate(x0, n0, whole), _rate(x1, n1, 0.0)
    m0, m1 = n0 / n0.sum(), n1 / n1.sum()
    mix, rate = (m1 - m0) * (before - whole), m1 * (after - before)
    change = float(x1.sum() / n1.sum() - whole)
    return MixRate(change, float(mix.sum()), float(rate.sum()), tuple(mix.tolist()), tuple(rate.tolist()))


def _rate(above: Any, below: Any, otherwise: float) -> Any:
    return np.where(below > 0, above / np.where(below > 0, below, 1.0), otherwise)


@dataclass(frozen=True)
class Column:
    """One dimension of the rows: for each row the place of its value in `values`, -1 where it is unknown."""

    name: str
    codes: Any
    values: tuple[str, ...]


@dataclass(frozen=True)
class Driver:
    """A part of the rows and how much of the excess is associated with it.

    `where` names one or two dimensions; `share` of the whole excess lies there, between `low` and `high` with 90 %; `n` rows
    have `rate` where `expected` was due. A second and third driver speak of the rows that those before them leave.
    """

    where: Slice
    share: float
    low: float
    high: float
    n: int
    rate: float
    expected: float


def associated(driver: Driver) -> str:
    """Say what a driver is, and no more than rows can show."""
    named = " and ".join(f"{dimension} {value}" for dimension, value in driver.where)
    between = f"{100 * driver.low:.0f} to {100 * driver.high:.0f} %"
    return f"{100 * driver.share:.0f} % ({between}) of the excess is associated with {named}"


def drivers_of_share(
    columns: Sequence[Column], hits: Any, expected: Any, most: int = MOST, chance: float = CHANCE, owner: str = ""
) -> tuple[Driver, ...]:
    """Find what the excess of hits over `expected` (a rate, or one per row) is associated with, strongest first.

    `hits` is true for a bad row: a miss where more is better, a row beyond the limit for a quantile. Nothing where there is
    no excess, or where it is spread as evenly as chance would. Of parts with the same rows the dimension given first is named.
    `owner` names the dimension of those who answer for rows: where one of them has nearly all, it is named before what is
    found among them.
    """
    observed = np.asarray(hits, dtype=float)
    floor = 0.5 / (len(observed) + 1)  # a limit of 0 is no proof that hits are impossible
    due = np.clip(np.broadcast_to(np.asarray(expected, dtype=float), observed.shape), floor, 1 - floor)
    return _search(columns, observed, due, _Binomial(), most, chance, owner)


def drivers_of_mean(
    columns: Sequence[Column], amounts: Any, expected: Any, most: int = MOST, chance: float = CHANCE, owner: str = ""
) -> tuple[Driver, ...]:
    """Find what the excess of a mean amount over `expected` is associated with; as `drivers_of_share`, by a normal likelihood.

    Rows whose amount is unknown are left out beforehand.
    """
    observed = np.asarray(amounts, dtype=float)
    due = np.broadcast_to(np.asarray(expected, dtype=float), observed.shape)
    variance = float(np.var(observed - due)) if len(observed) else 0.0
    return _search(columns, observed, due, _Normal(variance or 1.0), most, chance, owner)


class _Law(Protocol):
    """How amounts scatter; `tails` says that a few rows may make all of a sum, which a common variance does not know of."""

    tails: ClassVar[bool]

    def gain(self, parts: _Parts, pseudo: float = 0.0) -> Any:
        """Give G2: twice the log-likelihood ratio of each part's own rate, smoothed by `pseudo` rows, to the expected one."""

    def level(self, parts: _Parts, whole: _Parts) -> Any:
        """Give the sum that each part would have if its excess were no other than that of the whole."""

    def variance(self, parts: _Parts) -> Any:
        """Give the variance of each part's observed sum."""


class _Binomial:
    tails: ClassVar[bool] = False

    def gain(self, parts: _Parts, pseudo: float = 0.0) -> Any:
        n, hits = np.maximum(parts.n, 1e-9), parts.observed
        due = np.clip(parts.expected / n, 1e-9, 1 - 1e-9)
        rate = np.clip((hits + pseudo * due) / (n + pseudo), 0.0, 1.0)
        return 2 * (special.xlogy(hits, rate / due) + special.xlogy(n - hits, (1 - rate) / (1 - due)))

    def level(self, parts: _Parts, whole: _Parts) -> Any:
        return parts.expected * (whole.observed / whole.expected)

    def variance(self, parts: _Parts) -> Any:
        rate = (parts.observed + 0.5) / (parts.n + 1)  # all bad or none bad is not known to be so for certain
        return parts.n * rate * (1 - rate)


@dataclass(frozen=True)
class _Normal:
    spread: float
    """The variance of one row."""
    tails: ClassVar[bool] = True

    def gain(self, parts: _Parts, pseudo: float = 0.0) -> Any:
        shift = parts.excess / np.maximum(parts.n + pseudo, 1e-9)
        return (2 * parts.excess * shift - parts.n * shift**2) / self.spread

    def level(self, parts: _Parts, whole: _Parts) -> Any:
        return parts.expected + parts.n * (whole.excess / whole.n)

    def variance(self, parts: _Parts) -> Any:
        return parts.n * self.spread


@dataclass(frozen=True)
class _Parts:
    """Parts of the rows: how many rows, their observed and expected sums, and what they are.

    `where` has a line per part: the places of a column and of its value, then of a second column and value, else -1 and -1.
    """

    n: Any
    observed: Any
    expected: Any
    where: Any

    @property
    def excess(self) -> Any:
        return self.observed - self.expected

    def of(self, kept: Any) -> _Parts:
        return _Parts(self.n[kept], self.observed[kept], self.expected[kept], self.where[kept])

    def rest(self, whole: _Parts) -> _Parts:
        """Give what each part leaves of the whole."""
        return _Parts(whole.n - self.n, whole.observed - self.observed, whole.expected - self.expected, self.where)

    def expecting(self, expected: Any) -> _Parts:
        return _Parts(self.n, self.observed, expected, self.where)


@dataclass(frozen=True)
class _Rows:
    """Rows that no driver has named yet; `codes` are those of the columns plus one, so that 0 is unknown."""

    codes: tuple[Any, ...]
    observed: Any
    due: Any

    def whole(self) -> _Parts:
        return _Parts(float(len(self.observed)), self.observed.sum(), self.due.sum(), None)

    def inside(self, part: _Parts) -> Any:
        named = [(column, value) for column, value in part.where.reshape(2, 2) if column >= 0]
        return np.logical_and.reduce([self.codes[column] == value + 1 for column, value in named])

    def only(self, kept: Any) -> _Rows:
        return _Rows(tuple(codes[kept] for codes in self.codes), self.observed[kept], self.due[kept])

    def sums(self, codes: Any, size: int) -> tuple[Any, Any, Any]:
        """Give the number of rows, the observed and the expected sum of each code."""
        n = np.bincount(codes, minlength=size).astype(float)
        observed = np.bincount(codes[self._bad], self.observed[self._bad], size)
        even = len(self.due) == 0 or self._even
        return n, observed, n * self.due[:1] if even else np.bincount(codes, self.due, size)

    def reaches(self, first: Any, second: Any, width: int, size: int, least: float) -> bool:
        """Tell by the bad rows alone whether any pair of values can hold so much excess: most cannot."""
        if not self._bounded:
            return True
        bad = self._bad
        sums = np.bincount(first[bad] * width + second[bad], self.observed[bad], size).reshape(-1, width)
        return bool((sums[:-1, :-1] >= least).any())

    @cached_property
    def _bounded(self) -> bool:
        """Nothing is due below 0, so that no part holds more excess than what was observed there."""
        return bool((self.due >= 0).all())

    @cached_property
    def _bad(self) -> Any:
        """The rows that add to a sum; of shares only the hits do, a few of many."""
        return np.flatnonzero(self.observed)

    @cached_property
    def _even(self) -> bool:
        return bool((self.due == self.due[0]).all())


def _search(
    columns: Sequence[Column], observed: Any, due: Any, law: _Law, most: int, chance: float, owner: str
) -> tuple[Driver, ...]:
    """Name the best part, take its rows away, and look again."""
    whole = _Rows((), observed, due).whole()
    if not columns or whole.excess <= 0:
        return ()
    found: list[Driver] = []
    mine = slice(None)
    for column in (column for column in columns if column.name == owner):
        part = _owner(column, observed, due, whole)
        if part is not None:
            found.append(_driver([column], part, whole, law))
            mine = np.asarray(column.codes) == part.where[1]
    columns = _telling([Column(column.name, np.asarray(column.codes)[mine], column.values) for column in columns])
    codes = tuple(column.codes.astype(np.intp) + 1 for column in columns)
    return tuple(
        found + _greedy(columns, _Rows(codes, observed[mine], due[mine]), whole, law, most - len(found), chance)
    )


def _telling(columns: Sequence[Column]) -> list[Column]:
    """Leave out what tells nothing: dimensions with one value only, and those that part the rows as an earlier one does.

    Each of them would be one more way for chance to look like a driver.
    """
    found: dict[bytes, Column] = {}
    for column in columns:
        codes = np.asarray(column.codes)
        if len(codes) and codes.min() != codes.max():
            found.setdefault(_partition(codes), column)
    return list(found.values())


def _partition(codes: Any) -> bytes:
    """Write how codes part the rows, whatever the values are called; unknown stays unknown."""
    known, first, back = np.unique(codes, return_index=True, return_inverse=True)
    order = np.argsort(np.argsort(first))
    numbers = np.where(known < 0, -1, order)
    return bytes(numbers[back].astype(np.int32))


def _owner(column: Column, observed: Any, due: Any, whole: _Parts) -> _Parts | None:
    """Give the value that nearly all rows, and nearly all of the excess, lie in."""
    rows = _Rows((np.asarray(column.codes, dtype=np.intp) + 1,), observed, due)
    parts = _singles(rows, 0, NEARLY_ALL * whole.excess)
    most = parts.of(parts.n >= NEARLY_ALL * whole.n)
    return most.of(0) if len(most.n) else None


def _greedy(columns: Sequence[Column], rows: _Rows, whole: _Parts, law: _Law, most: int, chance: float) -> list[Driver]:
    found: list[Driver] = []
    if not columns:
        return found
    least = MIN_SHARE * whole.excess
    hurdles = _hurdles(rows, least, chance)
    while len(found) < most:
        best = _best(rows, law, least, hurdles)
        if best is None:
            break
        found.append(_driver(columns, best, whole, law))
        rows = rows.only(~rows.inside(best))
    return found


def _hurdles(rows: _Rows, least: float, chance: float) -> Any:
    """Give the G2 that a part of one dimension, and of two, must exceed: more than chance makes of all that are tried.

    It takes rows to hold the least excess, so small values are no tries, and of large parts there are only so many.
    """
    needed = least / (rows.observed - rows.due).max()
    sizes = [np.count_nonzero(np.bincount(codes)[1:] >= needed) for codes in rows.codes]
    room = len(rows.observed) / needed
    tried = np.array([sum(sizes), sum(min(a * b, room) for a, b in combinations(sizes, 2))])
    # Bonferroni on one side of a chi-squared with one degree of freedom
    return special.chdtri(1, np.minimum(2 * chance / np.maximum(tried, 1), 1.0))


def _best(rows: _Rows, law: _Law, least: float, hurdles: Any) -> _Parts | None:
    """Give the part that tells most, beyond the hurdle of its kind; ties go to the dimensions given first."""
    parts = _candidates(rows, least)
    gain = _gain(parts, rows.whole(), law)
    score = gain - np.where(parts.where[:, 2] < 0, hurdles[0], hurdles[1])
    score[_wordy(parts, gain, PAIR_TELLS * hurdles[0])] = -np.inf
    order = np.argsort(-np.round(score, 9), kind="stable")  # rounding must not break ties
    for at in order[: np.count_nonzero(score > 0)][:_LOOKED_AT]:
        best = parts.of(at)
        hurdle = hurdles[int(best.where[2] >= 0)]
        if not law.tails or _steadiness(rows, rows.inside(best)) >= np.sqrt(hurdle):
            return best
    return None


def _wordy(parts: _Parts, gain: Any, least: float) -> Any:
    """Tell the pairs that say little more than one of their two values does: hardly fewer rows, or a gain by less than `least`.

    Within a part some value of another dimension always looks worse, by chance.
    """
    alone = parts.where[:, 2] < 0
    height = int(parts.where[:, 1:4:2].max(initial=0)) + 1
    names = parts.where[:, 0:3:2] * height + parts.where[:, 1:4:2]
    singles = {name: at for at, name in zip(np.flatnonzero(alone), names[alone, 0], strict=True)}
    at = np.array([[singles.get(name, -1) for name in pair] for pair in names[~alone]], dtype=int).reshape(-1, 2)
    more = gain[~alone][:, None] - gain[at] < least
    same = parts.n[~alone][:, None] >= NEARLY_ALL * parts.n[at]
    found = np.zeros(len(alone), dtype=bool)
    found[~alone] = ((more | same) & (at >= 0)).any(axis=1)
    return found


def _gain(parts: _Parts, whole: _Parts, law: _Law) -> Any:
    """Give G2 of a part and the rest having a rate each, against one in common; 0 for a part no worse than the rest.

    Where the rest is as expected this ranks as G2 inside less G2 of the residual outside does. Where all rows miss a tight
    limit it still finds the part that is unlike the rest, and that one names the largest.
    """
    inside, outside = (each.expecting(law.level(each, whole)) for each in (parts, parts.rest(whole)))
    return np.where(inside.excess > 0, law.gain(inside, PSEUDO_ORDERS) + law.gain(outside), 0.0)


def _steadiness(rows: _Rows, inside: Any) -> float:
    """Give the excess of a part's rows in their own standard errors: about 1 where a single dear order makes it all."""
    above = (rows.observed - rows.due)[inside]
    if len(above) < 2:
        return 0.0
    spread = above.std(ddof=1)
    return float(above.mean() * np.sqrt(len(above)) / spread) if spread > 0 else np.inf


def _candidates(rows: _Rows, least: float) -> _Parts:
    """Tabulate the values and the pairs of values that hold at least `least` of excess.

    A pair holds no more than all rows of either value that lie above what was due: most values need no pairing.
    """
    above = np.maximum(rows.observed - rows.due, 0.0)
    found = [_singles(rows, column, least) for column in range(len(rows.codes))]
    kept = [_numbered(codes, above, least) for codes in rows.codes]
    found += [_pairs(rows, one, two, kept, least) for one, two in combinations(range(len(kept)), 2)]
    return _Parts(*(np.concatenate([getattr(part, name) for part in found]) for name in _Parts.__dataclass_fields__))


def _singles(rows: _Rows, column: int, least: float) -> _Parts:
    codes = rows.codes[column]
    n, observed, expected = rows.sums(codes, int(codes.max(initial=0)) + 1)
    values = np.arange(len(n)) - 1
    where = np.stack([np.full_like(values, column), values, np.full_like(values, -1), np.full_like(values, -1)], axis=1)
    return _Parts(n, observed, expected, where).of((values >= 0) & (observed - expected >= least))


def _numbered(codes: Any, above: Any, least: float) -> tuple[Any, Any]:
    """Give the rows' values anew, those worth pairing numbered from 0 and all others alike after them, and what those were."""
    heavy = np.flatnonzero(np.bincount(codes, above) >= least)
    heavy = heavy[heavy > 0]
    numbers = np.full(int(codes.max(initial=0)) + 1, len(heavy))
    numbers[heavy] = np.arange(len(heavy))
    return numbers[codes], heavy - 1


def _pairs(rows: _Rows, one: int, two: int, kept: list[tuple[Any, Any]], least: float) -> _Parts:
    (first, ones), (second, twos) = kept[one], kept[two]
    width = len(twos) + 1
    size = (len(ones) + 1) * width
    if not rows.reaches(first, second, width, size, least):
        return _Parts(np.zeros(0), np.zeros(0), np.zeros(0), np.zeros((0, 4), dtype=np.intp))
    n, observed, expected = rows.sums(first * width + second, size)
    at = np.flatnonzero(observed - expected >= least)
    a, b = np.divmod(at, width)
    real = (a < len(ones)) & (b < len(twos))
    at, a, b = at[real], ones[a[real]], twos[b[real]]
    where = np.stack([np.full_like(a, one), a, np.full_like(b, two), b], axis=1)
    return _Parts(n[at], observed[at], expected[at], where)


def _driver(columns: Sequence[Column], part: _Parts, whole: _Parts, law: _Law) -> Driver:
    """Measure a part against the whole; the interval is by the delta method on inside / (inside + outside)."""
    outside = part.rest(whole)
    share = part.excess / whole.excess
    variance = (1 - share) ** 2 * law.variance(part) + share**2 * law.variance(outside)
    reach = _WIDTH * np.sqrt(variance) / whole.excess
    named = [(columns[c].name, columns[c].values[v]) for c, v in part.where.reshape(2, 2) if c >= 0]
    share, low, high = (float(np.clip(each, 0.0, 1.0)) for each in (share, share - reach, share + reach))
    return Driver(
        tuple(sorted(named)),
        share,
        low,
        high,
        int(part.n),
        float(part.observed / part.n),
        float(part.expected / part.n),
    )
