"""Who reads: the language and the zone of a browser, and pages that keep to them."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from list_desk import DESKS
from starlette.applications import Starlette
from wall_boards import NOW, busy

from layouts.alert_routes import AlertRoutes
from layouts.feed import BoardFeed
from layouts.mail_routes import MailRoutes
from layouts.pages import Pages
from layouts.pulse import Pulse
from layouts.reader import Reader
from layouts.words import reader, spoken


@pytest.mark.parametrize(
    ("asked", "language"),
    [
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("en-US,en;q=0.9,de;q=0.8", "en"),
        ("en;q=0.5,de;q=0.8", "de"),
        ("fr,de;q=0.3", "de"),
        ("de;q=0,fr", "en"),
        ("fr-FR", "en"),
        ("*", "en"),
        ("", "en"),
        ("de;q=many", "en"),
        (";;;,,=", "en"),
    ],
)
def test_the_most_wanted_language_that_there_is(asked, language):
    assert Reader.of({}, {"Accept-Language": asked}, "UTC").language == language


@pytest.mark.parametrize(
    ("cookies", "reader"),
    [
        ({"painpoint_language": "de"}, ("de", "Europe/Paris")),
        ({"painpoint_language": "xx"}, ("en", "Europe/Paris")),
        ({"painpoint_zone": "Asia/Tokyo"}, ("en", "Asia/Tokyo")),
        ({"painpoint_zone": "Asia%2FTokyo"}, ("en", "Asia/Tokyo")),
        ({"painpoint_zone": "../etc/passwd"}, ("en", "Europe/Paris")),
        ({"painpoint_zone": ""}, ("en", "Europe/Paris")),
    ],
)
def test_what_the_browser_keeps_counts_more_than_what_it_asks_for(cookies, reader):
    assert Reader.of(cookies, {"accept-language": "en"}, "Europe/Paris") == Reader(*reader)


def test_an_address_that_asks_for_a_language_counts_most():
    assert Reader.of({"painpoint_language": "en"}, {}, "UTC", chosen="de").language == "de"


def test_it_is_spoken_only_within():
    with Reader("de", "Asia/Tokyo").spoken():
        assert (reader().key, str(reader().zone)) == ("de", "Asia/Tokyo")
        with spoken("en"):
            assert (reader().key, str(reader().zone)) == ("en", "Asia/Tokyo")
    assert (reader().key, str(reader().zone)) == ("en", "UTC")


@pytest.fixture
def site():
    feed = BoardFeed()
    feed.publish(busy())
    feed.beat(NOW)
    pages = Pages(
        DESKS["everything"](),
        feed,
        Pulse(feed, lambda: NOW, 15.0),
        network="Acme",
        public_url=None,
        clock=lambda: NOW,
    )
    app = Starlette(routes=[*MailRoutes(pages).routes(), *AlertRoutes(pages).routes()])
    transport = httpx.ASGITransport(app=app)
    return lambda **more: httpx.AsyncClient(transport=transport, base_url="http://localhost", **more)


def get(site, address, **more):
    async def ask():
        async with site(**more) as client:
            return await client.get(address)

    return asyncio.run(ask())


@pytest.mark.parametrize("address", ["/alerts", "/alerts/1", "/alerts/silences", "/alerts/letters", "/alerts/nowhere"])
def test_pages_speak_the_language_of_the_cookie_by_the_clock_of_the_zone(site, address):
    page = get(site, address, cookies={"painpoint_language": "de", "painpoint_zone": "Asia/Tokyo"})
    assert '<html lang="de">' in page.text
    assert "Meldungen" in page.text
    assert "UTC+09:00" in page.text or "JST" in page.text
    assert "Asia/Tokyo" in page.text


def test_pages_speak_what_the_browser_asks_for(site):
    page = get(site, "/alerts/1", headers={"Accept-Language": "de-DE,de;q=0.9,en;q=0.5"})
    assert "Di. 24. Nov. " in page.text
    assert " MEZ" in page.text
    assert '<html lang="en">' in get(site, "/alerts/1").text


def choose(site, form, **headers):
    async def post():
        async with site(headers={"Origin": "http://localhost", **headers}) as client:
            return await client.post("/reader", data=form)

    return asyncio.run(post())


def test_a_choice_is_kept_for_a_year_and_leads_back(site):
    said = choose(site, {"language": "de", "zone": "Asia/Kolkata", "back": "/alerts/1?state=all"})
    assert said.status_code == 303
    assert said.headers["location"] == "/alerts/1?state=all"
    kept = said.headers.get_list("set-cookie")
    assert any(each.startswith("painpoint_language=de;") and "Max-Age=31536000" in each for each in kept)
    zone = next(each for each in kept if each.startswith("painpoint_zone="))
    assert "HttpOnly" not in zone  # pages with scripts keep them too
    assert Reader.of({"painpoint_zone": zone.partition("=")[2].partition(";")[0]}, {}, "UTC").zone == "Asia/Kolkata"


@pytest.mark.parametrize(
    "back", ["https://evil.example", "//evil.example", "/\\evil.example", "", "/a\nb", "javascript:1"]
)
def test_a_choice_never_leads_to_other_sites(site, back):
    assert choose(site, {"language": "de", "zone": "", "back": back}).headers["location"] == "/"


def test_an_empty_zone_is_the_networks_again(site):
    kept = choose(site, {"language": "en", "zone": ""}).headers.get_list("set-cookie")
    assert any(each.startswith('painpoint_zone="";') and "Max-Age=0" in each for each in kept)


def test_a_zone_that_is_none_is_refused(site):
    said = choose(site, {"language": "de", "zone": "Mars/Base"})
    assert said.status_code == 400
    assert "Mars/Base" in said.text


def test_other_sites_cannot_choose(site):
    assert choose(site, {"language": "de"}, **{"Sec-Fetch-Site": "cross-site"}).status_code == 403
