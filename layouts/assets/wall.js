/* The wall: one stream in, plain HTML and SVG out.

   No framework and no build. Names in the data are hostile until proven otherwise, so text goes in by textContent and
   attributes by setAttribute; there is no innerHTML anywhere. Time is the server's, carried on by the monotonic clock:
   a TV whose own clock is wrong shows right ages. */
(() => {
  "use strict";

  const STREAM = "/api/board/stream";
  const POLL = "/api/board/wall";
  const LOST_AFTER = 10_000; // the law says 15 s; beats come every 3 s
  const POLL_AFTER = 5_000; // a silent stream is helped out by polling before the wall gives up
  const RESTART_AFTER = 7_000; // a stream that says nothing for so long is dead, whatever the browser believes
  const POLL_EVERY = 3_000;
  const RELOAD_AFTER = 2 * 3_600_000; // so that a nightly reload happens once a night
  const SHOWN_LEVELS = ["red", "turning", "amber"];
  const WORDS = { red: "Red", turning: "Turning red", amber: "Amber" };
  const SVG = "http://www.w3.org/2000/svg";

  // Rows of tiles by how many there are, biggest first. What a row holds decides the size of its type, so twelve is
  // what can be read from five metres.
  const PLANS = [[], [1], [2], [1, 2], [2, 2], [2, 3], [2, 4], [3, 4], [2, 3, 3], [2, 3, 4], [3, 3, 4], [3, 4, 4], [3, 4, 5]];
  const AMBER_ROWS = [5];
  const ONLY_AMBER_ROWS = [4, 4, 5];
  const SIZES = { 1: "xl", 2: "xl", 3: "l", 4: "m", 5: "s" };
  const HEIGHTS = { xl: 31, l: 27, m: 22.5, s: 18 }; // vmin

  const at = (id) => document.getElementById(id);
  const reload = { minute: Math.floor(Math.random() * 58), since: performance.now(), asked: false };
  const wire = { stream: null, heard: null, opened: 0, fails: 0, polled: 0, polling: false, etag: "", retry: 0 };
  const known = { board: null, beat: null, beatAt: 0 };
  let tickers = []; // functions that renew what ages: rebuilt with every drawing, so nothing piles up over months
  let drawn = "";

  /* ---- time ---------------------------------------------------------------------------------------------------- */

  const now = () => (known.beat ? Date.parse(known.beat.now) + (performance.now() - known.beatAt) : Date.now());
  const zone = () => (known.board && known.board.timezone) || "UTC";

  function local(moment, options) {
    const wanted = { hourCycle: "h23", hour: "2-digit", minute: "2-digit", second: "2-digit", ...options };
    try {
      return [new Intl.DateTimeFormat("en-GB", { ...wanted, timeZone: zone() }).format(moment), zone()];
    } catch {
      return [new Intl.DateTimeFormat("en-GB", { ...wanted, timeZone: "UTC" }).format(moment), "UTC"];
    }
  }

  function age(iso) {
    const seconds = Math.max(0, (now() - Date.parse(iso)) / 1000);
    if (seconds < 90) return `${Math.floor(seconds)} s`;
    if (seconds < 90 * 60) return `${Math.floor(seconds / 60)} min`;
    if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h`;
    return `${Math.floor(seconds / 86_400).toLocaleString("en")} d`;
  }

  const stamp = (iso) => {
    const far = now() - Date.parse(iso) > 20 * 3_600_000 ? { day: "numeric", month: "short" } : {};
    return local(Date.parse(iso), far).join(" ");
  };

  const lastJudged = () => {
    const moments = [known.beat && known.beat.judged, known.board && known.board.as_of].filter(Boolean);
    return moments.sort((a, b) => Date.parse(b) - Date.parse(a))[0] || null;
  };

  /* ---- small builders ------------------------------------------------------------------------------------------ */

  function el(tag, className, ...children) {
    const node = document.createElement(tag);
    if (className) node.className = className;
    node.append(...children.filter((child) => child !== null && child !== ""));
    return node;
  }

  function svg(tag, attributes, ...children) {
    const node = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
  }

  function ticking(write) {
    const node = el("span", "age");
    const renew = () => {
      const text = write();
      if (node.textContent !== text) node.textContent = text;
    };
    tickers.push(renew);
    renew();
    return node;
  }

  // Every state has a shape of its own, so that nobody needs its colour.
  const SHAPES = {
    red: "M7 1h10l6 6v10l-6 6H7l-6-6V7z",
    turning: "M12 2 23 21H1z",
    amber: "M12 1 23 12 12 23 1 12z",
    green: "M4 13l5 6L21 5",
    fresh: "M4 13l5 6L21 5",
    late: "M12 2 23 21H1z",
    dead: "M4 4l16 16M20 4 4 20",
    unjudged: "M3 12h18",
    unknown: "M8 8a4 4 0 1 1 5.5 3.7c-1.2.5-1.5 1.3-1.5 2.8M12 19.5v.5",
  };
  const OUTLINED = new Set(["green", "fresh", "dead", "unjudged", "unknown"]);

  function shape(state) {
    const path = svg("path", { d: SHAPES[state] || SHAPES.unknown });
    const node = svg("svg", { viewBox: "0 0 24 24", class: `shape ${OUTLINED.has(state) ? "line" : "solid"}` }, path);
    node.setAttribute("aria-hidden", "true");
    return node;
  }

  function trend(word) {
    const turn = { worsening: -40, improving: 40 }[word] || 0;
    const path = svg("path", { d: "M2 12h18M13 5l7 7-7 7", transform: `rotate(${turn} 12 12)` });
    const arrow = svg("svg", { viewBox: "0 0 24 24", class: "shape line", "aria-hidden": "true" }, path);
    return el("span", `trend ${word}`, arrow, word);
  }

  function spark(tile) {
    const values = tile.history || [];
    const real = values.filter((value) => value !== null);
    if (real.length < 2) return null;
    const all = [...real, ...tile.limits];
    const low = Math.min(...all);
    const span = Math.max(...all) - low || 1;
    const y = (value) => (46 - (44 * (value - low)) / span).toFixed(1);
    let path = "";
    let pen = "M";
    values.forEach((value, index) => {
      if (value === null) {
        pen = "M"; // a day without data is a gap, not a line drawn over it
        return;
      }
      path += `${pen}${((100 * index) / (values.length - 1)).toFixed(1)} ${y(value)}`;
      pen = "L";
    });
    const lines = tile.limits.map((limit) => svg("path", { class: "limit", d: `M0 ${y(limit)}H100` }));
    const node = svg("svg", { viewBox: "0 0 100 48", preserveAspectRatio: "none", role: "img" });
    node.setAttribute("aria-label", `The last ${values.length} days against the limit`);
    node.append(...lines, svg("path", { class: "course", d: path }));
    return el("div", "spark", node);
  }

  /* ---- tiles --------------------------------------------------------------------------------------------------- */

  function drilldown(tile) {
    const query = new URLSearchParams(tile.slice);
    query.set("version", known.board.version);
    return `/kpi/${encodeURIComponent(tile.kpi)}?${query}`;
  }

  function drawTile(tile, size) {
    const node = el("article", `tile ${size} ${tile.level}${tile.stale ? " stale" : ""}${tile.driver ? " driven" : ""}`);
    node.setAttribute("role", "listitem");
    node.dataset.kpi = tile.kpi;
    node.dataset.slice = JSON.stringify(tile.slice);
    node.dataset.level = tile.level;
    const cover = el("a", "cover");
    cover.href = drilldown(tile);
    cover.setAttribute("aria-label", `${WORDS[tile.level]}: ${tile.title}, ${tile.place}, ${tile.shown}, limit ${tile.limit}`);
    const staleness = tile.stale
      ? el("span", "staleness", shape("late"), ticking(() => (tile.data_at ? `data ${age(tile.data_at)} old` : "stale data")))
      : "";
    const small = size === "s";
    const hurt = small ? tile.hurt.replace(/ customers?/, "") : tile.hurt;
    const badge = el("span", "badge", shape(tile.level), size === "m" && tile.level === "turning" ? "Turning" : WORDS[tile.level]);
    const since = tile.since ? ticking(() => `for ${age(tile.since)}`) : "";
    const title = el("div", "title", tile.title);
    const place = el("div", "place", tile.place);
    node.append(
      ...(small ? [el("div", "top", badge, since), title, place] : [el("div", "top", title, since), el("div", "top", badge, place)]),
      el("div", "middle", el("div", "value", el("b", "", tile.shown), el("span", "limit", `limit ${tile.limit}`)), spark(tile)),
      // Where there is room for one only, the age of the data says more than the trend of data that stands still.
      el(
        "div", "effect",
        hurt ? el("span", "hurt", hurt) : "",
        staleness,
        tile.stale && (small || size === "m") ? "" : trend(tile.trend),
      ),
      el("div", "reason", tile.reason),
      tile.driver ? el("div", "driver", tile.driver) : "",
      tile.remedy ? el("div", "remedy", el("b", "", "Do: "), tile.remedy) : "",
      cover,
    );
    return node;
  }

  function drawMore(counts) {
    const sum = SHOWN_LEVELS.reduce((total, level) => total + counts[level], 0);
    const parts = SHOWN_LEVELS.filter((level) => counts[level]).map((level) =>
      el("div", level, shape(level), `${counts[level].toLocaleString("en")} ${WORDS[level].toLowerCase()}`),
    );
    const node = el("div", "more", el("b", "", `+ ${sum.toLocaleString("en")} more`), ...parts);
    node.setAttribute("role", "listitem");
    return node;
  }

  // Reds and those turning fill their rows; ambers get one row of small tiles while there is room for it.
  function plan(pains, ambers) {
    if (innerWidth < innerHeight) {
      const slots = Math.min(pains + ambers, 12);
      return Array.from({ length: Math.ceil(slots / 2) }, (_, row) => [Math.min(2, slots - 2 * row), "m"]);
    }
    const sized = (counts) => counts.map((count) => [count, SIZES[count]]);
    if (ambers && pains <= 7) {
      const rows = pains ? AMBER_ROWS : ONLY_AMBER_ROWS;
      const fitting = [];
      for (let left = ambers, row = 0; left > 0 && row < rows.length; left -= rows[row], row += 1) {
        fitting.push([Math.min(rows[row], left), SIZES[rows[row]]]);
      }
      return [...sized(PLANS[pains]), ...fitting];
    }
    return sized(PLANS[Math.min(pains + ambers, PLANS.length - 1)]);
  }

  function drawTiles(board) {
    const pains = board.counts.red + board.counts.turning;
    const total = pains + board.counts.amber;
    const rows = plan(pains, board.counts.amber);
    const slots = rows.reduce((sum, [count]) => sum + count, 0);
    const shown = Math.min(slots < total ? slots - 1 : slots, board.tiles.length);
    const left = { ...board.more };
    for (const tile of board.tiles.slice(shown)) left[tile.level] += 1;
    const narrow = innerWidth < innerHeight;
    const nodes = rows.map(([count, size]) => {
      const row = el("div", `row row-${size}`);
      row.setAttribute("role", "presentation");
      row.style.setProperty("--height", HEIGHTS[size]);
      row.style.setProperty("--columns", size === "s" ? 5 : size === "m" ? Math.max(count, narrow ? 2 : 4) : count);
      return row;
    });
    let index = 0;
    rows.forEach(([count, size], row) => {
      for (let column = 0; column < count && index < shown; column += 1, index += 1) {
        nodes[row].append(drawTile(board.tiles[index], size));
      }
    });
    if (shown < total) nodes[nodes.length - 1].append(drawMore(left));
    at("tiles").replaceChildren(...nodes);
    document.body.dataset.rows = rows.length;
  }

  /* ---- the words around the tiles ------------------------------------------------------------------------------ */

  const HEALTHS = { low_sample: "low sample", no_data: "no data", dead: "dead", late: "late", ok: "other" };
  const number = (value) => value.toLocaleString("en");

  function drawCounts(board) {
    const { counts } = board;
    const why = Object.entries(counts.unknown_by).map(([health, count]) => `${number(count)} ${HEALTHS[health] || health}`);
    const part = (level, text) => el("span", counts[level] ? level : "", shape(level), text);
    const parts = [
      el("span", "", `${number(counts.judged)} judged`),
      ...SHOWN_LEVELS.map((level) => part(level, `${number(counts[level])} ${level}`)),
      part("green", `${number(counts.green)} hidden green`),
      part("unknown", `${number(counts.unknown)} unknown${why.length ? ` (${why.join(", ")})` : ""}`),
      el("span", "oldest", ticking(() => oldest(board))),
    ];
    at("counts").replaceChildren(...parts.flatMap((node, index) => (index ? [" · ", node] : [node])));
  }

  function oldest(board) {
    const marks = board.sources.map((source) => source.watermark).filter(Boolean).sort((a, b) => Date.parse(a) - Date.parse(b));
    return marks.length ? `oldest feed ${age(marks[0])}` : "no feed has data";
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
      const how = source.watermark ? ticking(() => age(source.watermark)) : el("span", "age", "no data yet");
      const node = el("span", `feed ${source.state}`, shape(source.state), el("b", "", source.name), source.state, how);
      node.setAttribute("role", "listitem");
      node.dataset.source = source.name;
      node.dataset.state = source.state;
      if (source.error) node.title = source.error;
      return node;
    });
    const strip = at("feeds");
    strip.replaceChildren(...nodes);
    dropUntilFits(strip, nodes, (hidden) => {
      const states = TROUBLE.map((state) => [hidden.filter((node) => node.dataset.state === state).length, state]);
      const parts = states.filter(([count]) => count).map(([count, state]) => `${count} ${state}`);
      return el("span", "feed more-feeds", `+ ${parts.join(", ")}`);
    });
  }

  // Leaves out from the end what a box cannot hold, and says how much.
  function dropUntilFits(box, nodes, note) {
    const hidden = [];
    let noted = null;
    const over = () => box.scrollHeight > box.clientHeight + 1 || box.scrollWidth > box.clientWidth + 1;
    while (over() && hidden.length < nodes.length) {
      const node = nodes[nodes.length - 1 - hidden.length];
      hidden.push(node);
      node.remove();
      if (noted) noted.remove();
      noted = note(hidden);
      box.append(noted);
    }
  }

  function drawUnknown(board) {
    const section = at("unknown");
    section.replaceChildren();
    section.hidden = !board.counts.unknown;
    document.body.dataset.unknown = board.counts.unknown;
    if (section.hidden) return;
    const list = el("ul", board.unknown.length > 2 ? "" : "few");
    const nodes = board.unknown.map((line) => {
      const node = el("li", line.health, shape(line.health === "dead" ? "dead" : "unknown"), el("span", "", line.text));
      node.dataset.health = line.health;
      node.dataset.count = line.count;
      return node;
    });
    list.append(...nodes);
    section.append(el("h2", "", shape("unknown"), `${number(board.counts.unknown)} unknown`), list);
    const beyond = (count) => el("li", "more-lines", `+ ${number(count)} more unknown`);
    const rest = beyond(board.unknown_more);
    if (board.unknown_more) list.append(rest);
    dropUntilFits(list, nodes, (hidden) => {
      rest.remove(); // from now on the note counts these too
      return beyond(hidden.reduce((sum, node) => sum + Number(node.dataset.count), board.unknown_more));
    });
  }

  function drawStatement(board) {
    const node = at("statement");
    const { counts } = board;
    const hurting = counts.red + counts.turning + counts.amber;
    node.hidden = false;
    node.className = "";
    if (hurting) {
      // A lone row leaves most of the screen empty; an empty screen must say why it is empty.
      node.hidden = plan(counts.red + counts.turning, counts.amber).length > 1 || counts.unknown > 0;
      node.className = "rest";
      node.replaceChildren(shape("green"), el("p", "", `${number(counts.green)} others judged, green and hidden`));
      return;
    }
    if (!counts.judged) {
      node.replaceChildren(shape("unknown"), el("p", "", "Nothing was judged: no source has brought any data"));
    } else if (counts.unknown) {
      const text = `${number(counts.green)} green and hidden; ${number(counts.unknown)} unknown`;
      node.replaceChildren(shape("unknown"), el("p", "", text));
    } else {
      node.className = "green";
      const text = `${number(counts.green)} of ${number(counts.judged)} judged, all green, `;
      const feeds = ticking(() => (board.sources.some((source) => source.watermark) ? `${oldest(board)} old` : oldest(board)));
      node.replaceChildren(shape("green"), el("p", "", text, feeds));
    }
  }

  function drawWaiting() {
    const node = at("statement");
    node.hidden = false;
    node.className = "waiting";
    node.replaceChildren(el("p", "", wire.heard === null ? "Connecting ..." : "Judging for the first time ..."));
  }

  function draw() {
    tickers = [];
    const { board } = known;
    at("clock").replaceChildren(ticking(() => local(now(), { second: undefined }).join(" ")));
    if (!board) {
      drawWaiting();
      return;
    }
    at("network").textContent = board.network;
    const judged = () => (lastJudged() ? `judged ${age(lastJudged())} ago` : "");
    at("judged").replaceChildren(ticking(judged), ` · board ${number(board.version)}`);
    drawStatement(board);
    drawTiles(board);
    drawCounts(board);
    drawFeeds(board);
    drawUnknown(board);
    fitTiles();
  }

  // Type is sized so that it fits; what is longer than usual gives way: the limit goes under its value, then the value
  // shrinks; long reasons lose lines, then give way to the driver, which says more, and measures and drivers go after them.
  function fitTiles() {
    const wide = (tile) => tile.querySelector(".value").offsetWidth > tile.querySelector(".middle").clientWidth;
    const high = (tile) => tile.scrollHeight > tile.clientHeight + 1;
    const steps = [["stack", wide], ["slim", wide], ["terse", high], ["brief", high], ["mute", high], ["slim", high]];
    for (const tile of document.querySelectorAll(".tile")) {
      for (const [step, needed] of steps) if (needed(tile)) tile.classList.add(step);
    }
  }

  /* ---- can this screen be trusted? ----------------------------------------------------------------------------- */

  function feedState() {
    const silent = performance.now() - (wire.heard === null ? reload.since : wire.heard);
    if (silent > LOST_AFTER) return "lost";
    if (!known.beat || !known.board || known.beat.engine === "dead") return "stale";
    return known.board.sources.some((source) => source.state === "late" || source.state === "dead") ? "late" : "live";
  }

  function judgeTrust() {
    const state = feedState();
    const stopped = state === "stale" && known.beat !== null && known.beat.engine === "dead";
    const over = state === "lost" || stopped;
    document.body.dataset.feed = state;
    const takeover = at("takeover");
    if (over) {
      const last = lastJudged();
      const since = last ? `Last board ${stamp(last)}, ${age(last)} ago.` : "No board has been seen yet.";
      const said = [
        stopped ? "The engine has stopped." : "Connection lost.",
        since,
        "Nothing on this screen can be trusted until it is back.",
      ];
      if (takeover.hidden) takeover.replaceChildren(shape("dead"), el("h1"), el("p"), el("p"));
      [...takeover.children].slice(1).forEach((node, index) => {
        if (node.textContent !== said[index]) node.textContent = said[index];
      });
    }
    takeover.hidden = !over;
    at("head").inert = at("alerts").inert = at("stage").inert = over;
  }

  /* ---- the wire ------------------------------------------------------------------------------------------------ */

  function hear(beat) {
    wire.heard = performance.now();
    if (!beat) return;
    known.beat = beat;
    known.beatAt = performance.now();
    drawAlerts((beat.alerts && beat.alerts.sentence) || "");
  }

  // Told apart by what it says: a version is not enough, as a server may come back on an older store.
  function take(said) {
    if (said === drawn) return;
    drawn = said;
    known.board = JSON.parse(said);
    draw();
  }

  function connect() {
    wire.retry = 0;
    wire.opened = performance.now();
    const stream = new EventSource(STREAM);
    wire.stream = stream;
    stream.addEventListener("board", (event) => {
      hear(null);
      take(event.data);
      judgeTrust();
    });
    stream.addEventListener("beat", (event) => {
      const first = known.beat === null;
      wire.fails = 0;
      hear(JSON.parse(event.data));
      if (first) draw();
      tick();
    });
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
      const first = known.beat === null;
      hear(JSON.parse(beat));
      if (answer.status === 200) {
        const said = await answer.text();
        wire.etag = answer.headers.get("ETag") || "";
        if (said !== "null") take(said);
      }
      if (first) draw();
    } catch {
      // Silence is judged by the clock, not by errors.
    } finally {
      wire.polling = false;
    }
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
    const [hour, minute] = local(now(), { second: undefined })[0].split(":").map(Number);
    const due = hour === 3 && minute >= reload.minute && performance.now() - reload.since > RELOAD_AFTER;
    if (!due || reload.asked || document.body.dataset.feed === "lost") return;
    reload.asked = true;
    try {
      const answer = await fetchSoon("/");
      if (answer.ok) location.reload();
    } catch {
      // not tonight
    }
    setTimeout(() => { reload.asked = false; }, 60_000);
  }

  function tick() {
    tickers.forEach((renew) => renew());
    judgeTrust();
  }

  const theme = new URLSearchParams(location.search).get("theme");
  if (theme === "light" || theme === "auto") document.documentElement.dataset.theme = theme;

  addEventListener("resize", draw);
  draw();
  if (window.EventSource) connect();
  setInterval(() => {
    watch();
    tick();
    reloadNightly();
  }, 1000);
})();
