// The churn gauge: how likely this viewer is to leave, what drives it, and the trailer that may win them back.

import { gauge } from "./charts.js";
import { el } from "./dom.js";
import { churnDriver, percent } from "./words.js";

const BANDS = { low: "unlikely", medium: "at risk", high: "likely" };

/** Draw a churn record (null: none yet) into `box`; `actions` are elements that stand below. */
export function drawChurn(box, record, actions) {
  if (!record) {
    box.replaceChildren(el("p", { class: "quiet" }, "Nothing is known of this viewer yet."), actions);
    return;
  }
  const drivers = [...record.drivers].sort((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution));
  const most = Math.max(...drivers.map((driver) => Math.abs(driver.contribution)), 0.01);
  const change = record.previous === null ? "" : `, ${percent(record.previous)} before`;
  box.replaceChildren(
    el("div", { class: "gauge-box" },
      gauge(record.probability, record.band),
      el("p", { class: "gauge-words" },
        el("strong", {}, percent(record.probability)), ` ${BANDS[record.band] ?? record.band}`)),
    el("p", { class: "quiet" }, `Chance to leave or fall silent within ${Math.round(record.horizon_days)} days${change}.`),
    el("ul", { class: "drivers" }, ...drivers.slice(0, 4).map((driver) => {
      const bar = el("span", { class: driver.contribution > 0 ? "driver-bar raises" : "driver-bar lowers" });
      bar.style.width = `${(100 * Math.abs(driver.contribution)) / most}%`;
      return el("li", {},
        el("span", {}, churnDriver(driver)),
        el("span", { class: "driver-track" }, bar),
        el("span", { class: "driver-sign" }, driver.contribution > 0 ? "raises it" : "lowers it"));
    })),
    actions,
  );
}
