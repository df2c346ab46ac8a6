/* The wall: one stream in, plain HTML and SVG out. What it draws with is in wall_draw.js, what a television needs besides in
   wall_device.js. Time is the server's, carried on by the monotonic clock: a TV whose own clock is wrong shows right ages. */
(() => {
  "use strict";

  const { say, number, clock, now, local, age, stamp, el, shape, ticking, keyOf, LEVELS } = wallDraw;
  const STREAM = `/api/board/stream?${wallDevice.edition}`;
  const POLL = `/api/board/wall?${wallDevice.edition}`;
  const HANDLED = "/api/board/handled";
  const LOST_AFTER = 10_000; // the law says 15 s; beats come every 3 s
  const POLL_AFTER = 5_000; // a silent stream is helped out by polling before the wall gives up
  const RESTART_AFTER = 7_000; // a stream that says nothing for so long is dead, whatever the browser believes
  const POLL_EVERY = 3_000;
  const RELOAD_AFTER = 2 * 3_600_000; // so that a nightly reload happens once a night

  const at = (id) => document.getElementById(id);
  const reload = { minute: Math.floor(Math.random() * 58), since: performance.now(), asked: false };
  const wire = { stream: null, heard: null, opened: 0, fails: 0, polled: 0, polling: false, etag: "", retry: 0, unseen: true };
  const known = { board: null, handled: new Map(), mark: null };
  let drawn = "";

  const lastJudged = () => {
    const moments = [clock.beat && clock.beat.judged, known.board && known.board.as_of].filter(Boolean);
    return moments.sort((a, b) => Date.parse(b) - Date.parse(a))[0] || null;
  };

  /* ---- the words around the tiles ------------------------------------------------------------------------------ */

  // A green that stands in the lane of those that get worse is not hidden.
  const hiddenGreens = (view) => view.counts.green - view.worsening;

  function drawCounts(board, view) {
    const { counts } = view;
    const why = Object.entries(counts.unknown_by).map(([health, count]) => say(`health.${health}`, { n: number(count) }));
    const part = (level, text) => el("span", counts[level] ? level : "", shape(level), text);
    const counted = (level) => say(`counted.${level}`, { n: number(counts[level]) });
    const judged = el("span", "", counted("judged"), view.name ? ` ${say("of", { area: view.name })}` : "");
    const parts = [
      judged,
      ...LEVELS.map((level) => part(level, counted(level))),
      ...(view.worsening ? [el("span", "worse", wallDraw.arrow(-40), say("counted.worse", { n: number(view.worsening) }))] : []),
      part("green", say("counted.green", { n: number(hiddenGreens(view)) })),
      part("unknown", say(why.length ? "counted.unknown_why" : "counted.unknown", { n: number(counts.unknown), why: why.join(", ") })),
      el("span", "oldest", ticking(() => oldest(board))),
    ];
    at("counts").replaceChildren(...parts.flatMap((node, index) => (index ? [" · ", node] : [node])));
  }

  const marksOf = (board) => board.sources.map((source) => source.watermark).filter(Boolean).sort((a, b) => Date.parse(a) - Date.parse(b));

  function oldest(board) {
    const [mark] = marksOf(board);
    return mark ? say("oldest", { age: age(mark) }) : say("no_feed");
  }

  // Reds that nobody is told of are worse than reds: a banner takes its room from the tiles, so these are drawn anew.
  function drawAlerts(sentence) {
    const banner = at("alerts");
    if (banner.dataset.said === sentence || (!sentence && banner.hidden)) return;
    banner.dataset.said = sentence;
    banner.hidden = !sentence;
    const link = el("a", "", sentence);
    link.href = "/alerts";
    banner.replaceChildren(shape("late"), link);
    draw();
  }

  const TROUBLE = ["dead", "late", "unjudged", "fresh"];

  function drawFeeds(board) {
    const ordered = [...board.sources].sort((a, b) => TROUBLE.indexOf(a.state) - TROUBLE.indexOf(b.state));
    const nodes = ordered.map((source) => {
      const how = source.watermark ? ticking(() => age(source.watermark)) : el("span", "age", say("no_data_yet"));
      const node = el("span", `feed ${source.state}`, shape(source.state), el("b", "", source.name), say(`feed.${source.state}`), how);
      node.setAttribute("role", "listitem");
      node.dataset.source = source.name;
      node.dataset.state = source.state;
      if (source.error) node.title = source.error;
      return node;
    });
    const strip = at("feeds");
    strip.replaceChildren(...nodes);
    wallDraw.dropUntilFits(strip, nodes, (hidden) => {
      const states = TROUBLE.map((state) => [hidden.filter((node) => node.dataset.state === state).length, state]);
      const parts = states.filter(([count]) => count).map(([count, state]) => say(`feeds.${state}`, { n: count }));
      return el("span", "feed more-feeds", `+ ${parts.join(", ")}`);
    });
  }

  function drawUnknown(view) {
    const section = at("unknown");
    section.replaceChildren();
    section.hidden = !view.counts.unknown;
    document.body.dataset.unknown = view.counts.unknown;
    if (section.hidden) return;
    const list = el("ul", view.unknown.length > 2 ? "" : "few");
    const nodes = view.unknown.map((line) => {
      const node = el("li", line.health, shape(line.health === "dead" ? "dead" : "unknown"), el("span", "", line.text));
      node.dataset.health = line.health;
      node.dataset.count = line.count;
      return node;
    });
    list.append(...nodes);
    section.append(el("h2", "", shape("unknown"), say("counted.unknown", { n: number(view.counts.unknown) })), list);
    const beyond = (count) => el("li", "more-lines", say("more_unknown", { n: number(count) }));
    const rest = beyond(view.unknown_more);
    if (view.unknown_more) list.append(rest);
    wallDraw.dropUntilFits(list, nodes, (hidden) => {
      rest.remove(); // from now on the note counts these too
      return beyond(hidden.reduce((sum, node) => sum + Number(node.dataset.count), view.unknown_more));
    });
  }

  // Greens that get worse stand in a lane of their own, below all that hurts already.
  function drawWorse(board, view) {
    const section = at("worse");
    section.hidden = !view.worsening;
    section.replaceChildren();
    document.body.dataset.worse = view.worsening;
    if (section.hidden) return;
    const list = el("div", "cells");
    list.setAttribute("role", "list");
    const nodes = view.worse.map((line) => wallDraw.drawWorse(line, board.version));
    list.append(...nodes);
    section.append(el("h2", "", wallDraw.arrow(-40), say("worse_count", { n: number(view.worsening) })), list);
    const rest = (hidden) => el("span", "beyond", say("more", { n: number(view.worsening - nodes.length + hidden) }));
    if (view.worsening > nodes.length) list.append(rest(0));
    wallDraw.dropUntilFits(list, nodes, (hidden) => {
      list.querySelectorAll(".beyond").forEach((node) => node.remove());
      return rest(hidden.length);
    });
  }

  function drawStatement(board, view, rows) {
    const node = at("statement");
    const { counts } = view;
    const said = Object.fromEntries(["green", "judged", "unknown"].map((name) => [name, number(counts[name])]));
    const hidden = number(hiddenGreens(view));
    const state = (className, mark, ...text) => {
      node.className = className;
      node.replaceChildren(shape(mark), el("p", "", ...text));
    };
    node.hidden = false;
    if (counts.red + counts.turning + counts.amber) {
      // A lone row leaves most of the screen empty; an empty screen must say why it is empty.
      node.hidden = rows > 1 || counts.unknown > 0 || !hiddenGreens(view);
      state("rest", "green", say("rest", { n: hidden }));
    } else if (!counts.judged) {
      state("", "unknown", view.name ? say("nothing_here", { area: view.name }) : say("nothing"));
    } else if (counts.unknown) {
      state("", "unknown", say("green_unknown", { ...said, green: hidden }));
    } else {
      const mark = () => marksOf(board)[0];
      const all = () => (mark() ? say("all_green", { ...said, age: age(mark()) }) : say("all_green_no_feed", said));
      state("green", "green", view.name ? `${view.name}: ` : "", ticking(all));
    }
  }

  function drawWaiting() {
    const node = at("statement");
    node.hidden = false;
    node.className = "waiting";
    node.replaceChildren(el("p", "", say(wire.heard === null ? "connecting" : "waiting")));
  }

  function draw() {
    wallDraw.startDrawing();
    const { board } = known;
    at("clock").replaceChildren(ticking(() => local(now(), { second: undefined }).join(" ")));
    if (!board) {
      drawWaiting();
      return;
    }
    const view = wallDevice.viewOf(board);
    at("network").textContent = board.network;
    const judged = () => (lastJudged() ? say("judged_ago", { age: age(lastJudged()) }) : "");
    at("judged").replaceChildren(ticking(judged), ` · ${say("board", { version: number(board.version) })}`);
    wallDevice.drawPlace(board, view);
    const { nodes, rows, beside } = wallDraw.drawTiles(view, board.version, (tile) => known.handled.get(keyOf(tile.kpi, tile.slice)));
    at("tiles").replaceChildren(...nodes);
    at("tiles").className = beside ? "beside" : "";
    document.body.dataset.rows = rows;
    drawStatement(board, view, rows);
    drawCounts(board, view);
    drawFeeds(board);
    drawWorse(board, view);
    drawUnknown(view);
    wallDraw.fitTiles();
  }

  /* ---- can this screen be trusted? ----------------------------------------------------------------------------- */

  function feedState() {
    const silent = performance.now() - (wire.heard === null ? reload.since : wire.heard);
    if (silent > LOST_AFTER) return "lost";
    if (!clock.beat || !known.board || clock.beat.engine === "dead") return "stale";
    return known.board.sources.some((source) => source.state === "late" || source.state === "dead") ? "late" : "live";
  }

  // What takes the whole screen over: its heading and its sentences; null if nothing does.
  function trouble(state) {
    if (wallDevice.revoked()) return [say("unpaired"), say("unpaired_says", { address: `${location.host}/screen` })];
    const stopped = state === "stale" && clock.beat !== null && clock.beat.engine === "dead";
    if (state !== "lost" && !stopped) return null;
    const last = lastJudged();
    const since = last ? say("last_board", { time: stamp(last), age: age(last) }) : say("no_board");
    return [say(stopped ? "stopped" : "lost"), since, say("no_trust")];
  }

  function judgeTrust() {
    const state = feedState();
    const said = trouble(state);
    document.body.dataset.feed = state;
    const takeover = at("takeover");
    if (said) {
      if (takeover.hidden) takeover.replaceChildren(shape("dead"), el("h1"), el("p"), el("p"));
      [...takeover.children].slice(1).forEach((node, index) => {
        const text = said[index] || "";
        if (node.textContent !== text) node.textContent = text;
      });
    }
    takeover.hidden = !said;
    at("head").inert = at("alerts").inert = at("stage").inert = Boolean(said);
    return !said;
  }

  /* ---- the wire ------------------------------------------------------------------------------------------------ */

  function hear(beat) {
    wire.heard = performance.now();
    if (!beat) return;
    clock.beat = beat;
    clock.at = performance.now();
    drawAlerts((beat.alerts && beat.alerts.sentence) || "");
  }

  // Told apart by what it says: a version is not enough, as a server may come back on an older store.
  function take(said) {
    const seenBefore = !wire.unseen;
    wire.unseen = false;
    if (said === drawn) return;
    drawn = said;
    known.board = JSON.parse(said);
    clock.zone = known.board.timezone || "UTC";
    wallDevice.listen(known.board, seenBefore);
    draw();
  }

  function takeHandled(list) {
    known.handled = new Map(list.map((each) => [keyOf(each.kpi, each.slice), each]));
    if (known.board) draw();
  }

  function connect() {
    wire.retry = 0;
    wire.opened = performance.now();
    wire.unseen = true; // what opened while nobody looked rings no bell
    const stream = new EventSource(STREAM);
    wire.stream = stream;
    stream.addEventListener("board", (event) => {
      hear(null);
      take(event.data);
      judgeTrust();
    });
    stream.addEventListener("beat", (event) => {
      const first = clock.beat === null;
      wire.fails = 0;
      hear(JSON.parse(event.data));
      if (first) draw();
      tick();
    });
    stream.addEventListener("handled", (event) => takeHandled(JSON.parse(event.data)));
    stream.addEventListener("error", disconnect);
  }

  // The browser's own reconnecting gives up on some answers and keeps step with every other screen's; ours does neither.
  function disconnect() {
    if (wire.stream) wire.stream.close();
    wire.stream = null;
    if (wire.retry) return;
    wire.fails += 1;
    const wait = Math.min(1000 * 1.5 ** (wire.fails - 1), 4000) * (0.5 + Math.random());
    wire.retry = setTimeout(connect, wait);
  }

  // Not AbortSignal.timeout: the browsers in televisions are years old.
  function fetchSoon(address, options) {
    const impatience = new AbortController();
    const timer = setTimeout(() => impatience.abort(), 4000);
    return fetch(address, { cache: "no-store", signal: impatience.signal, ...options }).finally(() => clearTimeout(timer));
  }

  async function poll() {
    wire.polling = true;
    wire.polled = performance.now();
    try {
      const headers = wire.etag ? { "If-None-Match": wire.etag } : {};
      const answer = await fetchSoon(POLL, { headers });
      const beat = answer.headers.get("X-Painpoint-Beat");
      if (!beat) return;
      const first = clock.beat === null;
      if (wire.heard === null || performance.now() - wire.heard > LOST_AFTER) wire.unseen = true;
      hear(JSON.parse(beat));
      if (answer.status === 200) {
        const said = await answer.text();
        wire.etag = answer.headers.get("ETag") || "";
        if (said !== "null") take(said);
      }
      if (first) draw();
      await pollHandled();
    } catch {
      // Silence is judged by the clock, not by errors.
    } finally {
      wire.polling = false;
    }
  }

  async function pollHandled() {
    const { handled } = clock.beat;
    if (handled === undefined || handled === known.mark) return;
    takeHandled(await (await fetchSoon(HANDLED)).json());
    known.mark = handled;
  }

  function watch() {
    const silent = performance.now() - Math.max(wire.heard === null ? 0 : wire.heard, wire.opened);
    if (window.EventSource && wire.stream && silent > RESTART_AFTER) disconnect();
    const streamSilent = !window.EventSource || !wire.stream || silent > POLL_AFTER;
    const heardLately = wire.heard !== null && performance.now() - wire.heard < POLL_EVERY;
    if (streamSilent && !heardLately && !wire.polling && performance.now() - wire.polled > POLL_EVERY) poll();
  }

  // Browsers leak over weeks; a nightly reload costs nothing, unless the server is away and the screen stays blank.
  async function reloadNightly() {
    const minute = wallDraw.minuteOfDay();
    const due = minute >= 180 + reload.minute && minute < 240 && performance.now() - reload.since > RELOAD_AFTER;
    if (!due || reload.asked || document.body.dataset.feed === "lost") return;
    reload.asked = true;
    try {
      const answer = await fetchSoon(location.href);
      if (answer.ok) location.reload();
    } catch {
      // not tonight
    }
    setTimeout(() => { reload.asked = false; }, 60_000);
  }

  function tick() {
    wallDraw.renew();
    wallDevice.tick();
    const trusted = judgeTrust();
    if (wallDevice.travel(known.board, trusted)) draw();
    if (known.board) wallDevice.beat(known.board.version);
  }

  addEventListener("resize", draw);
  addEventListener("keydown", (event) => {
    if (!event.ctrlKey && !event.altKey && !event.metaKey && wallDevice.press(event.key, known.board)) {
      event.preventDefault();
      draw();
    }
  });
  draw();
  if (window.EventSource) connect();
  setInterval(() => {
    watch();
    tick();
    reloadNightly();
  }, 1000);
})();
