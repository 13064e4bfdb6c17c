// The same in JavaScript: takes what a flowengine receptionist posts, verifies it, shows the newest on a page.
//
//     npm ci
//     WEBHOOK_SECRET=whsec_… node receiver.mjs

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";

const MOST_BODY = 256 * 1024; // bytes
const REMEMBERED = 1000; // ids; the same event may come again for a day
const BEAT_MS = 15_000;
const HEADERS = {
  "Content-Security-Policy": "default-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
  "Cache-Control": "no-store",
};
const PAGES = {
  "/": ["page.html", "text/html; charset=utf-8"],
  "/page.js": ["page.js", "text/javascript"],
  "/page.css": ["page.css", "text/css"],
};

// With two secrets, while one replaces the other, either will do.
const secrets = (process.env.WEBHOOK_SECRET ?? "").split(/\s+/).filter(Boolean);
if (!secrets.length) {
  console.error("Set WEBHOOK_SECRET to the whsec_… that flowengine signs with (see README.md).");
  process.exit(1);
}
const webhooks = secrets.map((secret) => new Webhook(secret));
const seen = new Set();
const viewers = new Set();
let newest = "";

function verified(body, headers) {
  return webhooks.some((webhook) => {
    try {
      webhook.verify(body, headers);
      return true;
    } catch {
      return false;
    }
  });
}

async function bodyOf(request) {
  const pieces = [];
  let size = 0;
  for await (const piece of request) {
    size += piece.length;
    if (size > MOST_BODY) return null;
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8"); // the body as it came: parsing and printing it again would change it
}

// Verify, remember, answer: anything slow would have to happen after the answer.
async function take(request, response) {
  const body = await bodyOf(request);
  if (body === null) return response.writeHead(413, { Connection: "close" }).end();
  if (!verified(body, request.headers)) return response.writeHead(401).end();
  show(request.headers["webhook-id"], body.replace(/[\r\n]+/g, " "));
  response.writeHead(204).end();
}

function show(id, event) {
  if (seen.has(id)) return;
  seen.add(id);
  if (seen.size > REMEMBERED) seen.delete(seen.values().next().value);
  newest = event;
  for (const viewer of viewers) viewer.write(`data: ${newest}\n\n`);
}

function watch(request, response) {
  response.writeHead(200, { ...HEADERS, "Content-Type": "text/event-stream" });
  response.write(newest ? `data: ${newest}\n\n` : ": nothing yet\n\n");
  const beat = setInterval(() => response.write(": still here\n\n"), BEAT_MS);
  viewers.add(response);
  response.on("close", () => {
    clearInterval(beat);
    viewers.delete(response);
  });
}

async function send(response, [file, type]) {
  const content = await readFile(new URL(file, import.meta.url));
  response.writeHead(200, { ...HEADERS, "Content-Type": type }).end(content);
}

const server = createServer({ requestTimeout: 5_000 }, (request, response) => {
  const page = PAGES[request.url];
  let work;
  if (request.method === "POST" && request.url === "/hooks") work = take(request, response);
  else if (request.method === "GET" && request.url === "/events") watch(request, response);
  else if (request.method === "GET" && page) work = send(response, page);
  else response.writeHead(404).end();
  work?.catch(() => response.destroy());
});
server.listen(Number(process.env.PORT ?? 8100), process.env.HOST ?? "127.0.0.1");
