// Keeps the page up to date, and counts down. Nothing depends on it: without a script the page is read and decided on
// just as well.
"use strict";

(() => {
  // A phone's clock may be wrong; a deadline is by the host's.
  let skew = Number(document.body.dataset.now || Date.now()) - Date.now();
  const now = () => Date.now() + skew;

  const two = (number) => String(number).padStart(2, "0");

  function counted(ms) {
    const seconds = Math.ceil(ms / 1000);
    const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
    return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
  }

  function rough(ms) {
    const seconds = Math.max(0, Math.floor(ms / 1000));
    if (seconds < 60) return `${seconds} s`;
    if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
    if (seconds < 172800) return `${Math.floor(seconds / 3600)} h`;
    return `${Math.floor(seconds / 86400)} d`;
  }

  // What depends on the moment and on the reader's own clock.
  function dress(root) {
    for (const left of root.querySelectorAll("[data-until]")) {
      const ms = Number(left.dataset.until) - now();
      left.textContent = ms > 0 ? `${counted(ms)} left` : "time is up";
      left.classList.toggle("soon", ms < 60000);
    }
    for (const ago of root.querySelectorAll("[data-ago]")) {
      ago.textContent = `${rough(now() - Number(ago.dataset.ago))} ago`;
    }
    for (const time of root.querySelectorAll("time[datetime]")) {
      const at = new Date(time.dateTime);
      if (!Number.isNaN(at.getTime())) {
        time.title = at.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" });
      }
    }
  }

  // Makes `from` look like `to` with as few changes as it takes, so that focus, what is being typed and what was opened
  // stay as they are.
  function morph(from, to) {
    if (from.isEqualNode(to)) return;
    if (from.nodeType !== Node.ELEMENT_NODE) {
      from.data = to.data;
      return;
    }
    if ("keep" in from.dataset) return;
    if (from instanceof SVGElement) {
      from.replaceWith(document.importNode(to, true));
      return;
    }
    const mine = from.localName === "details" ? ["open"] : [];
    for (const { name } of [...from.attributes]) {
      if (!to.hasAttribute(name) && !mine.includes(name)) from.removeAttribute(name);
    }
    for (const { name, value } of to.attributes) {
      if (from.getAttribute(name) !== value && !mine.includes(name)) from.setAttribute(name, value);
    }
    children(from, to);
  }

  const alike = (one, other) =>
    one.nodeType === other.nodeType && one.nodeName === other.nodeName && (one.id || "") === (other.id || "");

  function children(from, to) {
    const wanted = new Set([...to.children].map((child) => child.id).filter(Boolean));
    let at = from.firstChild;
    for (const next of [...to.childNodes]) {
      // What is gone goes first: what stays then need not be moved, which would take the focus from it.
      while (at && next.id && at.id !== next.id && (!at.id || !wanted.has(at.id))) {
        const gone = at;
        at = at.nextSibling;
        gone.remove();
      }
      const known = next.id && [...from.children].find((child) => child.id === next.id);
      if (known && known !== at) {
        from.insertBefore(known, at);
        morph(known, next);
      } else if (at && alike(at, next)) {
        const here = at;
        at = at.nextSibling;
        morph(here, next);
      } else {
        from.insertBefore(document.importNode(next, true), at);
      }
    }
    while (at) {
      const gone = at;
      at = at.nextSibling;
      gone.remove();
    }
  }

  function show(fresh) {
    skew = Number(fresh.body.dataset.now) - Date.now();
    dress(fresh);
    const heard = fresh.body.dataset.news;
    const spoken = document.body.dataset.news;
    document.title = fresh.title;
    document.body.dataset.news = heard;
    for (const part of ["header.top", "#notices", "main", ".foot"]) {
      const [from, to] = [document.querySelector(part), fresh.querySelector(part)];
      if (from && to) morph(from, to);
    }
    // What had the focus may be gone.
    if (focused && !focused.isConnected) {
      (document.querySelector("h1") || document.getElementById("main")).focus({ preventScroll: true });
    }
    if (heard !== spoken) document.getElementById("news").textContent = heard;
  }

  let focused = null;
  document.addEventListener("focusin", (event) => (focused = event.target));
  document.addEventListener("focusout", (event) => {
    // Of an element that is being removed nobody else gets the focus.
    if (event.target.isConnected && event.relatedTarget === null && document.hasFocus()) focused = null;
  });

  const live = document.getElementById("live");
  function say(text, off) {
    if (!live || live.textContent === text) return;
    live.textContent = text;
    live.classList.toggle("off", off);
  }

  let asking = false;
  let again = false;
  async function refresh() {
    if (asking) {
      again = true;
      return;
    }
    asking = true;
    try {
      const answer = await fetch(location.href, { headers: { "x-tidegate-by-itself": "1" }, cache: "no-store" });
      if (answer.status === 401) {
        stop();
        say("· signed out: load this page again to sign in", true);
        return;
      }
      // Nothing there is an answer as well: what is not there yet may come.
      if (!answer.ok && answer.status !== 404) throw new Error(String(answer.status));
      show(new DOMParser().parseFromString(await answer.text(), "text/html"));
      say("· live", false);
    } catch {
      say("· not up to date: the host does not answer", true);
      later();
    } finally {
      asking = false;
      if (again) {
        again = false;
        refresh();
      }
    }
  }

  let waits = 0;
  function later() {
    clearTimeout(waits);
    waits = setTimeout(() => {
      if (!document.hidden) listen();
    }, 3000);
  }

  let events = null;
  let beat = 0;
  function stop() {
    clearTimeout(waits);
    clearInterval(beat);
    if (events) events.close();
    events = null;
  }

  function listen() {
    stop();
    events = new EventSource("/events");
    // Something may have happened while nobody listened.
    events.onopen = refresh;
    events.addEventListener("changed", refresh);
    events.onerror = () => {
      say("· not up to date: looking for the host", true);
      // A browser tries again by itself, unless it was turned away.
      if (events && events.readyState === EventSource.CLOSED) refresh().then(later);
    };
    const every = document.querySelector("[data-every]");
    if (every) beat = setInterval(refresh, Number(every.dataset.every) * 1000);
  }

  // A tab that nobody sees keeps no connection: browsers have few of them.
  document.addEventListener("visibilitychange", () => (document.hidden ? stop() : listen()));
  window.addEventListener("pagehide", stop);
  window.addEventListener("pageshow", (event) => {
    for (const button of document.querySelectorAll("button[aria-disabled]")) button.removeAttribute("aria-disabled");
    if (event.persisted && live) listen();
  });

  // Once is enough, however often somebody presses.
  document.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (!button) return;
    if (button.getAttribute("aria-disabled") === "true") event.preventDefault();
    button.setAttribute("aria-disabled", "true");
  });

  // What was opened to be filled in is about to be filled in.
  document.addEventListener(
    "toggle",
    (event) => {
      const opened = event.target;
      if (opened.open && opened.matches("details.choice") && opened.contains(document.activeElement)) {
        opened.querySelector("textarea").focus();
      }
    },
    true,
  );

  dress(document);
  setInterval(() => {
    if (!document.hidden) dress(document);
  }, 1000);
  if (live && !document.hidden) listen();
})();
