from __future__ import annotations

import base64
from dataclasses import replace

import httpx
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from list_desk import ListDesk
from wall_boards import busy, few, hostile, regions
from wall_served import Served

import app
from analytics.board import as_json
from analytics.inquiring import AbsentError
from layouts.codes import ALPHABET, RANKS, Codes, Gone, bits, code_of, read_code, scannable
from layouts.edition import Edition
from layouts.feed import BoardFeed, encode
from layouts.wall import wall_payload


@given(st.integers(1, 2**31 - 1), st.integers(0, RANKS - 1))
def test_a_code_says_version_and_rank(version, rank):
    code = code_of(version, rank)
    assert len(code) <= 9
    assert read_code(code) == (version, rank)
    assert read_code(f" {code[:2].lower()}-{code[2:].lower()} ") == (version, rank)


@given(st.integers(1, 10**6), st.integers(0, RANKS - 1), st.data())
def test_a_slip_of_the_finger_leads_nowhere(version, rank, data):
    code = code_of(version, rank)
    place = data.draw(st.integers(0, len(code) - 1))
    other = data.draw(st.sampled_from([letter for letter in ALPHABET if letter != code[place]]))
    found = read_code(code[:place] + other + code[place + 1 :])
    # one letter of the alphabet stands for the same remainder as another
    assert found is None or {other, code[place]} == {ALPHABET[0], ALPHABET[31]}


@given(st.text(max_size=20))
def test_any_text_may_be_typed(text):
    assert read_code(text) is None or all(number >= 0 for number in read_code(text))


def test_letters_that_look_alike_are_the_same():
    code = code_of(17, 0)
    assert read_code(code.replace("0", "O").replace("1", "l")) == (17, 0)
    assert not set("ILOU") & set(ALPHABET)


def test_ranks_no_screen_shows_have_no_code():
    assert code_of(17, RANKS) is None
    assert code_of(2**31, 0) is None


def test_a_tile_s_code_is_resolved_to_the_reading_it_stands_on():
    feed = BoardFeed()
    for made in (busy(), regions()):
        feed.publish(made)
        for tile in wall_payload(made)["tiles"]:
            spot = Codes(feed).resolve(tile["code"])
            assert (spot.kpi, dict(spot.slice), spot.version) == (tile["kpi"], tile["slice"], made.version)


def test_a_code_outlives_a_restart_by_the_stored_board():
    tile = wall_payload(busy())["tiles"][4]
    stored = {17: orjson.loads(encode(as_json(busy())))}
    spot = Codes(BoardFeed(), stored.get).resolve(tile["code"])
    assert (spot.kpi, spot.slice) == (tile["kpi"], tile["slice"])
    assert spot.address.endswith("version=17")


def test_a_code_of_an_older_board_is_looked_up_where_boards_are_held_in_memory():
    class Held:
        def board(self, version):
            if version != 17:
                raise AbsentError(f"Board {version} is not stored.")
            return orjson.loads(encode(as_json(busy())))

    feed = BoardFeed()
    feed.publish(replace(few(), version=18))
    codes = Codes(feed, lambda version: app.stored_board(Held(), version))
    tile = wall_payload(busy())["tiles"][4]
    assert codes.resolve(tile["code"]).kpi == tile["kpi"]
    assert codes.resolve(code_of(16, 0)) == Gone(16)


def test_a_code_whose_board_was_thinned_out_is_gone_and_one_of_the_future_is_none():
    feed = BoardFeed()
    feed.publish(few())
    codes = Codes(feed, {}.get)
    assert codes.resolve(code_of(3, 0)) == Gone(3)
    assert codes.resolve(code_of(18, 0)) is None
    assert codes.resolve(code_of(17, RANKS - 1)) is None


def test_an_address_in_capitals_makes_a_smaller_code():
    assert scannable("https://pain.example.com", "8G09") == "HTTPS://PAIN.EXAMPLE.COM/T/8G09"
    assert scannable("https://example.com/Pain/", "8G09") == "HTTPS://EXAMPLE.COM/Pain/T/8G09"
    side, packed = bits("HTTPS://PAIN.EXAMPLE.COM/T/8G09")
    assert side == 25
    assert len(base64.b64decode(packed)) == -(-side * side // 8)


def test_qr_codes_are_on_the_first_tiles_only_and_need_an_address():
    with_address = wall_payload(busy(), Edition(origin="https://pain.example.com"))["tiles"]
    assert [bool(tile["qr"]) for tile in with_address[:8]] == [True] * 6 + [False] * 2
    assert all(tile["code"] for tile in with_address)
    assert not any(tile["qr"] for tile in wall_payload(busy())["tiles"])


@pytest.fixture(scope="module")
def served():
    stored = {3: orjson.loads(encode(as_json(hostile())))}
    with Served(desk=ListDesk(), boards=stored.get) as running:
        running.feed.publish(few())
        yield running


def lead(served, path):
    answer = httpx.get(f"{served.url}{path}")
    return answer.status_code, answer.headers.get("location"), answer


@pytest.mark.parametrize("begin", ["/t/", "/T/", "/t?code="])
def test_a_code_leads_to_the_drill_down_at_that_very_version(served, begin):
    status, target, _ = lead(served, f"{begin}{code_of(17, 1)}")
    assert (status, target) == (302, "/kpi/tat_p90?partner=Mumbai+Mobile+Care&version=17")


def test_hostile_names_stay_within_the_address(served):
    _, target, _ = lead(served, f"/t/{code_of(3, 0)}")
    assert target.startswith("/kpi/late_repairs?partner=%3Cimg+src%3Dx+onerror%3D")


def test_a_wrong_code_is_asked_for_again(served):
    status, _, answer = lead(served, "/t/ZZZZ")
    assert status == 404
    assert "is the code of no tile" in answer.text
    assert 'name="code"' in answer.text


def test_a_page_says_that_a_board_is_no_longer_kept_and_leads_to_the_newest(served):
    status, _, answer = lead(served, f"/t/{code_of(5, 0)}")
    assert status == 410
    assert "Board 5, of which this code is, is no longer kept" in answer.text
    assert 'href="/"' in answer.text


def test_the_page_for_typing_is_there_without_a_code(served):
    assert "Type it to see what is behind its number" in lead(served, "/t")[2].text
