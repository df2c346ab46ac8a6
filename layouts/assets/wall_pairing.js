/* The page on which a television waits to be paired: asks for a code, shows it, and goes to the wall once somebody typed it. */
(() => {
  "use strict";

  const SVG = "http://www.w3.org/2000/svg";
  const ASK = "/api/screen/pairing";
  const EVERY = 3000;
  const AGAIN = 15_000;
  const { words } = JSON.parse(document.getElementById("given").textContent);
  const at = (id) => document.getElementById(id);
  const say = (key, values) => words[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);

  function fetchSoon(options) {
    const impatience = new AbortController();
    const timer = setTimeout(() => impatience.abort(), 8000);
    return fetch(ASK, { cache: "no-store", signal: impatience.signal, ...options }).finally(() => clearTimeout(timer));
  }

  function drawCode({ code, address, qr }) {
    at("pairing-says").textContent = say("pairing_says", { address: address.replace(/^https?:\/\//, "") });
    at("pairing-code").textContent = `${code.slice(0, 3)} ${code.slice(3)}`;
    at("pairing-code").setAttribute("aria-label", [...code].join(" "));
    at("pairing-qr").replaceChildren(...(qr ? [drawQr(qr)] : []));
    at("pairing-hint").textContent = [qr ? say("pairing_scan", {}) : "", say("pairing_good", {})].filter(Boolean).join(" ");
  }

  function drawQr([side, packed]) {
    const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
    let path = "";
    for (let index = 0; index < side * side; index += 1) {
      if ((bytes[index >> 3] >> (7 - (index & 7))) & 1) path += `M${index % side} ${Math.floor(index / side)}h1v1h-1z`;
    }
    const node = document.createElementNS(SVG, "svg");
    node.setAttribute("viewBox", `-4 -4 ${side + 8} ${side + 8}`);
    node.setAttribute("class", "qr");
    for (const [name, d] of [["paper", `M-4-4h${side + 8}v${side + 8}h-${side + 8}z`], ["", path]]) {
      const part = document.createElementNS(SVG, "path");
      part.setAttribute("d", d);
      if (name) part.setAttribute("class", name);
      node.append(part);
    }
    return node;
  }

  function fail(reason) {
    at("pairing-code").textContent = "";
    at("pairing-qr").replaceChildren();
    at("pairing-hint").textContent = "";
    at("pairing-says").textContent = say("pairing_failed", { reason });
    setTimeout(ask, AGAIN);
  }

  async function ask() {
    try {
      const answer = await fetchSoon({ method: "POST" });
      const told = await answer.json();
      if (!answer.ok) {
        fail(told.error);
        return;
      }
      drawCode(told);
      setTimeout(look, EVERY);
    } catch {
      fail(say("pairing_away", {}));
    }
  }

  async function look() {
    try {
      const { state } = await (await fetchSoon()).json();
      if (state === "paired") location.replace("/");
      else if (state === "expired") ask();
      else setTimeout(look, EVERY);
    } catch {
      setTimeout(look, EVERY); // the code is still good when the server comes back
    }
  }

  at("pairing-says").textContent = say("pairing_asking", {});
  ask();
})();
