// Experiments: the lift of every arm over the control, and its always-valid interval closing in as profiles come.

import { funnel } from "./charts.js";
import { el } from "./dom.js";

const KEPT = 200;
const VERDICTS = {
  running: "still open", winner: "decided", no_difference: "no difference", broken_split: "split is broken",
};
const METRICS = {
  quality_plays: "good plays a viewer", watched_hours: "hours a viewer", returned: "share who came back",
};
const signed = (value) => `${value >= 0 ? "+" : "−"}${Math.abs(value).toPrecision(2)}`;

export class Experiments {
  #box;
  #results = new Map();
  #history = new Map();
  #waiting = false;

  constructor(box) {
    this.#box = box;
    this.#draw();
  }

  /** A record of experiment-results. */
  take(result) {
    this.#results.set(result.experiment_id, result);
    for (const arm of result.arms.slice(1)) {
      if (arm.low === null || arm.high === null) continue;
      const key = `${result.experiment_id}|${arm.arm}`;
      const history = this.#history.get(key) ?? [];
      history.push({ low: arm.low, high: arm.high, middle: arm.lift });
      if (history.length > KEPT) thin(history);
      this.#history.set(key, history);
    }
    if (this.#waiting) return;
    this.#waiting = true; // a burst of results is drawn once
    setTimeout(() => {
      this.#waiting = false;
      this.#draw();
    }, 300);
  }

  #draw() {
    if (!this.#results.size) {
      this.#box.replaceChildren(el("p", { class: "quiet" }, "None has a result yet."));
      return;
    }
    const names = [...this.#results.keys()].sort();
    this.#box.replaceChildren(...names.map((name) => this.#experiment(this.#results.get(name))));
  }

  #experiment(result) {
    const [control, ...arms] = result.arms;
    const verdict = result.winner ? `${result.winner} wins` : (VERDICTS[result.verdict] ?? result.verdict);
    return el("article", { class: "experiment" },
      el("h3", {}, result.experiment_id.replaceAll("-", " "),
        el("span", { class: `verdict ${result.verdict}` }, verdict)),
      el("p", { class: "quiet" },
        `${METRICS[result.metric] ?? result.metric}, against ${control?.arm ?? "the control"} (${control?.exposures ?? 0} viewers)`),
      ...arms.map((arm) => this.#arm(result, arm)));
  }

  #arm(result, arm) {
    const history = this.#history.get(`${result.experiment_id}|${arm.arm}`) ?? [];
    const known = arm.low !== null && arm.high !== null;
    const words = known
      ? `${signed(arm.lift)}, surely between ${signed(arm.low)} and ${signed(arm.high)}`
      : `${arm.observed ?? 0} of ${arm.exposures} viewers have their outcome`;
    // The scale is set by what is known now, so an interval that was wide reaches beyond the drawing.
    const reach = known ? 2.6 * Math.max(Math.abs(arm.low), Math.abs(arm.high), 1e-9) : 1;
    return el("div", { class: "arm" },
      el("p", { class: "arm-name" }, el("strong", {}, arm.arm), el("span", {}, `${arm.exposures} viewers`)),
      funnel(history, { reach, label: `Interval of ${arm.arm}: ${words}` }),
      el("p", { class: "arm-words" }, words));
  }
}

/** Keep every second point of the older half. */
function thin(history) {
  const half = Math.floor(history.length / 2);
  const older = history.slice(0, half).filter((_, at) => at % 2 === 0);
  history.splice(0, half, ...older);
}
