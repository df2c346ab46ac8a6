/* What a television needs beside the figures: a picture that moves so that it does not burn in, a tour of the regions, a
   sound when something turns red, and a sign of life for the list of screens. */
const wallDevice = (() => {
  "use strict";

  const { given, say, now, clock, minuteOfDay, local, el, shape, keyOf } = wallDraw;
  const asked = new URLSearchParams(location.search);
  const AREAS = ["region", "country", "type", "tier", "shore"];

  /* ---- what to show -------------------------------------------------------------------------------------------- */

  // A paired screen is told on the page of the screens, any other one by its address.
  function told() {
    if (given.screen.state === "paired") return given.screen.showing;
    const fixed = AREAS.find((by) => asked.get(by));
    const by = fixed || (AREAS.includes(asked.get("rotate")) ? asked.get("rotate") : "");
    return {
      by,
      area: fixed ? asked.get(fixed) : "",
      seconds: Math.min(3600, Math.max(2, Number(asked.get("seconds")) || 20)),
      theme: asked.get("theme") || "dark",
      sound: asked.get("sound") === "1",
      quiet: asked.get("quiet") || "",
    };
  }

  const showing = told();
  if (showing.theme === "light" || showing.theme === "auto") document.documentElement.dataset.theme = showing.theme;
  const edition = new URLSearchParams({ lang: wallDraw.language, ...(showing.by ? { by: showing.by } : {}) });

  /* ---- the tour ------------------------------------------------------------------------------------------------ */

  const HELD_FOR = 10 * 60_000; // a tour that somebody held goes on by itself: televisions have nobody to press the key again
  const tour = { stop: "", before: "", since: performance.now(), heldUntil: 0 };

  const hurting = (board) => board.areas.filter((area) => area.counts.red + area.counts.turning > 0);

  const touring = (board) => Boolean(showing.by && !showing.area && hurting(board).length);
  const held = () => performance.now() < tour.heldUntil;

  // The whole network stands between any two areas, so its worst is never away for longer than one stop. Areas come and go
  // with the Board; after one that is gone the tour goes on at its beginning.
  function move(board, step) {
    const names = hurting(board).map((area) => area.name);
    const at = names.indexOf(tour.stop || tour.before);
    tour.since = performance.now();
    if (tour.stop) {
      tour.before = step > 0 ? tour.stop : names[at - 1];
      tour.stop = "";
    } else {
      tour.stop = step > 0 ? names[(at + 1) % names.length] : names[at < 0 ? names.length - 1 : at];
    }
  }

  // The one area that a screen stays in; null if it shows more. Of a Board that is cut otherwise the whole is shown, for that
  // its area is missing there does not say that nothing was judged of it.
  function stayIn(board) {
    if (!showing.area || board.by !== showing.by) return null;
    return board.areas.find((each) => each.name === showing.area) || nothing();
  }

  // Gives what is shown of a Board now: the whole of it or one area, with its name and where in the tour that is.
  function viewOf(board) {
    const area = stayIn(board);
    if (area) return { ...area, name: showing.area };
    const list = hurting(board);
    const at = list.findIndex((area) => area.name === tour.stop);
    if (at < 0) return { ...board, name: "" };
    return { ...list[at], place: say("stop", { area: tour.stop, n: at + 1, total: list.length }) };
  }

  const nothing = () => ({
    counts: { judged: 0, red: 0, turning: 0, amber: 0, unknown: 0, green: 0, unknown_by: {} },
    tiles: [], more: {}, unknown: [], unknown_more: 0, worse: [], worsening: 0,
  });

  function drawPlace(board, view) {
    const node = document.getElementById("area");
    const text = view.place || view.name || (touring(board) ? say("whole") : "");
    const mark = touring(board) && held() ? [el("small", "", shape("held"), say("held"))] : [];
    node.replaceChildren(...(text ? [el("b", "", text)] : []), ...mark);
    document.body.dataset.area = view.name || "";
  }

  function travel(board, trusted) {
    if (!trusted) {
      tour.since = performance.now(); // whoever comes back sees a whole stop
      return false;
    }
    if (!board || held() || performance.now() - tour.since < 1000 * showing.seconds) return false;
    if (!touring(board)) return false;
    move(board, 1);
    return true;
  }

  // Keys of a keyboard, and of a remote control. True if something is to be drawn anew.
  function press(key, board) {
    if (!board || !touring(board)) return false;
    if (key === " ") tour.heldUntil = held() ? 0 : performance.now() + HELD_FOR;
    else if (key === "ArrowRight" || key === "ArrowLeft") move(board, key === "ArrowRight" ? 1 : -1);
    else return false;
    tour.since = performance.now();
    return true;
  }

  /* ---- sound --------------------------------------------------------------------------------------------------- */

  const sound = { context: null, reds: null, asOf: 0, count: 0 };
  const Audio = window.AudioContext || window.webkitAudioContext;

  // "22:00-07:00" as minutes of the day; null where it is nothing of the kind.
  const QUIET = (/^(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})$/.exec(showing.quiet) || []).slice(1).map(Number);

  function isQuiet() {
    if (QUIET.length !== 4) return false;
    const [begin, end, at] = [60 * QUIET[0] + QUIET[1], 60 * QUIET[2] + QUIET[3], minuteOfDay()];
    return begin < end ? at >= begin && at < end : at >= begin || at < end;
  }

  // Browsers keep silent until somebody has touched the page; this one says so instead of seeming to listen.
  function wake() {
    if (!showing.sound || !Audio) return;
    if (!sound.context) sound.context = new Audio();
    if (sound.context.state === "suspended") sound.context.resume().then(drawSound, () => {});
  }

  function drawSound() {
    const node = document.getElementById("sound");
    if (!showing.sound) return;
    const until = showing.quiet.split("-")[1];
    const key = !Audio ? "sound_none" : sound.context.state !== "running" ? "sound_blocked" : isQuiet() ? "sound_quiet" : "sound_on";
    if (node.dataset.said === key) return;
    node.dataset.said = key;
    node.replaceChildren(shape("sound"), say(key, { time: until }));
  }

  // Two short tones, the second one higher.
  function ring() {
    const { context } = sound;
    [[660, 0], [880, 0.18]].forEach(([pitch, after]) => {
      const tone = context.createOscillator();
      const volume = context.createGain();
      const from = context.currentTime + after;
      tone.frequency.value = pitch;
      volume.gain.setValueAtTime(0.0001, from);
      volume.gain.exponentialRampToValueAtTime(0.25, from + 0.03);
      volume.gain.exponentialRampToValueAtTime(0.0001, from + 0.32);
      tone.connect(volume);
      volume.connect(context.destination);
      tone.start(from);
      tone.stop(from + 0.35);
    });
    document.body.dataset.rung = Number(document.body.dataset.rung || 0) + 1;
  }

  // Only what opened while this page looked is told: not what a new page, or one that was cut off, sees for the first time.
  function listen(board, seenBefore) {
    const view = stayIn(board) || board;
    const reds = new Set(view.tiles.filter((tile) => tile.level === "red").map((tile) => keyOf(tile.kpi, tile.slice)));
    const opened = view.tiles.some(
      (tile) => tile.level === "red" && sound.reds && !sound.reds.has(keyOf(tile.kpi, tile.slice)) && !(Date.parse(tile.since) < sound.asOf),
    );
    const more = view.counts.red > view.tiles.length && view.counts.red > sound.count;
    const tells = seenBefore && sound.reds && (opened || more);
    [sound.reds, sound.asOf, sound.count] = [reds, Date.parse(board.as_of), view.counts.red];
    if (tells && showing.sound && sound.context && sound.context.state === "running" && !isQuiet()) ring();
  }

  /* ---- against burn-in ----------------------------------------------------------------------------------------- */

  // A small spiral, a step every few minutes. It jumps instead of gliding, so it is the same for those who want no motion;
  // it moves what is inside the margins, which are larger, so that nothing is cut off.
  const ORBIT = [[0, 0], [1, 0], [1, 1], [0, 1], [-1, 1], [-1, 0], [-1, -1], [0, -1], [1, -1], [2, -1], [2, 1], [1, 2], [-1, 2], [-2, 1], [-2, -1], [-1, -2]];
  const STEP = (Number(asked.get("drift")) || 240) * 1000;

  function drift() {
    const [x, y] = ORBIT[Math.floor(now() / STEP) % ORBIT.length];
    const pixel = Math.max(1, Math.min(innerWidth, innerHeight) / 540);
    const style = document.documentElement.style;
    style.setProperty("--dx", `${(x * pixel).toFixed(1)}px`);
    style.setProperty("--dy", `${(y * pixel).toFixed(1)}px`);
  }

  /* ---- a sign of life ------------------------------------------------------------------------------------------ */

  const BEAT_EVERY = 60_000;
  const REVOKED_EVERY = 5 * 60_000; // a right may be given back, or have been denied by mistake
  const life = { next: performance.now() + 2000 + 3000 * Math.random(), revoked: given.screen.state === "revoked" };

  // From within a frame: a page that is loaded but draws nothing is a dead screen.
  function beat(version) {
    if (given.screen.state !== "paired" || performance.now() < life.next) return;
    life.next = performance.now() + (life.revoked ? REVOKED_EVERY : BEAT_EVERY);
    requestAnimationFrame(() => send({ version, feed: document.body.dataset.feed, size: `${innerWidth}x${innerHeight}` }));
  }

  async function send(said) {
    const impatience = new AbortController();
    const timer = setTimeout(() => impatience.abort(), 8000);
    try {
      const answer = await fetch("/api/screen/beat", {
        method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(said), signal: impatience.signal,
      });
      const state = await answer.json();
      if (answer.status === 200) life.revoked = false;
      else if (answer.status === 401) life.revoked = state.state === "revoked";
      if (state.showing && JSON.stringify(state.showing) !== JSON.stringify(showing)) location.reload();
    } catch {
      // Whether the server is there is judged by the stream.
    } finally {
      clearTimeout(timer);
    }
  }

  wake();
  for (const touch of ["keydown", "pointerdown"]) addEventListener(touch, wake);

  return {
    edition, viewOf, travel, press, drawPlace, listen, beat,
    revoked: () => life.revoked,
    tick() {
      drift();
      drawSound();
    },
  };
})();
