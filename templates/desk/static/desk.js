// Live updates for the desk. The server says what to show; here it is only put in place, always as text.
"use strict";

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

function showEmpties() {
  for (const note of document.querySelectorAll("[data-empty-of]")) {
    note.hidden = note.dataset.emptyOf.split(" ").some((id) => byId(id).children.length > 0);
  }
}

// ---- the connection ---------------------------------------------------------------------------------------------

const WORDS = { live: "Live", waiting: "Reconnecting…", over: "Call over", out: "Signed out: open a new link" };
const SILENCE = 40000; // ms without even a heartbeat: the connection is dead, whatever the browser thinks

function show(state) {
  byId("connection").dataset.state = state;
  setText(byId("connection-text"), WORDS[state]);
}

function follow(address, handlers) {
  let source = null;
  let last = handlers.after ?? null;
  let heard = Date.now();
  let retry = 0;
  let done = false;

  function open() {
    clearTimeout(retry);
    if (source) source.close();
    heard = Date.now();
    source = new EventSource(last === null ? address : `${address}?after=${last}`);
    source.onopen = () => {
      heard = Date.now();
      show("live");
      handlers.opened();
    };
    source.addEventListener("beat", () => (heard = Date.now()));
    source.onmessage = (event) => {
      heard = Date.now();
      if (event.lastEventId) last = event.lastEventId;
      const news = JSON.parse(event.data);
      if (news.type === "over") close("over");
      else handlers.news(news);
      showEmpties();
    };
    source.onerror = () => {
      if (done) return;
      show("waiting");
      if (source.readyState === EventSource.CLOSED) refused();
    };
  }

  function close(state) {
    done = true;
    source.close();
    show(state);
  }

  // The browser gave up: either we may not look any more, or the server is not well yet.
  async function refused() {
    const answer = await fetch(location.href, { method: "HEAD", cache: "no-store" }).catch(() => null);
    if (answer && (answer.status === 403 || answer.status === 404)) close("out");
    else retry = setTimeout(open, 3000);
  }

  setInterval(() => {
    if (!done && Date.now() - heard > SILENCE) {
      show("waiting");
      open();
    }
  }, 5000);
  document.addEventListener("visibilitychange", () => {
    if (!done && !document.hidden && Date.now() - heard > SILENCE / 2) open(); // a tablet that woke up
  });
  show("waiting");
  open();
}

// ---- the list of an office --------------------------------------------------------------------------------------

function followList(page) {
  const now = byId("now");
  const past = byId("past");
  const talking = byId("talking");
  const work = byId("work");
  const title = document.title;

  function place(list, item) {
    const order = item.dataset.order ?? "";
    const next = [...list.children].find((other) => other !== item && (other.dataset.order ?? "") <= order);
    if (item.parentElement !== list || item.nextElementSibling !== (next ?? null)) list.insertBefore(item, next ?? null);
  }

  function handoff(view, quietly) {
    const known = find(now, view.handoff) ?? find(past, view.handoff);
    const item = known ?? copyOf("handoff-item");
    const before = item.querySelector('[data-text="status_text"]').textContent;
    Object.assign(item.dataset, { key: view.handoff, call: view.call_id, tone: view.tone, order: view.decided });
    item.querySelector("a").setAttribute("href", view.href);
    fill(item, view);
    place(view.live ? now : past, item);
    if (view.live) drop(talking, view.call_id);
    else if (view.back) talk({ call_id: view.call_id, caller: view.caller, time: view.time });
    if (!known && !quietly) item.classList.add("fresh");
    if (!quietly && before !== view.status_text) setText(byId("announcement"), `${view.status_text}: ${view.headline}`);
  }

  function drop(list, call) {
    for (const item of [...list.children]) if (item.dataset.call === call) item.remove();
  }

  function ended(call) {
    drop(talking, call);
    for (const item of [...now.children]) {
      if (item.dataset.call !== call) continue;
      item.dataset.tone = "over";
      setText(item.querySelector('[data-text="status_text"]'), "Over");
      place(past, item);
    }
  }

  function talk(view) {
    const known = find(talking, view.call_id);
    const item = known ?? copyOf("talking-item");
    Object.assign(item.dataset, { key: view.call_id, call: view.call_id });
    fill(item, view);
    if (!known) talking.prepend(item);
  }

  function todo(view) {
    const known = find(work, view.work);
    const item = known ?? copyOf("work-item");
    item.dataset.key = view.work;
    fill(item, view);
    if (!known) work.prepend(item);
  }

  function all(news) {
    for (const view of news.handoffs) handoff(view, true);
    for (const view of [...news.work].reverse()) todo(view);
    const running = new Set(news.talking.map((view) => view.call_id));
    for (const item of [...talking.children]) if (!running.has(item.dataset.call)) item.remove();
    for (const view of [...news.talking].reverse()) talk(view);
  }

  follow(page.dataset.events, {
    opened: () => {},
    news: (news) => {
      if (news.type === "now") all(news);
      else if (news.type === "handoff") handoff(news.handoff, false);
      else if (news.type === "work") todo(news.work);
      else if (news.type === "talking") talk(news.call);
      else if (news.type === "ended") ended(news.call_id);
      document.title = now.children.length ? `(${now.children.length}) ${title}` : title;
    },
  });
}

// ---- one hand-off -----------------------------------------------------------------------------------------------

function followHandoff(page) {
  const card = byId("card");
  const lines = byId("lines");
  const partials = byId("partials");

  // Who has scrolled to the newest line stays there; who reads the card is left alone.
  function keepingPlace(change) {
    const root = document.documentElement;
    const following = root.scrollTop > 0 && root.scrollHeight - root.scrollTop - root.clientHeight < 48;
    change();
    if (following) root.scrollTop = root.scrollHeight;
  }

  function line(view) {
    const item = copyOf("line-item");
    item.dataset.speaker = view.speaker;
    fill(item, view);
    return item;
  }

  function partial(view) {
    for (const old of [...partials.children]) if (old.dataset.speaker === view.speaker) old.remove();
    if (!view.text) return;
    const item = line(view);
    item.dataset.turn = view.turn;
    partials.append(item);
  }

  function final(view) {
    const spoken = [...partials.children].filter((item) => item.dataset.speaker === view.speaker);
    const same = spoken.filter((item) => item.dataset.turn === view.turn);
    for (const item of same.length ? same : spoken) item.remove();
    add(view, line(view));
  }

  function gap(view) {
    const item = make("li", "", "gap");
    item.append(make("span", view.text));
    add(view, item);
  }

  function add(view, item) {
    if (find(lines, view.id)) return;
    item.dataset.key = view.id;
    lines.append(item);
  }

  function showCard(view) {
    card.dataset.tone = view.tone;
    fill(card, view);
    byId("recording").hidden = !view.recording;
    if (view.recording) byId("recording").firstElementChild.href = view.recording;
    byId("tried").hidden = view.people.length === 0;
    const people = view.people.map((person) => {
      const item = make("li", "", person.took ? "took" : "");
      item.append(make("span", person.name), " ", make("span", person.text));
      return item;
    });
    card.querySelector(".people").replaceChildren(...people);
  }

  function ended() {
    if (partials) partials.replaceChildren();
    if (byId("end")) byId("end").hidden = false;
  }

  follow(page.dataset.events, {
    after: page.dataset.after,
    opened: () => partials && partials.replaceChildren(),
    news: (news) => {
      if (news.type === "card") showCard(news.card);
      else if (news.type === "ended") ended();
      else if (lines) keepingPlace(() => (news.type === "gap" ? gap(news) : news.type === "line" && (news.final ? final : partial)(news)));
    },
  });
}

if (byId("list")) followList(byId("list"));
if (byId("handoff")) followHandoff(byId("handoff"));
