/* The analyst's pages: what the browser does by itself. Is the server there, is there a newer board, where does focus go,
   what has its reader chosen, and what do tables show. */
(() => {
  "use strict";

  const LOST_AFTER = 10_000; // as on the wall
  const RESTART_AFTER = 7_000;
  const YEAR = 365 * 86_400;
  const TYPING_RESTS = 250;
  const wire = { stream: null, heard: performance.now(), opened: 0, retry: 0, beat: null, sources: [], version: null };

  const at = (id) => document.getElementById(id);
  const cookie = (name) => document.cookie.split("; ").find((each) => each.startsWith(`${name}=`));
  const keep = (name, value) => {
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `${name}=${encodeURIComponent(value)}; Max-Age=${YEAR}; Path=/; SameSite=Lax${secure}`;
  };

  // The server cannot know the zone of a new reader; it is told before the first page is asked for.
  if (!cookie("painpoint_zone")) keep("painpoint_zone", Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC");

  /* ---- can this page be trusted? ------------------------------------------------------------------------------- */

  function state() {
    if (performance.now() - wire.heard > LOST_AFTER) return "lost";
    if (!wire.beat) return "stale";
    if (wire.beat.engine === "dead") return "stale";
    return wire.sources.some((source) => source.state === "late" || source.state === "dead") ? "late" : "live";
  }

  function judge() {
    const told = state();
    document.body.dataset.feed = told;
    const place = at("pulse");
    if (!place) return;
    const stopped = told === "stale" && wire.beat && wire.beat.engine === "dead";
    const said = told === "lost" ? place.dataset.lost : stopped ? place.dataset.stale : "";
    if (place.textContent !== said) place.textContent = said;
    place.hidden = !said;
    newer();
  }

  // A newer board is offered, not forced on somebody who reads.
  function newer() {
    const standing = document.querySelector(".standing");
    const place = at("pulse");
    if (!standing || !place || wire.version === null) return;
    const shown = Number(standing.dataset.version);
    const pinned = new URLSearchParams(location.search).has("version");
    let offer = standing.querySelector(".newer");
    if (pinned || !(wire.version > shown)) {
      if (offer) offer.remove();
      return;
    }
    if (!offer) {
      offer = document.createElement("button");
      offer.className = "newer";
      offer.type = "button";
      offer.addEventListener("click", () => location.reload());
      standing.append(" ", offer);
    }
    offer.textContent = place.dataset.newer.replace("{version}", wire.version);
  }

  function connect() {
    wire.retry = 0;
    wire.opened = performance.now();
    const stream = new EventSource("/api/pulse");
    wire.stream = stream;
    stream.addEventListener("board", (event) => {
      const board = JSON.parse(event.data);
      wire.heard = performance.now();
      wire.version = board.version;
      wire.sources = board.sources;
      judge();
    });
    stream.addEventListener("beat", (event) => {
      wire.heard = performance.now();
      wire.beat = JSON.parse(event.data);
      judge();
    });
    stream.addEventListener("error", disconnect);
  }

  function disconnect() {
    if (wire.stream) wire.stream.close();
    wire.stream = null;
    if (!wire.retry) wire.retry = setTimeout(connect, 1000 + 3000 * Math.random());
  }

  if (window.EventSource) connect();
  setInterval(() => {
    if (wire.stream && performance.now() - Math.max(wire.heard, wire.opened) > RESTART_AFTER) disconnect();
    judge();
  }, 1000);

  /* ---- going from page to page --------------------------------------------------------------------------------- */

  let first = true;
  let typing = 0;

  const OURS = /^\/(partners|kpis|map|sources|search|partner\/|kpi\/|order\/)/;

  function visit(address) {
    if (!OURS.test(address)) return location.assign(address); // the wall and the alerts are pages of their own
    history.pushState({}, "", address);
    dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
    scrollTo(0, 0);
  }

  const moved = () => window.dash_clientside.callback_context.triggered;

  const shownBefore = () => {
    try {
      return JSON.parse(new URL(location.href).searchParams.get("grid")) || {};
    } catch {
      return {};
    }
  };

  const callbacks = {
    // A screen reader is told where it is, and the keyboard goes on from there.
    arrived(title, pathname) {
      if (title) document.title = title;
      for (const link of document.querySelectorAll("#pages a")) {
        const own = new URL(link.href).pathname;
        const here = pathname === own || (own !== "/" && pathname.startsWith(own.replace(/s$/, "/")));
        if (here) link.setAttribute("aria-current", "page");
        else link.removeAttribute("aria-current");
      }
      const content = at("content");
      if (!first && content && !content.contains(document.activeElement)) content.focus({ preventScroll: true });
      first = false;
      newer();
      return window.dash_clientside.no_update;
    },
    // Looked for when the typing rests; what was chosen is no search of its own.
    typed(words) {
      const { no_update } = window.dash_clientside;
      typing += 1;
      const mine = typing;
      return new Promise((resolve) => {
        setTimeout(() => resolve(mine === typing ? words || "" : no_update), words ? TYPING_RESTS : 0);
      });
    },
    go(address) {
      if (!address) return window.dash_clientside.no_update;
      const target = new URL(address, location.origin);
      if (target.origin === location.origin && target.href !== location.href) visit(target.pathname + target.search);
      return null;
    },
    // A point of a chart leads where it says; with nobody left in it, the next click on the same point counts too.
    point(clicked) {
      const to = clicked && clicked.points[0] && clicked.points[0].customdata;
      if (typeof to === "string" && to.startsWith("/")) visit(to);
      return clicked ? null : window.dash_clientside.no_update;
    },
    // Of all lists of addresses on a page, the one whose reader has just chosen. Being drawn is no choice.
    move(addresses) {
      const chosen = moved().find((each) => typeof each.value === "string" && each.value);
      if (chosen && chosen.value !== location.pathname + location.search) visit(chosen.value);
    },
    // Words typed into a page's own field stand in its address; those of "q" are searched for everywhere.
    narrow(times, words, ids) {
      const [sent] = moved();
      if (!sent || !sent.value) return;
      const place = JSON.parse(sent.prop_id.slice(0, sent.prop_id.lastIndexOf("."))).of;
      const at = ids.findIndex((each) => each.of === place);
      const name = place === "q" ? "q" : "words";
      const to = new URL(name === "q" ? "/search" : location.pathname, location.origin);
      if (name !== "q") to.search = location.search;
      const said = (words[at] || "").trim();
      if (said) to.searchParams.set(name, said);
      else to.searchParams.delete(name);
      const version = new URLSearchParams(location.search).get("version");
      if (version) to.searchParams.set("version", version);
      if (to.pathname + to.search !== location.pathname + location.search) visit(to.pathname + to.search);
    },
    choose(language, zone, theme) {
      const before = ["language", "zone", "theme"].map((name) => cookie(`painpoint_${name}`));
      keep("painpoint_language", language);
      keep("painpoint_zone", zone);
      keep("painpoint_theme", theme);
      const after = ["language", "zone", "theme"].map((name) => cookie(`painpoint_${name}`));
      if (before.some((each, index) => each !== after[index])) location.reload();
      return window.dash_clientside.no_update;
    },
    // What a table shows stands in the address and in the files that are taken away, so that both can be sent.
    tabled(filters, columns) {
      if (!filters && !columns) return; // it is being drawn, and starts with what the address says
      const before = shownBefore();
      const sort = (columns || [])
        .filter((column) => column.sort)
        .sort((a, b) => (a.sortIndex || 0) - (b.sortIndex || 0))
        .map((column) => [column.colId, column.sort]);
      const shown = { f: filters || before.f || {}, s: columns ? sort : before.s || [] };
      const kept = Object.keys(shown.f).length || shown.s.length ? JSON.stringify(shown) : "";
      const set = (address) => {
        const to = new URL(address);
        if (kept) to.searchParams.set("grid", kept);
        else to.searchParams.delete("grid");
        return to.pathname + to.search;
      };
      const here = set(location.href);
      if (here !== location.pathname + location.search) history.replaceState(history.state, "", here);
      for (const link of document.querySelectorAll("a.export")) link.href = set(link.href);
    },
  };
  window.dash_clientside = Object.assign(window.dash_clientside || {}, { painpoint: callbacks });

  addEventListener("keydown", (event) => {
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName) || document.activeElement.isContentEditable;
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const find = at("find");
    if (!find) return;
    event.preventDefault();
    find.focus();
  });

  /* ---- what is drawn in one go (drawing.py) -------------------------------------------------------------------- */

  const plain = (event) => !(event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);

  // A tree is [tag, attributes, child ...]. A "link" goes to another of these pages without loading all of them anew.
  function grown(tree, key) {
    if (!Array.isArray(tree)) return tree;
    const [tag, attributes, ...children] = tree;
    const props = { ...attributes, key };
    if (tag === "link") {
      props.onClick = (event) => {
        if (!plain(event)) return;
        event.preventDefault();
        visit(attributes.href);
      };
    }
    return React.createElement(tag === "link" ? "a" : tag, props, ...children.map(grown));
  }
  window.painpoint = { Drawing: (props) => grown(props.tree) };

  /* ---- tables --------------------------------------------------------------------------------------------------- */

  const language = () => document.documentElement.lang || "en";
  const functions = (window.dashAgGridFunctions = window.dashAgGridFunctions || {});
  functions.painpointNumber = (params) =>
    params.value === null || params.value === undefined
      ? ""
      : Number(params.value).toLocaleString(language() === "en" ? "en-GB" : language(), { maximumFractionDigits: 4 });
  functions.painpointTime = (params) => {
    if (!params.value) return "";
    const { zone } = params.context || {};
    const wanted = { year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZoneName: "short" };
    const locale = language() === "en" ? "en-GB" : language();
    try {
      return new Intl.DateTimeFormat(locale, { ...wanted, timeZone: zone }).format(Date.parse(params.value));
    } catch {
      return new Intl.DateTimeFormat(locale, { ...wanted, timeZone: "UTC" }).format(Date.parse(params.value));
    }
  };

  const components = (window.dashAgGridComponentFunctions = window.dashAgGridComponentFunctions || {});
  components.PainpointLink = (props) => {
    if (props.value === null || props.value === undefined || props.value === "") return "";
    const kept = new URLSearchParams();
    const version = new URLSearchParams(location.search).get("version");
    if (version) kept.set("version", version);
    const query = kept.toString();
    const address = `/${props.to}/${encodeURIComponent(props.value)}${query ? `?${query}` : ""}`;
    const follow = (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      visit(address);
    };
    return React.createElement("a", { href: address, onClick: follow }, String(props.value));
  };
})();
