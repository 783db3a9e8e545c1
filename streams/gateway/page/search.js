// Search: results as a row of titles; what was searched, shown and opened is an event.

import { searchTitles } from "./api.js";
import { artwork } from "./artwork.js";
import { byId, el, say } from "./dom.js";

const SHOWN = 8;

/** `on.searched(query, titleIds, opened)` for the event, `on.play(title, from)` when a result is opened. */
export function startSearch(on) {
  const box = byId("results");
  const field = byId("query");

  function close() {
    if (box.hidden) return;
    box.hidden = true;
    field.value = "";
    field.focus();
  }

  async function look(query) {
    let found;
    try {
      found = (await searchTitles(query, SHOWN)).titles;
    } catch (error) {
      on.failed(error.message);
      return;
    }
    const ids = found.map((title) => title.title_id);
    on.searched(query, ids, null);
    say(byId("results-title"), found.length ? `Found for “${query}”` : `Nothing found for “${query}”`);
    byId("results-row").replaceChildren(el("ul", { class: "titles", "aria-labelledby": "results-title" },
      ...found.map((title, position) =>
        el("li", {}, el("button",
          { type: "button", class: "title", "data-title": title.title_id, "aria-label": `Play ${title.name}`,
            onclick: () => {
              on.searched(query, ids, title.title_id);
              on.play(title, { position });
            } },
          el("span", { class: "picture" }, artwork(title.artwork_id ?? title.title_id)),
          el("span", { class: "name" }, title.name))))));
    box.hidden = false;
    on.announce(`${found.length} titles found.`);
  }

  byId("search").addEventListener("submit", (event) => {
    event.preventDefault();
    const query = field.value.trim();
    if (query) look(query);
    else close();
  });
  byId("results-close").addEventListener("click", close);
  box.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
  });
  return look;
}
