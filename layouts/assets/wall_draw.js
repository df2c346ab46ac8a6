/* What the wall draws with: words, times, shapes and tiles, and the plan of where tiles stand.

   No framework and no build. Names in the data are hostile until proven otherwise, so text goes in by textContent and
   attributes by setAttribute; there is no innerHTML anywhere. Every sentence comes with the page, in its language. */
const wallDraw = (() => {
  "use strict";

  const SVG = "http://www.w3.org/2000/svg";
  const LEVELS = ["red", "turning", "amber"];
  const given = JSON.parse(document.getElementById("given").textContent);
  const language = document.documentElement.lang;

  /* ---- words and numbers --------------------------------------------------------------------------------------- */

  function say(key, values) {
    const text = given.words[key];
    if (text === undefined) return key;
    return text.replace(/\{(\w+)\}/g, (_, name) => (values && name in values ? values[name] : ""));
  }

  const number = (value) => value.toLocaleString(language);
  const percent = (share) => say("percent", { n: number(Math.round(100 * share)) });

  /* ---- time: the server's, carried on by the monotonic clock, as a TV's own clock may be wrong -------------------- */

  const clock = { beat: null, at: 0, zone: "UTC" };
  const now = () => (clock.beat ? Date.parse(clock.beat.now) + (performance.now() - clock.at) : Date.now());

  function local(moment, options) {
    const wanted = { hourCycle: "h23", hour: "2-digit", minute: "2-digit", second: "2-digit", ...options };
    try {
      return [new Intl.DateTimeFormat(language, { ...wanted, timeZone: clock.zone }).format(moment), clock.zone];
    } catch {
      return [new Intl.DateTimeFormat(language, { ...wanted, timeZone: "UTC" }).format(moment), "UTC"];
    }
  }

  // Hours and minutes of the wall's zone, in figures whatever the language.
  function minuteOfDay() {
    const options = { hourCycle: "h23", hour: "2-digit", minute: "2-digit" };
    let said;
    try {
      said = new Intl.DateTimeFormat("en", { ...options, timeZone: clock.zone }).format(now());
    } catch {
      said = new Intl.DateTimeFormat("en", { ...options, timeZone: "UTC" }).format(now());
    }
    const [hour, minute] = said.split(":").map(Number);
    return 60 * (hour % 24) + minute;
  }

  function age(iso) {
    const seconds = Math.max(0, (now() - Date.parse(iso)) / 1000);
    if (seconds < 90) return say("seconds", { n: Math.floor(seconds) });
    if (seconds < 90 * 60) return say("minutes", { n: Math.floor(seconds / 60) });
    if (seconds < 48 * 3600) return say("hours", { n: Math.floor(seconds / 3600) });
    return say("days", { n: number(Math.floor(seconds / 86_400)) });
  }

  const stamp = (iso) => {
    const far = now() - Date.parse(iso) > 20 * 3_600_000 ? { day: "numeric", month: "short" } : {};
    return local(Date.parse(iso), far).join(" ");
  };

  // A day that is near is best said by its name.
  function dayName(iso) {
    const day = Date.parse(`${iso}T00:00:00Z`);
    const near = day - now() < 6 * 86_400_000;
    const options = near ? { weekday: "long" } : { day: "numeric", month: "short" };
    return new Intl.DateTimeFormat(language, { ...options, timeZone: "UTC" }).format(day);
  }

  /* ---- small builders ------------------------------------------------------------------------------------------ */

  let tickers = []; // functions that renew what ages: rebuilt with every drawing, so nothing piles up over months

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
    waiting: "M3 12h18",
    unknown: "M8 8a4 4 0 1 1 5.5 3.7c-1.2.5-1.5 1.3-1.5 2.8M12 19.5v.5",
    held: "M8 4v16M16 4v16",
    sound: "M3 9h4l6-5v16l-6-5H3zM17 8a6 6 0 0 1 0 8",
  };
  const OUTLINED = new Set(["green", "fresh", "dead", "unjudged", "waiting", "unknown", "held", "sound"]);

  function shape(state) {
    const path = svg("path", { d: SHAPES[state] || SHAPES.unknown });
    const node = svg("svg", { viewBox: "0 0 24 24", class: `shape ${OUTLINED.has(state) ? "line" : "solid"}` }, path);
    node.setAttribute("aria-hidden", "true");
    return node;
  }

  // The server has drawn the code: a number of modules a side, and their bits in base64, row by row.
  function qr([side, packed]) {
    const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
    const dark = (index) => (bytes[index >> 3] >> (7 - (index & 7))) & 1;
    let path = "";
    for (let row = 0; row < side; row += 1) {
      for (let column = 0; column < side; column += 1) {
        let run = 0;
        while (column + run < side && dark(row * side + column + run)) run += 1;
        if (run) path += `M${column} ${row}h${run}v1h-${run}z`;
        column += run;
      }
    }
    // Two modules of quiet around it are fewer than the four of ISO 18004, but phones read them, and the code is larger.
    const node = svg("svg", { viewBox: `-2 -2 ${side + 4} ${side + 4}`, class: "qr", "aria-hidden": "true" });
    node.append(svg("path", { class: "paper", d: `M-2-2h${side + 4}v${side + 4}h-${side + 4}z` }), svg("path", { d: path }));
    return node;
  }

  function arrow(turn) {
    const path = svg("path", { d: "M2 12h18M13 5l7 7-7 7", transform: `rotate(${turn} 12 12)` });
    return svg("svg", { viewBox: "0 0 24 24", class: "shape line", "aria-hidden": "true" }, path);
  }

  function trend(word) {
    const turn = { worsening: -40, improving: 40 }[word] || 0;
    return el("span", `trend ${word}`, arrow(turn), el("span", "trend-word", say(`trend.${word}`)));
  }

  function spark(tile) {
    const values = tile.history || [];
    const real = values.filter((value) => value !== null);
    if (real.length < 2) return null;
    const band = (tile.outlook && tile.outlook.band) || [];
    const ahead = band.length ? band[band.length - 1][0] : 0;
    const all = [...real, ...tile.limits, ...band.flatMap(([, low, high]) => [low, high])];
    const least = Math.min(...all);
    const span = Math.max(...all) - least || 1;
    const last = values.length - 1;
    const x = (day) => ((100 * day) / (last + ahead)).toFixed(1);
    const y = (value) => (46 - (44 * (value - least)) / span).toFixed(1);
    let path = "";
    let pen = "M";
    values.forEach((value, day) => {
      if (value === null) {
        pen = "M"; // a day without data is a gap, not a line drawn over it
        return;
      }
      path += `${pen}${x(day)} ${y(value)}`;
      pen = "L";
    });
    const lines = tile.limits.map((limit) => svg("path", { class: "limit", d: `M0 ${y(limit)}H100` }));
    const node = svg("svg", { viewBox: "0 0 100 48", preserveAspectRatio: "none", role: "img" });
    node.setAttribute("aria-label", say(band.length ? "spark_ahead" : "spark", { n: values.length, ahead }));
    if (band.length) {
      const from = values[last] === null ? [] : [`${x(last)} ${y(values[last])}`];
      const over = band.map(([day, , high]) => `${x(last + day)} ${y(high)}`);
      const under = band.map(([day, low]) => `${x(last + day)} ${y(low)}`).reverse();
      node.append(svg("path", { class: "band", d: `M${[...from, ...over, ...under].join("L")}z` }));
    }
    node.append(...lines, svg("path", { class: "course", d: path }));
    return el("div", "spark", node);
  }

  /* ---- tiles --------------------------------------------------------------------------------------------------- */

  const keyOf = (kpi, slice) => JSON.stringify([kpi, Object.entries(slice).sort()]);

  // An address says other things by these names: a dimension that is called so has "in." before it (`address.written`).
  const OWN = new Set(["version", "level", "family", "words", "kpi", "compare", "sort", "area", "theme", "grid", "lang", "q"]);
  const written = (name) => (!OWN.has(name) && /^[a-z][a-z0-9_]{0,60}$/.test(name) ? name : `in.${name}`);

  function drilldown(tile, version) {
    const query = new URLSearchParams(Object.entries(tile.slice).map(([name, value]) => [written(name), value]));
    query.set("version", version);
    return `/kpi/${encodeURIComponent(tile.kpi)}?${query}`;
  }

  function due({ red_on: day, probability }) {
    const likely = typeof probability === "number" ? percent(probability) : null;
    if (!day) return likely ? say("red_soon", { percent: likely }) : "";
    return likely ? say("red_by", { day: dayName(day), percent: likely }) : say("red_by_day", { day: dayName(day) });
  }

  function acknowledged(handled) {
    const node = el("span", "handled", shape("green"), el("b", "", handled.by), " ", ticking(() => age(handled.at)));
    node.title = say("acknowledged", { actor: handled.by, age: age(handled.at) });
    return node;
  }

  function drawTile(tile, size, version, handled) {
    const outlook = tile.outlook ? due(tile.outlook) : "";
    const scanned = tile.qr && (size === "xl" || size === "l");
    const marks = [tile.level, tile.stale ? "stale" : "", tile.driver ? "driven" : "", scanned ? "coded" : "", outlook ? "dated" : "", size === "s" ? "tight" : ""];
    const node = el("article", ["tile", size, ...marks].filter(Boolean).join(" "));
    node.setAttribute("role", "listitem");
    node.dataset.kpi = tile.kpi;
    node.dataset.slice = JSON.stringify(tile.slice);
    node.dataset.level = tile.level;
    const cover = el("a", "cover");
    cover.href = drilldown(tile, version);
    const named = { level: say(`level.${tile.level}`), title: tile.title, place: tile.place, shown: tile.shown, limit: tile.limit };
    cover.setAttribute("aria-label", say("cover", named));
    const old = () => (tile.data_at ? say("data_old", { age: age(tile.data_at) }) : say("stale"));
    const staleness = tile.stale ? el("span", "staleness", shape("late"), ticking(old)) : "";
    const small = size === "s";
    const [hurt, many, unit] = /^(\d[\d.,\s]*)(\D.*)$/.exec(tile.hurt) || [tile.hurt, tile.hurt, ""];
    const word = size === "m" && tile.level === "turning" ? say("short.turning") : say(`level.${tile.level}`);
    const badge = el("span", "badge", shape(tile.level), word);
    const taken = handled ? acknowledged(handled) : "";
    const since = tile.since ? ticking(() => say("lasting", { age: age(tile.since) })) : "";
    const title = el("div", "title", tile.title);
    const place = el("div", "place", tile.place);
    const code = tile.code ? el("span", "code", tile.code) : "";
    if (code) code.setAttribute("aria-label", say("code", { code: tile.code }));
    node.append(
      ...(small ? [el("div", "top", badge, taken, since), title, place] : [el("div", "top", title, since), el("div", "top", badge, place, taken)]),
      el("div", "middle", el("div", "value", el("b", "", tile.shown), el("span", "limit", say("limit", { limit: tile.limit }))), spark(tile)),
      outlook ? el("div", "due", outlook) : "",
      // Where there is room for one only, the age of the data says more than the trend of data that stands still.
      el(
        "div", "effect",
        hurt ? el("span", "hurt", many, unit ? el("span", "unit", unit) : "") : "",
        staleness,
        tile.stale && (small || size === "m") ? "" : trend(tile.trend),
        code,
      ),
      el("div", "reason", tile.reason),
      tile.driver ? el("div", "driver", tile.driver) : "",
      tile.remedy ? el("div", "remedy", el("b", "", say("do")), " ", tile.remedy) : "",
      scanned ? qr(tile.qr) : "",
      cover,
    );
    return node;
  }

  // A green that gets worse: what it is, where, and from what to what it has moved.
  function drawWorse(line, version) {
    const node = el("article", "cell");
    node.setAttribute("role", "listitem");
    // no tile: what it says is not red, and tiles carry other names
    node.dataset.worse = line.kpi;
    node.dataset.where = JSON.stringify(line.slice);
    node.title = line.reason;
    const cover = el("a", "cover");
    cover.href = drilldown(line, version);
    cover.setAttribute("aria-label", say("worse_cover", line));
    const figures = el("span", "moved", line.was, arrow(0), el("b", "", line.now));
    node.append(el("span", "title", line.title), el("span", "place", line.place), figures, cover);
    return node;
  }

  function drawMore(left) {
    const sum = Object.values(left).reduce((total, count) => total + count, 0);
    const parts = LEVELS.filter((level) => left[level]).map((level) =>
      el("div", level, shape(level), say(`counted.${level}`, { n: number(left[level]) })),
    );
    const node = el("div", "more", el("b", "", say("more", { n: number(sum) })), ...parts);
    node.setAttribute("role", "listitem");
    return node;
  }

  /* ---- the plan ------------------------------------------------------------------------------------------------ */

  // Rows of tiles by how many there are, biggest first. What a row holds decides the size of its type, so twelve is
  // what can be read from five metres. Beside the lane of those turning red there is room for nine.
  const WIDE = {
    rows: [[], [1], [2], [1, 2], [2, 2], [2, 3], [2, 4], [3, 4], [2, 3, 3], [2, 3, 4], [3, 3, 4], [3, 4, 4], [3, 4, 5]],
    sizes: { 1: "xl", 2: "xl", 3: "l", 4: "m", 5: "s" },
    ambers: 5, beside: 7, alone: [4, 4, 5],
  };
  const BESIDE = {
    rows: [[], [1], [2], [1, 2], [2, 2], [2, 3], [2, 4], [3, 4], [2, 3, 3], [2, 3, 4]],
    sizes: { 1: "xl", 2: "l", 3: "m", 4: "s" },
    ambers: 4, beside: 7, alone: [],
  };
  const HEIGHTS = { xl: 31, l: 27, m: 22.5, s: 18 }; // vmin
  const COLUMNS = { m: 4, s: 5 };
  const LANE = 3;
  const MUCH = 2; // who hurts so many times as much as the next one is drawn larger than its place alone would have it

  const upright = () => innerWidth < innerHeight;
  const inHand = () => upright() && innerWidth <= 640; // a phone scrolls, and is read from nearer than five metres

  // Gives rows [{tiles, size, sizes, weights, height, columns}] and what stands in the lane.
  function plan(counts, tiles) {
    const reds = tiles.filter((tile) => tile.level === "red");
    const turning = tiles.filter((tile) => tile.level === "turning");
    const ambers = tiles.filter((tile) => tile.level === "amber");
    const ranked = [...reds, ...turning, ...ambers];
    if (upright()) return { rows: inHand() ? stacked(ranked.slice(0, 40), 1) : stacked(ranked.slice(0, 12), 2), lane: [] };
    const lane = reds.length && turning.length ? turning.slice(0, LANE) : [];
    const kind = lane.length ? BESIDE : WIDE;
    const pains = lane.length ? reds : [...reds, ...turning];
    const roomy = counts.amber > 0 && pains.length <= kind.beside;
    const most = kind.rows.length - 1;
    // Beside the lane ambers have a row of their own or none: a tile never stands before one that hurts more.
    const main = roomy ? pains : (lane.length ? reds : [...pains, ...ambers]).slice(0, most);
    const slots = Math.min(most, main.length + (lane.length && !roomy && ambers.length ? 1 : 0));
    const rows = kind.rows[slots].map((count) => ({ count, size: kind.sizes[count] }));
    if (roomy) {
      const sizes = pains.length ? [kind.ambers] : kind.alone;
      let left = ambers.length;
      for (const wide of sizes) {
        if (left > 0) rows.push({ count: Math.min(wide, left), size: kind.sizes[wide], amber: true });
        left -= wide;
      }
    }
    const queue = roomy ? [...pains, ...ambers] : main;
    const columns = lane.length ? { m: 3, s: 4 } : COLUMNS;
    let from = 0;
    const filled = rows.map((row) => {
      const part = queue.slice(from, from + row.count);
      from += row.count;
      return weighed({ ...row, tiles: part, columns: Math.max(row.count, (row.count > 1 && columns[row.size]) || row.count) }, Boolean(lane.length));
    });
    filled.forEach((row, index) => {
      const next = filled[index + 1];
      if (next && hurts(next.tiles[0]) && hurts(row.tiles[row.tiles.length - 1]) >= MUCH * hurts(next.tiles[0])) row.height *= 1.25;
    });
    return { rows: filled, lane };
  }

  const hurts = (tile) => (tile && tile.level === "red" && tile.pain) || 0;

  // The first of a row that hurts far more than the next one takes more of it, and larger type.
  function weighed(row, narrow) {
    const sizes = row.tiles.map(() => row.size);
    const weights = Array.from({ length: row.columns }, () => 1);
    const [first, second] = row.tiles;
    if (row.count > 1 && row.count < 4 && hurts(second) > 0 && hurts(first) >= MUCH * hurts(second)) {
      weights[0] = narrow ? 1.6 : 1.9;
      sizes[0] = "xl";
      for (let other = 1; other < sizes.length; other += 1) sizes[other] = row.count === 2 && !narrow ? "l" : "m";
    }
    return { ...row, sizes, weights, height: HEIGHTS[sizes[0]] };
  }

  function stacked(tiles, columns) {
    const rows = [];
    for (let at = 0; at < tiles.length; at += columns) {
      const part = tiles.slice(at, at + columns);
      rows.push({ tiles: part, count: part.length, size: "m", sizes: part.map(() => "m"), weights: part.map(() => 1), height: HEIGHTS.m });
    }
    return rows;
  }

  function drawRow(row, draw) {
    const node = el("div", `row row-${row.size}${row.amber ? " ambers" : ""}`, ...row.tiles.map((tile, index) => draw(tile, row.sizes[index])));
    node.setAttribute("role", "presentation");
    node.style.setProperty("--height", row.height);
    node.style.setProperty("--columns", row.weights.map((weight) => `minmax(0, ${weight}fr)`).join(" "));
    return node;
  }

  // Draws a view's tiles; what does not fit is counted on the screen.
  function drawTiles(view, version, handledOf) {
    const { rows, lane } = plan(view.counts, view.tiles);
    const total = LEVELS.reduce((sum, level) => sum + view.counts[level], 0);
    const turningAside = lane.length ? view.counts.turning : 0;
    const last = rows[rows.length - 1];
    let shown = rows.reduce((sum, row) => sum + row.tiles.length, 0);
    const left = { red: view.counts.red, turning: view.counts.turning - turningAside, amber: view.counts.amber };
    const full = shown === rows.reduce((sum, row) => sum + row.count, 0);
    if (shown < total - turningAside && full) {
      last.tiles.pop();
      shown -= 1;
    }
    for (const row of rows) for (const tile of row.tiles) left[tile.level] -= 1;
    const draw = (tile, size) => drawTile(tile, size, version, handledOf(tile));
    const nodes = rows.map((row) => drawRow(row, draw));
    if (shown < total - turningAside) nodes[nodes.length - 1].append(drawMore(left));
    if (!lane.length) return { nodes: nodes.length ? [el("div", "main", ...nodes)] : [], rows: rows.length, beside: false };
    const parts = [el("div", "main", ...nodes.filter((_, index) => !rows[index].amber)), drawLane(lane, view.counts.turning, draw)];
    parts.push(...nodes.filter((_, index) => rows[index].amber));
    for (const part of parts) part.setAttribute("role", "presentation");
    return { nodes: parts, rows: rows.length, beside: true };
  }

  function drawLane(tiles, count, draw) {
    const beyond = count - tiles.length;
    const head = el("div", "head turning", shape("turning"), `${say("level.turning")} · ${number(count)}`);
    if (beyond > 0) head.append(el("span", "beyond", say("more", { n: number(beyond) })));
    return el("div", `lane${tiles.length > 2 ? " full" : ""}`, head, ...tiles.map((tile) => draw(tile, "m")));
  }

  // Type is sized so that it fits; what is longer than usual gives way: the limit goes under its value, then the value
  // shrinks; long reasons lose lines, then give way to the driver, which says more, and measures and drivers go after them.
  function fitTiles() {
    const wide = (tile) => tile.querySelector(".value").offsetWidth > tile.querySelector(".middle").clientWidth;
    const high = (tile) => tile.scrollHeight > tile.clientHeight + 1;
    const crowded = (tile) => {
      const effect = tile.querySelector(".effect");
      return effect.scrollWidth > effect.clientWidth + 1;
    };
    const covered = (tile) => {
      const code = tile.querySelector(".qr");
      return code && code.getBoundingClientRect().top < tile.querySelector(".middle").getBoundingClientRect().top;
    };
    const squeezed = (tile) => {
      const course = tile.querySelector(".spark");
      return course && course.clientWidth < 0.2 * tile.clientWidth;
    };
    const steps = [
      ["bare", covered], ["stack", wide], ["stack", squeezed], ["slim", wide], ["terse", high], ["brief", high], ["mute", high], ["slim", high],
      ["plain", crowded], ["tight", crowded], ["anonymous", crowded],
    ];
    for (const tile of document.querySelectorAll(".tile")) {
      for (const [step, needed] of steps) if (needed(tile)) tile.classList.add(step);
    }
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

  return {
    given, language, say, number, clock, now, local, minuteOfDay, age, stamp, el, shape, ticking, keyOf, arrow, drawWorse, drawTiles, fitTiles, dropUntilFits, LEVELS,
    startDrawing: () => { tickers = []; },
    renew: () => tickers.forEach((renew) => renew()),
  };
})();
