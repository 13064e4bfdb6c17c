// Shows each event as it comes. What callers said is only ever text here, never markup.
const HAPPENED = {
  "handoff.decided": "A caller is being connected to you",
  "handoff.ringing": "A phone of yours is ringing",
  "handoff.connected": "You are talking to",
  "handoff.failed": "Nobody could be reached for",
  "message.taken": "A message was left",
  "callback.requested": "Please call back",
  "call.completed": "The call is over",
};
const A_MOMENT = /^\d{4}-\d\d-\d\dT/;
const byId = (id) => document.getElementById(id);

function show({ type, data }) {
  byId("event").textContent = HAPPENED[type] ?? type;
  if (type === "call.completed") return; // the card stays
  byId("headline").textContent = data.headline ?? "";
  byId("headline").hidden = !data.headline;
  byId("summary").textContent = data.summary ?? "";
  byId("fields").replaceChildren(...pairs(data.fields).flatMap(([label, value]) => [cell("dt", label), cell("dd", value)]));
  const link = byId("link");
  link.hidden = !/^https?:\/\//.test(data.link ?? "");
  if (!link.hidden) link.href = data.link;
}

// A card's fields are a list of {label, value}; a message's are an object, with names as in the flow and moments in ISO.
function pairs(fields) {
  if (Array.isArray(fields)) return fields.map((field) => [field.label, field.value]);
  return Object.entries(fields ?? {}).map(([name, value]) => [name.replaceAll("_", " "), told(value)]);
}

function told(value) {
  return A_MOMENT.test(value) ? new Date(value).toLocaleString() : value;
}

function cell(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

new EventSource("/events").onmessage = (message) => show(JSON.parse(message.data));
