// The stream this second: throughput, freshness, and how far up stands what is clicked. One pulse a second.

import { lines } from "./charts.js";
import { el } from "./dom.js";
import { duration } from "./words.js";

const KEPT = 90;
const OWN_KEPT = 30;
const whole = new Intl.NumberFormat("en");
const number = (value) => (value === null || value === undefined ? "–" : whole.format(Math.round(value)));
const orNull = (value) => value ?? null;

export class Pulse {
  #box;
  #history = [];
  #own = [];

  constructor(box) {
    this.#box = box;
    this.#draw();
  }

  /** A decision reached the page `ms` after what the visitor did. */
  caused(ms) {
    this.#own.push(ms);
    if (this.#own.length > OWN_KEPT) this.#own.shift();
  }

  take(pulse) {
    const decisions = Object.values(pulse.decisions_per_s ?? {}).reduce((sum, rate) => sum + rate, 0);
    this.#history.push({
      events: orNull(pulse.events_per_s), decisions, ...this.#freshness(pulse),
      place: pulse.click_place === null || pulse.click_place === undefined ? null : pulse.click_place + 1,
      profiles: pulse.profiles,
    });
    if (this.#history.length > KEPT) this.#history.shift();
    this.#draw();
  }

  /** As the gateway measures it, or the visitor's own where it says nothing: events are of another time than now. */
  #freshness(pulse) {
    if (orNull(pulse.fresh_p50_ms) !== null) return { p50: pulse.fresh_p50_ms, p99: orNull(pulse.fresh_p99_ms), own: false };
    const own = [...this.#own].sort((one, other) => one - other);
    return { p50: orNull(own[Math.floor(own.length / 2)]), p99: orNull(own.at(-1)), own: true };
  }

  #draw() {
    const history = this.#history;
    const now = history.at(-1) ?? {};
    const of = (name) => history.map((one) => one[name]);
    const figure = (name, value, note, chart) =>
      el("div", { class: "figure" },
        el("p", { class: "figure-name" }, name), el("p", { class: "figure-value" }, value),
        chart, el("p", { class: "figure-note" }, note));
    const p99 = of("p99").map((value) => (value === null ? null : Math.log10(Math.max(1, value))));
    const p50 = of("p50").map((value) => (value === null ? null : Math.log10(Math.max(1, value))));
    const places = smoothed(of("place"));
    const place = places.at(-1);
    this.#box.replaceChildren(
      figure("Events", `${number(now.events)} /s`, `${number(now.decisions)} decisions a second`,
        lines([{ values: of("events"), kind: "one" }, { values: of("decisions"), kind: "two" }],
          { low: 0, room: KEPT, label: "Events and decisions a second over the last minute and a half" })),
      figure(now.own ? "Your click to decision" : "Event to decision", duration(now.p50),
        now.own ? `half of yours; the slowest ${duration(now.p99)}` : `${duration(now.p99)} for the slowest of a hundred`,
        lines([{ values: p50, kind: "one" }, { values: p99, kind: "two" }],
          { low: 1, high: 3.3, room: KEPT, label: "Median and slowest hundredth of the time from event to decision" })),
      figure("What is played stands at", place ? `row ${place.toFixed(1)}` : "–", "mean of the last seconds; up is better",
        lines([{ values: places.map((value) => (value === null ? null : -value)), kind: "one" }],
          { room: KEPT, label: "Place on the page of what is played, over the last minute and a half" })),
      figure("Viewers", number(now.profiles), "have a page of their own", null),
    );
  }
}

/** A running mean, so that a handful of clicks a second reads as a curve. */
function smoothed(values) {
  let mean = null;
  return values.map((value) => {
    if (value !== null) mean = mean === null ? value : mean + (value - mean) * 0.15;
    return mean;
  });
}
