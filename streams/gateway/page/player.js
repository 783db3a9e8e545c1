// The player: a bar at the foot of the page. Films on this page are ten seconds long and say so (duration_s), so half of
// one, which is what makes a play a quality play, takes five seconds. Nothing is sped up: positions are seconds.

import { artwork } from "./artwork.js";
import { el, say, svg } from "./dom.js";

export const FILM_S = 10;
export const TRAILER_S = 5;
const GOOD_S = FILM_S / 2;
const BEAT_MS = 1_000;
const BACK_S = 3;

const ICONS = {
  stop: "M6 6h12v12H6z",
  rewind: "M11 6v12L2 12zM21 6v12l-9-6z",
  skip: "M4 6l9 6-9 6zM15 6h4v12h-4z",
  like: "M12 20 4 12a5 5 0 0 1 8-6 5 5 0 0 1 8 6z",
  dislike: "M4 10h16v4H4z",
};
const icon = (name) => svg("svg", { viewBox: "0 0 24 24", "aria-hidden": "true", class: "icon" },
  svg("path", { d: ICONS[name] }));
const round = (seconds) => Math.round(seconds * 1000) / 1000;

export class Player {
  #box;
  #tell;
  #changed;
  #now = null;
  #parts = null;
  #timer = null;

  /** `tell(type, fields, words)` takes each event; `changed(titleId or null, playing)` is called as that changes. */
  constructor(box, tell, changed) {
    this.#box = box;
    this.#tell = tell;
    this.#changed = changed;
    box.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.stop();
    });
  }

  get titleId() {
    return this.#now?.title.title_id ?? null;
  }

  /** Play a title from a place of the page; another that plays is stopped. The same one: pause or go on. */
  play(title, from) {
    if (this.titleId === title.title_id && !this.#now.over) {
      this.toggle();
      return;
    }
    this.stop();
    const seen = from.artwork_id ? from : { ...from, artwork_id: undefined };
    this.#tell("click", { title_id: title.title_id, ...seen }, `you chose ${title.name}`);
    this.#begin({ title, trailer: null, length: FILM_S, playback: `play-${crypto.randomUUID()}` });
    this.#event("playback_start", { duration_s: FILM_S, position_s: 0, ...seen }, "started");
  }

  /** Show a trailer; how much of it was watched is told at its end. */
  trailer(trailer, title) {
    this.stop();
    this.#begin({ title, trailer, length: TRAILER_S, playback: null });
  }

  toggle() {
    const now = this.#now;
    if (!now || now.over) return;
    this.#settle();
    now.playing = !now.playing;
    if (!now.trailer) {
      if (!now.playing) this.#position("playback_pause", "paused");
      this.#changed(this.titleId, now.playing);
      if (now.playing) this.#position("playback_resume", "went on with");
    }
    this.#draw();
  }

  rewind() {
    const now = this.#now;
    if (!now || now.over || now.trailer) return;
    this.#settle();
    const to = Math.max(0, now.position - BACK_S);
    this.#event("playback_seek", { from_s: round(now.position), to_s: round(to) }, "rewound");
    now.position = to;
    this.#draw();
  }

  skip() {
    const now = this.#now;
    if (!now) return;
    this.#settle();
    if (!now.over && !now.trailer) this.#position("playback_skip", "skipped");
    this.#close();
  }

  stop() {
    const now = this.#now;
    if (!now) return;
    this.#settle();
    if (now.trailer) this.#trailerOver();
    else if (!now.over) this.#position("playback_stop", "stopped");
    this.#close();
  }

  rate(value) {
    const now = this.#now;
    if (!now || now.trailer) return;
    this.#tell("rating", { title_id: this.titleId, value }, `you rated ${now.title.name}`);
    say(this.#parts.status, value > 0 ? "Liked." : "Disliked.");
  }

  #begin(now) {
    this.#now = { ...now, position: 0, playing: true, over: false, since: performance.now(), beat: 0, good: false };
    this.#changed(now.trailer ? null : now.title.title_id, !now.trailer);
    this.#build();
    this.#timer = setInterval(() => this.#tick(), 100);
  }

  #tick() {
    const now = this.#now;
    this.#settle();
    if (now.playing && !now.trailer && !now.over) {
      // A heartbeat a second; the one at half time is the one that makes it a good play.
      const good = !now.good && now.position >= GOOD_S;
      if (now.position >= now.length) {
        now.position = now.length;
        this.#event("playback_complete", {}, "finished");
        this.#end("Watched to the end.");
      } else if (good || performance.now() - now.beat > BEAT_MS) {
        now.good ||= good;
        now.beat = performance.now();
        this.#position("playback_progress", good ? "watched half of" : "went on watching");
      }
    } else if (now.trailer && !now.over && now.position >= now.length) {
      this.#trailerOver();
      this.#end("That was the trailer.");
    }
    this.#draw();
  }

  /** Bring the position up to this moment. */
  #settle() {
    const now = this.#now;
    const at = performance.now();
    if (now.playing && !now.over) now.position = Math.min(now.length, now.position + (at - now.since) / 1000);
    now.since = at;
  }

  #event(type, fields, what) {
    const { title, playback } = this.#now;
    this.#tell(type, { playback_id: playback, title_id: title.title_id, ...fields }, `you ${what} ${title.name}`);
  }

  #position(type, what) {
    this.#event(type, { position_s: round(this.#now.position) }, what);
  }

  #trailerOver() {
    const { trailer, title, position, over } = this.#now;
    if (over) return;
    const watched = { trailer_id: trailer, title_id: title.title_id, watched_s: round(position) };
    this.#tell("trailer_view", watched, `you saw the trailer of ${title.name}`);
  }

  #end(words) {
    const now = this.#now;
    now.over = true;
    now.playing = false;
    this.#changed(null, false);
    say(this.#parts.status, words);
    setTimeout(() => this.#now === now && this.#close(), 2_500);
  }

  #close() {
    clearInterval(this.#timer);
    const focused = this.#box.contains(document.activeElement);
    const titleId = this.titleId;
    this.#now = null;
    this.#box.hidden = true;
    this.#box.replaceChildren();
    document.body.classList.remove("with-player");
    this.#changed(null, false);
    if (focused) document.querySelector(`button.title[data-title="${CSS.escape(titleId)}"]`)?.focus();
  }

  #build() {
    const { title, trailer } = this.#now;
    const button = (words, act, symbol) =>
      el("button", { type: "button", onclick: act }, icon(symbol), el("span", { class: "words" }, words));
    const status = el("p", { class: "player-status", role: "status" });
    const toggle = el("button", { type: "button", class: "primary", onclick: () => this.toggle() }, "Pause");
    const done = el("span", { class: "done" });
    const bar = el(
      "div",
      { class: "bar", role: "progressbar", "aria-label": "Watched", "aria-valuemin": "0", "aria-valuemax": "100" },
      done, trailer ? null : el("span", { class: "half" }),
    );
    const buttons = trailer
      ? [toggle, button("Close", () => this.stop(), "stop")]
      : [
          toggle,
          button("Rewind", () => this.rewind(), "rewind"),
          button("Skip", () => this.skip(), "skip"),
          button("Stop", () => this.stop(), "stop"),
          button("Like", () => this.rate(1), "like"),
          button("Dislike", () => this.rate(-1), "dislike"),
        ];
    this.#parts = { status, toggle, done, bar };
    this.#box.replaceChildren(
      el("div", { class: "player-art" }, artwork(trailer ?? title.artwork_id ?? title.title_id)),
      el("div", { class: "player-main" },
        el("p", { class: "player-name" }, trailer ? `Trailer: ${title.name}` : title.name), bar, status),
      el("div", { class: "player-buttons" }, ...buttons),
    );
    this.#box.hidden = false;
    document.body.classList.add("with-player");
    this.#draw();
  }

  #draw() {
    const now = this.#now;
    if (!now) return;
    const share = now.position / now.length;
    this.#parts.done.style.width = `${share * 100}%`;
    this.#parts.bar.setAttribute("aria-valuenow", String(Math.round(share * 20) * 5));
    this.#parts.bar.classList.toggle("good", now.position >= GOOD_S && !now.trailer);
    this.#parts.toggle.disabled = now.over;
    say(this.#parts.toggle, now.playing || now.over ? "Pause" : "Play");
    if (now.over || now.trailer) return;
    const words = now.good
      ? "Half of it watched: this counts as a good play."
      : now.playing
        ? "Half of it makes a good play."
        : "Paused.";
    if (!/^(Liked|Disliked)/.test(this.#parts.status.textContent) || now.good) say(this.#parts.status, words);
  }
}
