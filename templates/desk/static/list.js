// The list of an office: keeps what is shown as the server says it is, counts the waiting, marks work as done, searches.
"use strict";

const page = byId("list");
const now = byId("now");
const past = byId("past");
const earlier = byId("earlier");
const talking = byId("talking");
const work = byId("work");
const done = byId("done");
const found = byId("found");
const title = document.title;
const seenWaiting = new Set([...now.children].filter(isWaiting).map((item) => item.dataset.key));

function isWaiting(item) {
  return "waiting" in item.dataset;
}

function flag(item, name, on) {
  if (on) item.dataset[name] = "";
  else delete item.dataset[name];
}

// The greatest order first.
function place(list, item) {
  const order = Number(item.dataset.order);
  const next = [...list.children].find((other) => other !== item && Number(other.dataset.order) <= order) ?? null;
  if (item.parentElement !== list || item.nextElementSibling !== next) list.insertBefore(item, next);
}

function drop(lists, key) {
  for (const list of lists) find(list, key)?.remove();
}

function keepOnly(list, keys) {
  for (const item of [...list.children]) if (!keys.has(item.dataset.key)) item.remove();
}

// ---- the clocks -----------------------------------------------------------------------------------------------------

let ahead = 0; // ms by which the server's clock is ahead of this device's

function setClock(seconds) {
  ahead = seconds * 1000 - Date.now();
}

function stopwatch(seconds) {
  const all = Math.max(0, Math.floor(seconds));
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(all / 3600), Math.floor(all / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(all % 60)}` : `${minutes}:${two(all % 60)}`;
}

function tick() {
  const time = (Date.now() + ahead) / 1000;
  for (const element of document.querySelectorAll("[data-since]")) {
    const since = Number(element.dataset.since);
    if (since && element.offsetParent) setText(element, stopwatch(time - since));
  }
  for (const element of document.querySelectorAll("[data-due]")) {
    const due = Number(element.dataset.due);
    flag(element.closest(".item"), "late", due > 0 && due < time);
  }
}

// ---- what is shown ------------------------------------------------------------------------------------------------

function fillHandoff(item, view) {
  Object.assign(item.dataset, { key: view.handoff, call: view.call_id, tone: view.tone, order: view.order });
  flag(item, "waiting", view.waiting);
  flag(item, "today", view.today);
  item.querySelector(".headline a").setAttribute("href", view.href);
  item.querySelector(".waited").hidden = !view.waiting;
  item.querySelector("[data-since]").dataset.since = view.since;
  fillPeople(item.querySelector("[data-people]"), view.people);
  fill(item, view);
}

function handoff(view, quietly) {
  const known = find(now, view.handoff) ?? find(past, view.handoff) ?? find(earlier, view.handoff);
  const item = known ?? copyOf("handoff-item");
  const before = item.querySelector('[data-text="status_text"]').textContent;
  fillHandoff(item, view);
  place(view.live ? now : view.today ? past : earlier, item);
  const result = find(found, view.handoff);
  if (result) fillHandoff(result, view);
  if (view.live) drop([talking], view.call_id);
  else if (view.back) talk(view);
  if (!known && !quietly) item.classList.add("fresh");
  if (!quietly && before !== view.status_text) setText(byId("announcement"), `${view.status_text}: ${view.headline}`);
  if (view.waiting && !seenWaiting.has(view.handoff)) {
    seenWaiting.add(view.handoff);
    Ring.about(view.handoff, view.notice);
  }
}

function ended(call) {
  drop([talking], call);
  for (const item of [...now.children]) {
    if (item.dataset.call !== call) continue;
    item.dataset.tone = "over";
    flag(item, "waiting", false);
    item.querySelector(".waited").hidden = true;
    setText(item.querySelector('[data-text="status_text"]'), "Over");
    item.dataset.order = item.querySelector("[data-since]").dataset.since;
    place("today" in item.dataset ? past : earlier, item);
  }
}

function talk(view) {
  const item = find(talking, view.call_id) ?? copyOf("talking-item");
  Object.assign(item.dataset, { key: view.call_id, call: view.call_id, order: view.since });
  item.querySelector("[data-since]").dataset.since = view.since;
  fill(item, view);
  place(talking, item);
}

function fillWork(item, view) {
  Object.assign(item.dataset, { key: view.work, tone: view.done ? "over" : "task", order: view.order });
  flag(item, "done", view.done);
  fill(item, view);
  item.querySelector(".promised").hidden = !view.promised;
  item.querySelector("[data-due]").dataset.due = view.due;
  item.querySelector(".done-by").hidden = !view.done;
  item.querySelector(".mark").setAttribute("action", `/desk/work/${encodeURIComponent(view.work)}`);
  item.querySelector('[name="done"]').value = view.done ? "0" : "1";
  item.querySelector("button").disabled = false;
  setText(item.querySelector("[data-mark]"), view.done ? "Not done after all" : "Done");
  const listen = item.querySelector(".listen");
  listen.hidden = !view.listen;
  if (view.listen.startsWith("https://")) listen.href = view.listen;
}

function todo(view) {
  const item = find(work, view.work) ?? find(done, view.work) ?? copyOf("work-item");
  fillWork(item, view);
  place(view.done ? done : work, item);
  const result = find(found, view.work);
  if (result) fillWork(result, view);
}

function alerts(texts) {
  byId("alerts").replaceChildren(...texts.map((text) => make("li", text)));
}

// All that is so: what is not in it is over, but for older calls, which somebody asked to see. From the last to the
// first, for of two things of the same moment the one placed later stands above.
function all(news) {
  const handoffs = new Set(news.handoffs.map((view) => view.handoff));
  for (const list of [now, past]) keepOnly(list, handoffs);
  for (const list of [work, done]) keepOnly(list, new Set([...news.work, ...news.done].map((view) => view.work)));
  keepOnly(talking, new Set(news.talking.map((view) => view.call_id)));
  several(news);
}

// What changed while there was no connection.
function since(news) {
  for (const key of news.gone.handoffs) drop([now, past, earlier, found], key);
  for (const key of news.gone.work) drop([work, done, found], key);
  for (const key of news.gone.talking) drop([talking], key);
  several(news);
}

function several(news) {
  setClock(news.clock);
  if (news.alerts) alerts(news.alerts);
  for (const view of [...news.handoffs].reverse()) handoff(view, true);
  for (const view of [...news.work, ...(news.done ?? [])].reverse()) todo(view);
  for (const view of [...news.talking].reverse()) talk(view);
}

// The tab itself says that somebody waits.
function badge() {
  const waiting = [...now.children].filter(isWaiting).length;
  document.title = waiting ? `(${waiting}) Caller waiting · ${title}` : title;
  byId("icon").href = waiting ? "/desk/static/icon_waiting.svg" : "/desk/static/icon.svg";
}

function news(item) {
  if (item.type === "now") all(item);
  else if (item.type === "since") since(item);
  else if (item.type === "handoff") handoff(item.handoff, false);
  else if (item.type === "gone") drop([now, past, earlier, found], item.handoff);
  else if (item.type === "elsewhere") drop([talking], item.call_id);
  else if (item.type === "work") todo(item.work);
  else if (item.type === "talking") talk(item.call);
  else if (item.type === "ended") ended(item.call_id);
  tick();
  badge();
}

// ---- what staff do ------------------------------------------------------------------------------------------------

// A form's answer as values; null when it could not be sent or was refused.
async function sent(form) {
  const headers = { Accept: "application/json" };
  const body = new URLSearchParams(new FormData(form));
  const asking = { method: "POST", headers, body, redirect: "error", signal: AbortSignal.timeout(ANSWER) };
  const answer = await fetch(form.action, asking).catch(() => null);
  return answer && answer.ok ? answer.json().catch(() => null) : null;
}

async function mark(form) {
  const item = form.closest(".item");
  const button = form.querySelector("button");
  const [list, place_] = [item.parentElement, [...item.parentElement.children].indexOf(item)];
  button.disabled = true;
  const view = await sent(form);
  button.disabled = false;
  if (view === null) return setText(form.querySelector("[data-mark]"), "Not saved. Try again");
  todo(view);
  showEmpties();
  setText(byId("announcement"), view.done_text || `${view.kind} is to be done again`);
  if (list === found) return button.focus();
  const next = list.children[Math.min(place_, list.children.length - 1)];
  (next?.querySelector("button") ?? byId("work-title")).focus(); // the place in the list is kept, not the item
}

async function search(form) {
  if (!byId("q").value.trim()) return closeSearch();
  const results = await sent(form);
  const items = (results?.work ?? []).map((view) => filled("work-item", fillWork, view));
  items.push(...(results?.handoffs ?? []).map((view) => filled("handoff-item", fillHandoff, view)));
  found.replaceChildren(...items);
  byId("results").hidden = false;
  setText(byId("results-title"), results ? results.text : "The search did not work. Please try again.");
  showEverything(false);
  tick();
}

function filled(template, filler, view) {
  const item = copyOf(template);
  filler(item, view);
  return item;
}

function closeSearch() {
  byId("q").value = "";
  found.replaceChildren();
  byId("results").hidden = true;
  showEverything(true);
}

function showEverything(yes) {
  for (const part of document.querySelectorAll('[data-while="everything"]')) part.hidden = !yes;
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches(".mark, #search")) return;
  event.preventDefault();
  if (form.id === "search") search(form);
  else mark(form);
});

byId("close-search").addEventListener("click", (event) => {
  event.preventDefault();
  closeSearch();
  byId("q").focus();
});

setClock(Number(page.dataset.clock));
setInterval(tick, 1000);
Ring.start(byId("sound"));
badge();
follow(page.dataset.events, { opened: () => {}, news });
