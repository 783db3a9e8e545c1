// Tells decisions: the line above the rows, the list at the side, and the announcements for screen readers.

import { byId, el, say } from "./dom.js";
import { flash } from "./motion.js";
import { bestExplained, duration, moves, percent, rowReason, titleReason } from "./words.js";

const FEED = 12;
const ANNOUNCE_EVERY_MS = 1_500;

export class Story {
  #names;
  #pending = null;
  #last = 0;

  /** `names.row(id)` and `names.title(id)` give names; `names.you()` is true for the visitor's own page. */
  constructor(names) {
    this.#names = names;
  }

  /** A decision about the viewer of the page; `cause` is what the visitor did (`ms` ago), or null. */
  tell(topic, record, cause) {
    const sentence = this.#sentence(topic, record, cause?.row);
    if (!sentence) return;
    const after = cause ? `${duration(cause.ms)} after ${cause.words ?? "you clicked"}` : "";
    const feed = byId("feed");
    feed.prepend(el("li", {}, cause ? el("span", { class: "ms" }, duration(cause.ms)) : null,
      el("span", {}, sentence.words + (sentence.why ? `, because ${sentence.why}` : "") + ".")));
    while (feed.children.length > FEED) feed.lastChild.remove();
    if (topic !== "row-order") return;
    const words = `${sentence.words}${sentence.why ? `, because ${sentence.why}` : ""}.`;
    say(byId("move-ms"), cause ? duration(cause.ms) : "new order");
    say(byId("move-words"), after ? `${words} Decided ${after}.` : words);
    byId("move").hidden = false;
    flash(byId("move"), "fresh");
    this.announce(after ? `${words} ${after}.` : words);
  }

  /** Say something to screen readers; of what comes close together only the last is said. */
  announce(words) {
    const first = this.#pending === null;
    this.#pending = words;
    if (!first) return;
    const wait = Math.max(0, this.#last + ANNOUNCE_EVERY_MS - performance.now());
    setTimeout(() => {
      const box = byId("announcer");
      box.append(el("p", {}, this.#pending));
      while (box.children.length > 5) box.firstChild.remove();
      this.#pending = null;
      this.#last = performance.now();
    }, wait);
  }

  forget() {
    byId("feed").replaceChildren();
    byId("move").hidden = true;
  }

  /** `touched` is the row that the visitor did something with: it is what they look at. */
  #sentence(topic, record, touched) {
    const you = this.#names.you();
    if (topic === "row-order") {
      const moved = moves(record.previous, record.rows);
      const best = moved.find((move) => move.rowId === touched) ?? bestExplained(moved, record.reasons);
      if (!best) return { words: `The page begins with ${this.#names.row(record.rows[0])}` };
      const up = best.before - best.after;
      const why = record.reasons.find((reason) => reason.row_id === best.rowId && reason.contribution * up > 0);
      const others = moved.length - 1;
      return {
        words: `${this.#names.row(best.rowId)} went from row ${best.before} to row ${best.after}`
          + (others ? ` (${others} more moved)` : ""),
        why: why ? rowReason(why, you) : record.explore ? "the page tries something new"
          : up > 0 ? "others lost more" : "others gained more",
      };
    }
    if (topic === "homepage-rankings" && record.titles.length) {
      const why = record.reasons.find((reason) => reason.title_id === record.titles[0]);
      return {
        words: `${this.#names.title(record.titles[0])} ranks first of all titles`, why: why && titleReason(why, you),
      };
    }
    if (topic === "artwork-choices") {
      return { words: `${this.#names.title(record.title_id)} has ${record.previous ? "another" : "its"} picture` };
    }
    if (topic === "churn-scores") {
      const before = record.previous === null ? "" : ` (was ${percent(record.previous)})`;
      return { words: `The risk to leave is ${percent(record.probability)}${before}` };
    }
    if (topic === "category-choices") {
      return { words: `Categories now begin with ${record.categories.slice(0, 3).join(", ")}` };
    }
    if (topic === "trailer-choices") {
      return { words: `A trailer of ${this.#names.title(record.title_id)} is offered` };
    }
    return null;
  }
}
