// The whole page at a glance: every row as one line, so that a move from bottom to top is seen in one look.

import { el, place, say } from "./dom.js";
import { flash, rearranged } from "./motion.js";

export class Glance {
  #list;
  #lines = new Map();
  #order = [];

  /** `chosen(rowId)` when a line is clicked. */
  constructor(list, chosen) {
    this.#list = list;
    list.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button) chosen(button.dataset.row);
    });
  }

  show(rowIds, name) {
    const wanted = new Set(rowIds);
    for (const [rowId, line] of this.#lines) {
      if (wanted.has(rowId)) continue;
      line.element.remove();
      this.#lines.delete(rowId);
    }
    for (const rowId of rowIds) {
      if (this.#lines.has(rowId)) continue;
      const number = el("span", { class: "place" });
      const button = el("button", { type: "button", "data-row": rowId }, number, name(rowId));
      const line = { element: el("li", {}, button), number };
      this.#lines.set(rowId, line);
      this.#list.append(line.element);
    }
    const before = new Map(this.#order.map((rowId, at) => [rowId, at]));
    const elements = rowIds.map((rowId) => this.#lines.get(rowId).element);
    rearranged(this.#order.length ? elements : [], () => {
      let next = null;
      for (const element of [...elements].reverse()) {
        place(this.#list, element, next);
        next = element;
      }
    });
    rowIds.forEach((rowId, at) => {
      const line = this.#lines.get(rowId);
      say(line.number, String(at + 1));
      const was = before.get(rowId);
      if (was !== undefined && was !== at) flash(line.element, was > at ? "went-up" : "went-down");
    });
    this.#order = [...rowIds];
  }
}
