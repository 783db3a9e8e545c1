// The rows of the page: drawn once, then changed in place. Rows and titles that change their place are seen moving.
//
// Keys: one title of each row is in the tab order; arrows go along a row and from row to row, Home and End to its ends.

import { artwork } from "./artwork.js";
import { el, place, say } from "./dom.js";
import { flash, rearranged } from "./motion.js";

const SEEN_SHARE = 0.6;
const SEEN_MS = 600;

export class Rows {
  #list;
  #rows = new Map(); // row id -> its parts
  #order = [];
  #watch;
  #timers = new Map();
  #on;

  /** `on.play(title, from)` when a title is chosen, `on.seen(rowId, place, items)` when a row has come into view. */
  constructor(list, on) {
    this.#list = list;
    this.#on = on;
    this.#watch = new IntersectionObserver((entries) => this.#viewed(entries), { threshold: [0, SEEN_SHARE] });
    list.addEventListener("keydown", (event) => this.#key(event));
    list.addEventListener("focusin", (event) => this.#roving(event.target));
  }

  get order() {
    return this.#order;
  }

  name(rowId) {
    return this.#rows.get(rowId)?.name ?? rowId;
  }

  titleName(titleId) {
    for (const row of this.#rows.values()) {
      const name = row.titles.get(titleId)?.title.name;
      if (name) return name;
    }
    return titleId;
  }

  /** Show these rows (as the gateway answers them), moving what was there already. */
  show(rows, animate = true) {
    const wanted = new Set(rows.map((row) => row.row_id));
    for (const [rowId, row] of this.#rows) {
      if (wanted.has(rowId)) continue;
      this.#watch.unobserve(row.element);
      row.element.remove();
      this.#rows.delete(rowId);
    }
    for (const row of rows) {
      if (!this.#rows.has(row.row_id)) this.#add(row);
      this.#fill(this.#rows.get(row.row_id), row.titles, animate);
    }
    this.reorder(rows.map((row) => row.row_id), animate);
  }

  /** Put the rows into this order; those that are not named stay last. */
  reorder(rowIds, animate = true) {
    const known = rowIds.filter((rowId) => this.#rows.has(rowId));
    const named = new Set(known);
    const order = [...known, ...this.#order.filter((rowId) => this.#rows.has(rowId) && !named.has(rowId))];
    const places = new Map(this.#order.map((rowId, at) => [rowId, at]));
    const elements = order.map((rowId) => this.#rows.get(rowId).element);
    const change = () => {
      let next = null;
      for (const element of [...elements].reverse()) {
        place(this.#list, element, next);
        next = element;
      }
    };
    if (animate && this.#order.length) rearranged(elements, change);
    else change();
    order.forEach((rowId, at) => {
      const row = this.#rows.get(rowId);
      say(row.place, String(at + 1));
      const before = places.get(rowId);
      if (animate && before !== undefined && before !== at) {
        row.moved.textContent = before > at ? `▲ ${before - at}` : `▼ ${at - before}`;
        row.moved.className = `moved ${before > at ? "up" : "down"}`;
        flash(row.element, before > at ? "went-up" : "went-down");
      }
    });
    this.#order = order;
    this.lookAgain();
  }

  /** Mark the title that plays (null: none), wherever it stands. */
  mark(titleId) {
    for (const button of this.#list.querySelectorAll("button.title")) {
      const now = button.dataset.title === titleId;
      button.classList.toggle("playing", now);
      if (now) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
  }

  /** Every row in view counts as seen again: its place, its titles, or the visit is new. */
  lookAgain() {
    for (const row of this.#rows.values()) {
      this.#watch.unobserve(row.element);
      this.#watch.observe(row.element);
    }
  }

  scrollTo(rowId) {
    const element = this.#rows.get(rowId)?.element;
    element?.scrollIntoView({ block: "center" });
    element?.querySelector("button.title")?.focus({ preventScroll: true });
  }

  #add({ row_id: rowId, name }) {
    const heading = `row-${this.#rows.size}-${rowId.replace(/[^\w-]/g, "_")}`;
    const row = {
      name, titles: new Map(), place: el("span", { class: "place" }), moved: el("span", { class: "moved" }),
      list: el("ul", { class: "titles", "aria-labelledby": heading }), empty: null,
    };
    row.element = el(
      "li", { class: "row", "data-row": rowId },
      el("div", { class: "row-head" }, row.place, el("h3", { id: heading }, name), row.moved), row.list,
    );
    this.#rows.set(rowId, row);
    this.#list.append(row.element);
  }

  #fill(row, titles, animate) {
    const wanted = new Set(titles.map((title) => title.title_id));
    for (const [titleId, shown] of row.titles) {
      if (wanted.has(titleId)) continue;
      shown.element.remove();
      row.titles.delete(titleId);
    }
    const stayed = [...row.titles.values()].map((shown) => shown.element);
    for (const title of titles) {
      const shown = row.titles.get(title.title_id);
      if (!shown) row.titles.set(title.title_id, this.#card(title));
      else if (shown.artworkId !== title.artwork_id) this.#repaint(shown, title);
    }
    const change = () => {
      let next = null;
      for (const title of [...titles].reverse()) {
        const { element } = row.titles.get(title.title_id);
        place(row.list, element, next);
        next = element;
      }
    };
    if (animate) rearranged(stayed, change, { duration: 600 });
    else change();
    row.order = titles.map((title) => title.title_id);
    if (!row.list.querySelector('[tabindex="0"]')) row.list.querySelector("button.title")?.setAttribute("tabindex", "0");
    row.empty ??= el("p", { class: "empty" }, "Fills as you watch.");
    if (titles.length) row.empty.remove();
    else row.element.append(row.empty);
  }

  #card(title) {
    const picture = el("span", { class: "picture" }, artwork(title.artwork_id ?? title.title_id));
    const button = el(
      "button",
      { type: "button", class: "title", tabindex: "-1", "data-title": title.title_id,
        "data-artwork": title.artwork_id ?? "", "aria-label": `Play ${title.name}` },
      picture, el("span", { class: "name" }, title.name),
    );
    const shown = { element: el("li", {}, button), title, picture, button, artworkId: title.artwork_id };
    button.addEventListener("click", () => this.#on.play(shown.title, this.#where(button)));
    return shown;
  }

  #repaint(shown, title) {
    shown.title = title;
    shown.artworkId = title.artwork_id;
    shown.button.dataset.artwork = title.artwork_id ?? "";
    shown.picture.replaceChildren(artwork(title.artwork_id ?? title.title_id));
    flash(shown.picture, "repainted");
  }

  #where(button) {
    const rowId = button.closest(".row").dataset.row;
    const row = this.#rows.get(rowId);
    const titleId = button.dataset.title;
    return {
      row_id: rowId, row_position: this.#order.indexOf(rowId), position: row.order.indexOf(titleId),
      artwork_id: row.titles.get(titleId).artworkId,
    };
  }

  #viewed(entries) {
    for (const { target, intersectionRatio } of entries) {
      clearTimeout(this.#timers.get(target));
      if (intersectionRatio < SEEN_SHARE) continue;
      this.#timers.set(target, setTimeout(() => this.#seen(target), SEEN_MS));
    }
  }

  #seen(element) {
    const rowId = element.dataset.row;
    const row = this.#rows.get(rowId);
    if (!row || document.hidden) return;
    const edge = row.list.getBoundingClientRect().right;
    const items = row.order
      .map((titleId, position) => ({ title_id: titleId, position, shown: row.titles.get(titleId) }))
      .filter(({ shown }) => shown.element.getBoundingClientRect().left < edge - 20)
      .map(({ title_id, position, shown }) =>
        shown.artworkId ? { title_id, position, artwork_id: shown.artworkId } : { title_id, position });
    if (items.length) this.#on.seen(rowId, this.#order.indexOf(rowId), items);
  }

  #roving(target) {
    if (!target.matches?.("button.title")) return;
    for (const other of target.closest(".titles").querySelectorAll("button.title")) other.tabIndex = -1;
    target.tabIndex = 0;
  }

  #key(event) {
    const button = event.target.closest?.("button.title");
    if (!button || event.altKey || event.ctrlKey || event.metaKey) return;
    const along = [...button.closest(".titles").querySelectorAll("button.title")];
    const at = along.indexOf(button);
    const target = {
      ArrowRight: () => along[at + 1],
      ArrowLeft: () => along[at - 1],
      Home: () => along[0],
      End: () => along.at(-1),
      ArrowDown: () => this.#beside(button, at, 1),
      ArrowUp: () => this.#beside(button, at, -1),
    }[event.key];
    if (!target) return;
    event.preventDefault();
    const next = target();
    next?.focus({ preventScroll: true });
    next?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  /** The title at the same place of the next row that has titles, `step` up (-1) or down (1). */
  #beside(button, at, step) {
    const rowId = button.closest(".row").dataset.row;
    for (let place = this.#order.indexOf(rowId) + step; this.#order[place]; place += step) {
      const there = this.#rows.get(this.#order[place]).element.querySelectorAll("button.title");
      if (there.length) return there[Math.min(at, there.length - 1)];
    }
    return null;
  }
}
