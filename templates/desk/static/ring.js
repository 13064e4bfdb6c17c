// A gentle sound and a notification when a phone is about to ring: once for each hand-off on this device, and only
// where somebody asked for it. What is remembered stays in this browser.
"use strict";

const Ring = (() => {
  const RUNG = "flowengine.rung";
  const WANTED = "flowengine.ring";
  const KEPT = 60; // hand-offs that have rung here
  const SPREADING = 5000; // ms until every page surely sees what one has remembered
  const LABELS = {
    off: "Ring on this device",
    on: "Rings on this device",
    asleep: "Tap anywhere so that it can ring",
  };
  const fallback = {}; // where the browser keeps nothing for us

  let sound = null;
  let button = null;

  function recall(name) {
    try {
      return localStorage.getItem(name) ?? fallback[name] ?? "";
    } catch {
      return fallback[name] ?? "";
    }
  }

  function remember(name, value) {
    fallback[name] = value;
    try {
      localStorage.setItem(name, value);
    } catch {
      // a private window, or no room: this page remembers it as long as it is open
    }
  }

  const wanted = () => recall(WANTED) === "yes";

  // Whether no page on this device has rung for it yet; several may be open. What one page remembers reaches the others
  // a little later, so a page that rings also holds the hand-off's lock for as long as that may take.
  function first(key) {
    const take = () => {
      const rung = recall(RUNG).split(" ").filter(Boolean);
      if (rung.includes(key)) return false;
      remember(RUNG, [...rung, key].slice(-KEPT).join(" "));
      return true;
    };
    if (!navigator.locks) return Promise.resolve(take());
    return new Promise((answer) => {
      navigator.locks.request(`flowengine.ring ${key}`, { ifAvailable: true }, (lock) => {
        const taken = lock !== null && take();
        answer(taken);
        return taken ? new Promise((done) => setTimeout(done, SPREADING)) : undefined;
      });
    });
  }

  // ---- the sound: two soft notes, twice -----------------------------------------------------------------------------

  // Browsers let a page sound only after somebody has touched it: until then this waits.
  async function wake() {
    const Context = window.AudioContext ?? window.webkitAudioContext;
    if (!Context) return;
    sound ??= Object.assign(new Context(), { onstatechange: label });
    if (sound.state !== "running") await sound.resume();
    label();
  }

  function note(pitch, start, seconds) {
    const tone = sound.createOscillator();
    const loud = sound.createGain();
    tone.frequency.value = pitch;
    loud.gain.setValueAtTime(0, start);
    loud.gain.linearRampToValueAtTime(0.16, start + 0.03);
    loud.gain.exponentialRampToValueAtTime(0.001, start + seconds);
    tone.connect(loud).connect(sound.destination);
    tone.start(start);
    tone.stop(start + seconds);
  }

  function chime() {
    if (!sound || sound.state !== "running") return;
    for (const again of [0, 1.1]) {
      note(659.3, sound.currentTime + again, 0.7);
      note(523.3, sound.currentTime + again + 0.28, 0.8);
    }
  }

  function notify(key, text) {
    if (!("Notification" in window) || Notification.permission !== "granted") return;
    try {
      const shown = new Notification(text, { tag: key, icon: "/desk/static/icon_waiting.svg", silent: true });
      shown.onclick = () => {
        window.focus();
        shown.close();
      };
    } catch {
      // some phones show notifications only from a service worker; the sound and the page say it too
    }
  }

  // ---- the button --------------------------------------------------------------------------------------------------

  function label() {
    const state = !wanted() ? "off" : sound && sound.state === "running" ? "on" : "asleep";
    button.dataset.state = state;
    button.setAttribute("aria-pressed", String(state !== "off"));
    setText(button, LABELS[state]);
  }

  async function pressed() {
    const turnOn = button.dataset.state !== "on";
    remember(WANTED, turnOn ? "yes" : "no");
    label();
    if (!turnOn) return;
    if ("Notification" in window && Notification.permission === "default") Notification.requestPermission();
    await wake();
    chime(); // so that it is known what to listen for
  }

  return {
    // Nothing is asked and nothing sounds before somebody presses the button.
    start(element) {
      button = element;
      button.hidden = false;
      button.addEventListener("click", pressed);
      const touched = (event) => {
        if (wanted() && button.dataset.state === "asleep" && !button.contains(event.target)) wake();
      };
      for (const kind of ["click", "keydown"]) document.addEventListener(kind, touched, true);
      label();
      if (wanted()) wake(); // some browsers let a page sound that has done so before
    },

    async about(key, text) {
      if (!wanted() || !(await first(key))) return;
      chime();
      notify(key, text);
    },
  };
})();
