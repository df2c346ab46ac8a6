"""The page of the screens: which ones there are, which are dead, what they show, and a form to pair another."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from dash import html
from starlette.routing import Route

from layouts.edition import AREAS
from layouts.element import hidden, shape
from layouts.field import button, choice, field, post, suggestions, tick, verb
from layouts.form import FaultError, clean
from layouts.limiter import Limiter
from layouts.page import Entry, heading, section
from layouts.screen_routes import remember
from layouts.screens import Screens, hashed, new_token, read_pairing_code
from layouts.showing import LONGEST, SHORTEST, THEMES, Showing
from layouts.words import LANGUAGES, say, word

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from starlette.responses import Response

    from analytics.board import Board
    from layouts.pages import Pages
    from layouts.roster import Roster
    from layouts.times import Times
    from layouts.visit import Visit

SCREENS = "/screens"
MOST_NAME = 60
MOST_SUGGESTED = 300


class ScreensPage:
    """The person's side of pairing; the television's is `ScreenRoutes`."""

    def __init__(self, pages: Pages, screens: Screens, roster: Roster, clock: Callable[[], datetime]) -> None:
        self._pages = pages
        self._screens = screens
        self._roster = roster
        self._clock = clock
        # Codes are guessed by nobody at this pace: there are 244 million, and each is good for ten minutes.
        self._wrong = Limiter(20, 600, time.monotonic)

    def routes(self) -> list[Route]:
        return [Route(SCREENS, self._pages.handler(self._draw, self._change), methods=["GET", "POST"])]

    def entry(self) -> Entry:
        return Entry(SCREENS, say("screens.title"))

    # ---- what is there ----

    def _draw(self, visit: Visit, status: int = 200) -> Response:
        times, latest = self._pages.times(), self._pages.feed.latest
        screens = self._roster.all()
        living = [screen for screen in screens if not screen["revoked_at"]]
        dead = [screen for screen in living if self._roster.is_dead(screen)]
        known = latest.board if latest else None
        newest = known.version if known else None
        cards = [html.Li(_card(screen, times, newest, dead=screen in dead)) for screen in living]
        content = [
            heading(say("screens.title")),
            html.P(say("screens.says"), className="soft"),
            *[_lament(screen, times) for screen in dead],
            html.Ol(cards, className="cards") if cards else html.Div(html.P(say("screens.none")), className="empty"),
            section("pair", say("screens.pair"), html.P(say("screens.pair_says"), className="soft"), _pairing(visit)),
            section(
                "browser",
                say("screens.browser"),
                html.P(say("screens.browser_says"), className="soft"),
                _browser(visit),
            ),
            suggestions("areas", _areas(known)),
            *_former([screen for screen in screens if screen["revoked_at"]], times),
        ]
        return self._pages.draw(visit, say("screens.title"), content, here=SCREENS, status=status)

    # ---- what is done ----

    def _change(self, visit: Visit) -> Response:
        form = visit.form
        deeds = {"pair": self._pair, "browser": self._let_in, "change": self._set, "revoke": self._revoke}
        try:
            return deeds.get(form.get("verb", ""), _unheard_of)(visit)
        except FaultError as error:
            return self._draw(visit.refused(str(error)), error.status)

    def _pair(self, visit: Visit) -> Response:
        name, showing = _name_of(visit.form), Showing.read(visit.form)
        if self._wrong.full(visit.client):
            raise FaultError(429, say("screens.too_many_wrong"))
        code = read_pairing_code(visit.form.get("code", ""))
        number = self._screens.pair(code, name, showing.document(), self._clock()) if code else None
        self._roster.forget()
        if number is None:
            self._wrong.take(visit.client)
            raise FaultError(400, say("screens.wrong_code", code=code or "?"))
        return self._pages.go(visit, SCREENS, say("screens.paired", name=name))

    def _let_in(self, visit: Visit) -> Response:
        name, token = _name_of(visit.form), new_token()
        self._screens.add(
            hashed(token), name, Showing.read(visit.form).document(), say("screens.this_browser"), self._clock()
        )
        self._roster.forget()
        response = self._pages.go(visit, SCREENS, say("screens.let_in", name=name))
        remember(response, token, secure=visit.secure)
        return response

    def _set(self, visit: Visit) -> Response:
        name = _name_of(visit.form)
        if not self._screens.change(_number_of(visit.form), name, Showing.read(visit.form).document()):
            raise FaultError(409, say("screens.no_such"))
        self._roster.forget()
        return self._pages.go(visit, SCREENS, say("screens.changed", name=name))

    def _revoke(self, visit: Visit) -> Response:
        name = self._screens.revoke(_number_of(visit.form), self._clock())
        if name is None:
            raise FaultError(409, say("screens.no_such"))
        self._roster.forget()
        return self._pages.go(visit, SCREENS, say("screens.revoked", name=name))


def _unheard_of(_: Visit) -> Response:
    raise FaultError(400, say("form.no_verb"))


def _name_of(form: Mapping[str, str]) -> str:
    name = " ".join(clean(form.get("name", ""), MOST_NAME).split())
    if not name:
        raise FaultError(400, say("screens.no_name"))
    return name


def _number_of(form: Mapping[str, str]) -> int:
    number = form.get("number", "")
    return int(number) if number.isascii() and number.isdecimal() and len(number) < 10 else -1


def _areas(board: Board | None) -> list[str]:
    named = {value for of in (board.partners.values() if board else ()) for key, value in of.items() if key in AREAS}
    return sorted(value for value in named if value)[:MOST_SUGGESTED]


# ---- one screen ----


def _lament(screen: Mapping[str, Any], times: Times) -> Any:
    said = (
        say("screens.dead_since", name=screen["name"], span=times.span(screen["beat_at"]), time=times.when(screen["beat_at"]))
        if screen["beat_at"]
        else say("screens.never", name=screen["name"], span=times.span(screen["paired_at"]))
    )  # fmt: skip
    return html.P([shape("dead"), html.Span(said)], className="said wrong", role="alert")


def _card(screen: Mapping[str, Any], times: Times, newest: int | None, *, dead: bool) -> Any:
    return html.Article(
        [
            html.Div(
                [html.H2(screen["name"]), html.P(_showing(Showing.of(screen["showing"])), className="place")],
                className="what",
            ),
            html.Div(
                [
                    html.P([_life(screen, times, dead=dead), " ", _version(screen, newest)], className="marks"),
                    html.P(
                        say("screens.device", agent=_short(screen["agent"]), size=screen["size"] or "?",
                            time=times.when(screen["paired_at"])),
                        className="since",
                    ),
                ],
                className="state",
            ),
            html.Div(_revoking(screen), className="act"),
            html.Details([html.Summary(say("screens.change")), _changing(screen)]),
        ],
        className=f"card screen {'red' if dead else 'green'}",
        **{"data-screen": str(screen["id"]), "data-alive": "no" if dead else "yes"},
    )  # fmt: skip


def _life(screen: Mapping[str, Any], times: Times, *, dead: bool) -> Any:
    if not screen["beat_at"]:
        said = say("screens.silent")
    else:
        said = say("screens.dead" if dead else "screens.alive", span=times.span(screen["beat_at"]))
    return html.Span([shape("dead" if dead else "green"), said], className=f"mark {'lost' if dead else 'told'}")


def _version(screen: Mapping[str, Any], newest: int | None) -> Any:
    shown = screen["version"]
    if shown is None:
        return None
    behind = (newest or shown) - shown
    said = say("screens.board", version=shown)
    if behind > 0:
        said = say("screens.behind", version=shown, n=behind)
    feed = screen["feed"]
    return html.Span([said, f" · {word('screens.feed', feed)}" if feed else ""], className="mark")


def _showing(showing: Showing) -> str:
    """Say what a screen shows: "region EMEA, light", "rotates by country every 20 s, sound"."""
    by = word("screens.by", showing.by)
    parts = [
        say("screens.shows_area", by=by, area=showing.area)
        if showing.area
        else say("screens.shows_rotation", by=by, seconds=showing.seconds)
        if showing.by
        else say("screens.shows_all"),
        word("screens.theme", showing.theme),
    ]
    if showing.sound:
        parts.append(say("screens.shows_sound", quiet=showing.quiet) if showing.quiet else say("screens.sound"))
    return ", ".join(parts)


def _short(agent: str) -> str:
    return agent if len(agent) <= 90 else f"{agent[:88]}…"


def _revoking(screen: Mapping[str, Any]) -> Any:
    named = {"aria-label": say("screens.revoke_this", name=screen["name"])}
    content = [
        verb("revoke"),
        hidden("number", str(screen["id"])),
        button(say("screens.revoke"), className="quiet", **named),
    ]
    return post(SCREENS, content)


def _changing(screen: Mapping[str, Any]) -> Any:
    form, showing = f"screen-{screen['id']}", Showing.of(screen["showing"])
    kept = {
        **showing.document(),
        "seconds": str(showing.seconds),
        "sound": "1" if showing.sound else "",
        "name": screen["name"],
    }
    content = [verb("change"), hidden("number", str(screen["id"])), *_fields(form, kept), button(say("screens.save"))]
    return post(SCREENS, content, className="deed wide")


def _former(screens: Sequence[Mapping[str, Any]], times: Times) -> list[Any]:
    if not screens:
        return []
    lines = [
        html.Li(say("screens.former_one", name=screen["name"], time=times.when(screen["revoked_at"])))
        for screen in screens
    ]
    return [section("former", say("screens.former"), html.Ul(lines))]


# ---- forms ----


def _pairing(visit: Visit) -> Any:
    typed = visit.form if visit.form.get("verb") == "pair" else {"code": visit.query.get("code", "")}
    code = field("pair", "code", say("screens.code"), value=read_pairing_code(typed.get("code", "")), required=True,
                 maxLength="12", autoComplete="off", autoCapitalize="characters", className="short")  # fmt: skip
    content = [verb("pair"), code, *_fields("pair", typed), button(say("screens.pair_it"))]
    return post(SCREENS, content, name="pair-form", className="deed wide")


def _browser(visit: Visit) -> Any:
    typed = visit.form if visit.form.get("verb") == "browser" else {}
    name = field(
        "let-in", "name", say("screens.name"), value=typed.get("name", ""), required=True, maxLength=str(MOST_NAME)
    )
    return post(SCREENS, [verb("browser"), name, button(say("screens.browser_do"))], className="deed wide")


def _fields(form: str, typed: Mapping[str, str]) -> list[Any]:
    return [
        field(form, "name", say("screens.name"), value=typed.get("name", ""), required=True, maxLength=str(MOST_NAME),
              hint=say("screens.name_hint")),
        choice(form, "by", say("screens.cut"), [("", say("screens.shows_all")), *((by, word("screens.by", by)) for by in AREAS)],
               typed.get("by", "")),
        field(form, "area", say("screens.area"), value=typed.get("area", ""), hint=say("screens.area_hint"), list="areas",
              maxLength="200", autoComplete="off"),
        field(form, "seconds", say("screens.seconds"), value=typed.get("seconds", ""), inputMode="numeric",
              hint=say("screens.seconds_hint", least=SHORTEST, most=LONGEST), maxLength="5", className="short"),
        choice(form, "theme", say("screens.look"), [(theme, word("screens.theme", theme)) for theme in THEMES],
               typed.get("theme", "")),
        choice(form, "language", say("screens.language"), LANGUAGES.items(), typed.get("language", "")),
        tick(form, "sound", say("screens.sound_label"), ticked=bool(typed.get("sound"))),
        field(form, "quiet", say("screens.quiet"), value=typed.get("quiet", ""), hint=say("screens.quiet_hint"),
              maxLength="11", className="short"),
    ]  # fmt: skip
