// What the live pages of the desk share. The server says what to show; here it is only put in place, always as text.
"use strict";

const WAIT = 10000; // ms after which we say that nothing came back yet
const ANSWER = 15000; // ms for an answer: the server says no sooner

const byId = (id) => document.getElementById(id);

// ---- small tools ------------------------------------------------------------------------------------------------

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function fill(root, view) {
  for (const element of root.querySelectorAll("[data-text]")) {
    const text = String(view[element.dataset.text] ?? "");
    setText(element, text);
    if (element.classList.contains("summary")) element.hidden = text === "";
  }
  for (const list of root.querySelectorAll("[data-pairs]")) fillPairs(list, view[list.dataset.pairs] ?? []);
}

function make(tag, text, className) {
  const element = document.createElement(tag);
  element.textContent = text;
  if (className) element.className = className;
  return element;
}

function fillPairs(list, fields) {
  const pairs = fields.map((field) => {
    const pair = make("div", "", "pair");
    const value = make("dd", field.dial ? "" : field.value, field.missing ? "missing" : "");
    if (field.dial) value.append(phoneLink(field));
    pair.append(make("dt", field.label), value);
    return pair;
  });
  const now = pairs.map((pair) => pair.textContent).join("\n");
  if (list.dataset.now === now) return;
  list.dataset.now = now;
  list.replaceChildren(...pairs);
}

function phoneLink(field) {
  const link = make("a", field.value);
  if (field.dial.startsWith("tel:+")) link.setAttribute("href", field.dial);
  return link;
}

function copyOf(template) {
  return byId(template).content.firstElementChild.cloneNode(true);
}

function find(list, key) {
  return [...list.children].find((item) => item.dataset.key === String(key));
}

// What stands in place of an empty list, and what only makes sense beside a full one.
function showEmpties() {
  const filled = (ids) => ids.split(" ").some((id) => byId(id).children.length > 0);
  for (const note of document.querySelectorAll("[data-empty-of]")) note.hidden = filled(note.dataset.emptyOf);
  for (const part of document.querySelectorAll("[data-full-of]")) part.hidden = !filled(part.dataset.fullOf);
  for (const count of document.querySelectorAll("[data-count-of]")) {
    setText(count, String(byId(count.dataset.countOf).children.length));
  }
}

function fillPeople(list, people) {
  list.hidden = people.length === 0;
  const items = people.map((person) => {
    const item = make("li", "", person.took ? "took" : person.trying ? "trying" : "");
    item.append(make("span", person.name), " ", make("span", person.text));
    return item;
  });
  list.replaceChildren(...items);
}

// ---- the connection ---------------------------------------------------------------------------------------------

const WORDS = { live: "Live", waiting: "Reconnecting…", over: "Call over", out: "Signed out" };
const SILENCE = 40000; // ms without even a heartbeat: the connection is dead, whatever the browser thinks
const DOZE = 20000; // ms after which a page that wakes up does not trust its connection
const PATIENCE = 5000; // ms without a connection before the page says what that means
const GRACE = 3500; // ms before it says anything: every stream ends after ten minutes and is taken up again

let lostTimer = 0;

function lose() {
  lostTimer ||= setTimeout(() => showLost("waiting"), PATIENCE);
}

function show(state) {
  byId("connection").dataset.state = state;
  setText(byId("connection-text"), WORDS[state]);
  if (state === "waiting") {
    lose();
  } else {
    clearTimeout(lostTimer);
    lostTimer = 0;
    showLost(state);
  }
}

// A page that may be out of date says so where nobody can miss it.
function showLost(state) {
  const lost = byId("lost");
  if (!lost) return;
  lost.hidden = state !== "waiting" && state !== "out";
  if (state === "waiting") {
    setText(lost, "No connection. Phones ring as always, but this page may be out of date. It catches up by itself.");
  } else if (state === "out") {
    const link = make("a", "Sign in again");
    link.href = "/desk/sign-in";
    lost.replaceChildren("You are signed out, so nothing new appears here. ", link, ", or open a new link.");
  }
}

// The database is away: calls go on, what staff do may be refused.
function showSaving(delayed) {
  const notice = byId("saving");
  if ((notice.childElementCount > 0) === delayed) return;
  notice.replaceChildren(...(delayed ? byId("saving-delayed").content.cloneNode(true).childNodes : []));
}

// Follows a stream of news. `handlers`: `after` (the last line the page has), `opened()`, `news(item)`.
function follow(address, handlers) {
  let source = null;
  let last = handlers.after ?? null;
  let heard = Date.now();
  let retry = 0;
  let grace = 0;
  let live = false;
  let told = false; // whether this connection has said how saving is; one that begins with other news says that it is well
  let done = false;

  function open() {
    clearTimeout(retry);
    if (source) source.close();
    heard = Date.now();
    live = false;
    source = new EventSource(last === null ? address : `${address}?after=${last}`);
    source.onopen = () => {
      heard = Date.now();
      live = true;
      told = false;
      clearTimeout(grace);
      grace = 0;
      show("live");
      handlers.opened();
    };
    source.addEventListener("beat", () => (heard = Date.now()));
    source.onmessage = (event) => {
      heard = Date.now();
      if (event.lastEventId) last = event.lastEventId;
      const news = JSON.parse(event.data);
      if (news.type === "saving" || !told) showSaving(news.type === "saving" && news.delayed);
      told = true;
      if (news.type === "over") close("over");
      else handlers.news(news);
      showEmpties();
    };
    source.onerror = () => {
      if (done) return;
      live = false;
      missing();
      if (source.readyState === EventSource.CLOSED) refused();
    };
  }

  function missing() {
    lose();
    grace ||= setTimeout(() => !done && show("waiting"), GRACE);
  }

  function close(state) {
    done = true;
    source.close();
    show(state);
  }

  // The browser gave up: either we may not look any more, or the server is not well yet.
  async function refused() {
    const answer = await fetch(location.href, { method: "HEAD", cache: "no-store" }).catch(() => null);
    if (answer && (answer.status === 403 || answer.status === 404)) return close("out");
    if (answer && answer.status === 503) showSaving(true); // what it would catch up from is the database
    retry = setTimeout(open, 3000);
  }

  function reopen() {
    show("waiting");
    open();
  }

  // A tablet that woke up, a network that came back, a page taken out of the browser's memory: at once, not in a while.
  function wake() {
    if (!done && !document.hidden && (!live || Date.now() - heard > DOZE)) reopen();
  }

  setInterval(() => {
    if (!done && Date.now() - heard > SILENCE) reopen();
  }, 5000);
  document.addEventListener("visibilitychange", wake);
  addEventListener("online", () => !done && reopen());
  addEventListener("offline", () => !done && show("waiting"));
  addEventListener("pageshow", (event) => event.persisted && wake());
  missing();
  open();
}
