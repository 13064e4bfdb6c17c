// One hand-off, live: the card, what is being said, and what staff do about it. Shared tools are in desk.js.
"use strict";

function followHandoff(page) {
  const card = byId("card");
  const lines = byId("lines");
  const partials = byId("partials");

  // ---- what is being said ---------------------------------------------------------------------------------------

  // Who has scrolled to the newest line stays there; who reads the card is left alone.
  function keepingPlace(change) {
    const root = document.documentElement;
    const following = root.scrollTop > 0 && root.scrollHeight - root.scrollTop - root.clientHeight < 48;
    change();
    if (following) root.scrollTop = root.scrollHeight;
  }

  // Who opens the page in the middle of a long call is one tap away from what is being said now.
  function watchNewest() {
    const button = byId("to-newest");
    button.addEventListener("click", () => {
      document.documentElement.scrollTop = document.documentElement.scrollHeight;
      byId("newest").focus({ preventScroll: true }); // the button goes
    });
    const looked = (seen) => {
      const last = seen[seen.length - 1];
      button.hidden = last.isIntersecting || last.boundingClientRect.top < 0;
    };
    new IntersectionObserver(looked, { rootMargin: "0px 0px 100% 0px" }).observe(byId("newest")); // a screen away
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

  // ---- the card -------------------------------------------------------------------------------------------------

  function showCard(view) {
    card.dataset.tone = view.tone;
    fill(card, view);
    byId("recording").hidden = !view.recording;
    if (view.recording) byId("recording").firstElementChild.href = view.recording;
    byId("tried").hidden = view.people.length === 0;
    fillPeople(card.querySelector(".people"), view.people);
    showDeciders(view.deciders);
    showWrapUp(view);
  }

  function ended() {
    if (!lines) return;
    partials.replaceChildren();
    byId("end").hidden = false;
    byId("to-newest").parentElement.hidden = true;
    const silence = document.querySelector('[data-empty-of="lines partials"]');
    if (silence.textContent.startsWith("Nothing yet")) setText(silence, "Nothing was said.");
    if (byId("transcript-title").textContent === "What is being said") setText(byId("transcript-title"), "What was said");
  }

  // ---- take it or not -------------------------------------------------------------------------------------------

  const deciders = byId("deciders");

  // What is being filled in stays; only who is not asked any more goes.
  function showDeciders(views) {
    const wanted = new Set(views.map((view) => view.person));
    for (const item of [...deciders.children]) if (!wanted.has(item.dataset.key)) leave(item);
    for (const view of views) {
      const known = find(deciders, view.person);
      if (known) decider(known, view);
      else deciders.append(decider(copyOf("decider"), view));
    }
    const order = views.map((view) => find(deciders, view.person)); // who has picked up stands first
    const moved = order.some((item, at) => item !== deciders.children[at]);
    if (moved && !deciders.contains(document.activeElement)) deciders.append(...order);
  }

  function decider(item, view) {
    const changed = item.dataset.key !== view.person || "answered" in item.dataset !== view.answered;
    item.dataset.key = view.person;
    item.toggleAttribute("data-answered", view.answered);
    fill(item, view);
    for (const field of item.querySelectorAll('[name="person"]')) field.value = view.person;
    item.querySelector(".take").hidden = !view.answered;
    setText(item.querySelector(".hint"), view.answered ? "Or press 1 on the phone." : "Pick it up, then press 1 or take the call here.");
    if (changed) free(item);
    return item;
  }

  function leave(item) {
    const focused = item.contains(document.activeElement);
    item.remove();
    if (focused) card.querySelector(".headline").focus({ preventScroll: true });
  }

  // ---- afterwards -----------------------------------------------------------------------------------------------

  const wrapUp = byId("wrap-up");

  // Once the call is over this is what is left to do: it moves up, unless somebody is at it.
  function showWrapUp(view) {
    wrapUp.hidden = !(view.over || view.talked);
    setText(byId("wrap-up-title"), view.over ? "How did it go?" : "When you are done");
    const pairs = card.querySelector(".pairs");
    if (view.over && wrapUp.nextElementSibling !== pairs && !wrapUp.contains(document.activeElement)) pairs.before(wrapUp);
  }

  function showAfterwards(view) {
    for (const question of wrapUp.querySelectorAll("[data-question]")) {
      for (const answer of question.querySelectorAll("button")) {
        answer.setAttribute("aria-pressed", String(answer.value === view[question.dataset.question]));
      }
    }
    setText(byId("wrapped-by"), view.by ? `Saved: ${view.by}` : "");
    free(wrapUp);
    const notes = byId("notes");
    if (notes.children.length > view.notes.length) notes.replaceChildren();
    for (const note of view.notes.slice(notes.children.length)) {
      const item = make("li", "");
      item.append(make("p", note.text, "said"), make("p", note.by, "soft"));
      notes.append(item);
    }
  }

  // ---- sending --------------------------------------------------------------------------------------------------

  // Nothing is shown as done before the call or the store says so: the answer comes as news.
  async function send(event) {
    event.preventDefault();
    const form = event.target;
    const part = form.closest("section");
    const asked = event.submitter?.closest("fieldset") ?? part; // two answers may be on their way at once
    if (asked.hasAttribute("data-sending")) return;
    const fields = new URLSearchParams(new FormData(form));
    if (event.submitter?.name) fields.set(event.submitter.name, event.submitter.value);
    hold(part, asked, event.submitter);
    const asking = { method: "POST", body: fields, redirect: "manual", signal: AbortSignal.timeout(ANSWER) };
    const answer = await fetch(form.action, asking).catch(() => null);
    if (answer?.type === "opaqueredirect") taken(part, form);
    else trouble(part, refusal(part, form, answer?.status));
  }

  function refusal(part, form, status) {
    const note = form.id === "noting";
    if (status === 403) return `You are signed out. ${note ? "Copy what you wrote, then open" : "Open"} a new link or sign in, and try again.`;
    if (part.matches(".decider")) return "That did not get through. Please try again, or use the keys of the phone.";
    const kept = note ? " What you wrote is still here." : "";
    if (status === 503) return `Not saved: saving is delayed right now.${kept} Please try again in a minute.`;
    return `That did not get through.${kept} Please try again.`;
  }

  function taken(part, form) {
    if (form.id === "noting") {
      form.reset();
      free(part);
      return;
    }
    part.waiting = setTimeout(() => {
      trouble(part, part.matches(".decider") ? "Still waiting for the phone system. The keys of the phone work too." : "");
    }, WAIT);
  }

  function hold(part, asked, button) {
    asked.setAttribute("data-sending", "");
    part.querySelector(".trouble").hidden = true;
    if (!button) return;
    button.setAttribute("aria-disabled", "true");
    if (button.dataset.wait) {
      button.dataset.says = button.textContent;
      button.textContent = button.dataset.wait;
    }
  }

  function free(part) {
    clearTimeout(part.waiting);
    for (const asked of [part, ...part.querySelectorAll("fieldset")]) asked.removeAttribute("data-sending");
    part.querySelector(".trouble").hidden = true;
    for (const button of part.querySelectorAll('[aria-disabled="true"]')) {
      button.removeAttribute("aria-disabled");
      if (button.dataset.says) button.textContent = button.dataset.says;
    }
  }

  function trouble(part, words) {
    free(part);
    const said = part.querySelector(".trouble");
    setText(said, words);
    said.hidden = words === "";
  }

  page.addEventListener("submit", send);
  if (lines) watchNewest();

  follow(page.dataset.events, {
    after: page.dataset.after,
    opened: () => partials && partials.replaceChildren(),
    news: (news) => {
      if (news.type === "card") showCard(news.card);
      else if (news.type === "afterwards") showAfterwards(news.afterwards);
      else if (news.type === "ended") ended();
      else if (lines) keepingPlace(() => (news.type === "gap" ? gap(news) : news.type === "line" && (news.final ? final : partial)(news)));
    },
  });
}

followHandoff(byId("handoff"));
