// The visitor as a viewer of the service: an id for this browser session, sessions, and an event for each thing done.

import { EventSender } from "./api.js";

const SESSION_GAP_MS = 30 * 60_000;
const REMEMBERED = 500;
const KEPT_AS = "flywheel-visitor";

function random() {
  return Array.from(crypto.getRandomValues(new Uint8Array(6)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The visitor's profile id: the same until the browser's tab is closed. */
export function visitorId() {
  let id = null;
  try {
    id = sessionStorage.getItem(KEPT_AS);
    if (!id) sessionStorage.setItem(KEPT_AS, (id = `you-${random()}`));
  } catch {
    id ??= `you-${random()}`; // no storage: a new viewer at each visit
  }
  return id;
}

export class Visitor {
  #clock;
  #sender;
  #session = null;
  #lastTs = 0;
  #told = new Map();
  #playedFrom = { playback: null, row: null };
  /** True while a title plays: event time then goes on a second a second. */
  playing = false;

  constructor(profileId, clock, failed) {
    this.profileId = profileId;
    this.#clock = clock;
    this.#sender = new EventSender(failed);
  }

  /** Something happened: an event of `type` with the contract's `fields`; `words` say what it was. */
  tell(type, fields, words = null) {
    const ts = this.#clock.now(this.playing);
    const subscription = type.startsWith("subscription_");
    if (!subscription && (this.#session === null || ts - this.#lastTs > SESSION_GAP_MS)) {
      this.#session = `s-${random()}`;
      this.#send("session_start", {}, ts, "you came");
    }
    if (!subscription) this.#lastTs = ts;
    this.#send(type, fields, ts, words, subscription);
  }

  #send(type, fields, ts, words, subscription = false) {
    const event = { event_id: `${this.profileId}-${random()}`, type, profile_id: this.profileId, ts, ...fields };
    if (!subscription) Object.assign(event, { session_id: this.#session, device_type: deviceType() });
    this.#told.set(event.event_id, { at: performance.now(), words, row: this.#rowOf(event) });
    if (this.#told.size > REMEMBERED) this.#told.delete(this.#told.keys().next().value);
    this.#sender.send(event);
  }

  /** The row that an event is about: only the start of a playback names it. */
  #rowOf(event) {
    if (event.type === "playback_start") this.#playedFrom = { playback: event.playback_id, row: event.row_id ?? null };
    if (event.row_id) return event.row_id;
    return event.playback_id && event.playback_id === this.#playedFrom.playback ? this.#playedFrom.row : null;
  }

  /** What the visitor did that caused a decision, to which row (or null), and how many ms ago; null when it was not
   * the visitor. */
  causeOf(record) {
    const told = this.#told.get(record.cause?.event_id);
    return told ? { ms: performance.now() - told.at, words: told.words, row: told.row } : null;
  }
}

function deviceType() {
  return matchMedia("(max-width: 640px)").matches ? "phone" : "web";
}
