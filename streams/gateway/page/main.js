// Puts the page together: who is watched, what comes in from /live, what goes out to /events.
//
// Reading order: api, live, clock, visitor (to and from the gateway); rows, motion, artwork, player, search (the page);
// glance, churn, pulse, experiments, story with charts and words (beside it); theme, dom.

import { asked, readChurn, readExperiments, readPage } from "./api.js";
import { drawChurn } from "./churn.js";
import { ServiceClock } from "./clock.js";
import { byId, el, say } from "./dom.js";
import { Experiments } from "./experiments.js";
import { Glance } from "./glance.js";
import { follow } from "./live.js";
import { Player } from "./player.js";
import { Pulse } from "./pulse.js";
import { Rows } from "./rows.js";
import { startSearch } from "./search.js";
import { Story } from "./story.js";
import { startTheme } from "./theme.js";
import { Visitor, visitorId } from "./visitor.js";

const DECISIONS = [
  "row-order", "homepage-rankings", "artwork-choices", "category-choices", "trailer-choices", "churn-scores",
];
const REREAD_MS = 250;
const BEHIND_MS = 3_000;
const ACTIVE_KEPT = 60;

const clock = new ServiceClock();
const visitor = new Visitor(asked.profile ?? visitorId(), clock, notice);
const experiments = new Experiments(byId("experiments"));
const pulse = new Pulse(byId("pulse"));
let watched = visitor.profileId;
let page = null;
let versions = {};
let seen = new Set();
let stream = null;
let rereading = null;
let active = [];
let churned = null;

const you = () => watched === visitor.profileId;
const rows = new Rows(byId("rows"), { play, seen: rowSeen });
const player = new Player(byId("player"), (type, fields, words) => visitor.tell(type, fields, words), playing);
const glance = new Glance(byId("glance"), (rowId) => rows.scrollTo(rowId));
const story = new Story({ row: (id) => rows.name(id), title: (id) => rows.titleName(id), you });
const look = startSearch({
  play: (title, from) => play(title, from),
  searched: (query, titleIds, opened) => you() && visitor.tell(
    "search", { query, title_ids: titleIds, ...(opened ? { clicked_title_id: opened } : {}) }, `you searched for ${query}`),
  failed: notice,
  announce: (words) => story.announce(words),
});

function notice(words) {
  const box = byId("notice");
  say(box, words ?? "");
  box.hidden = !words;
  if (words) setTimeout(() => box.textContent === words && (box.hidden = true), 8_000);
}

function state(kind, words) {
  byId("state").dataset.kind = kind;
  say(byId("state-words"), words);
}

function play(title, from) {
  if (you()) player.play(title, from);
  else notice("You are watching somebody else. Go back to you to play titles.");
}

function playing(titleId, goesOn) {
  visitor.playing = goesOn;
  rows.mark(titleId);
}

function rowSeen(rowId, place, items) {
  const key = `${rowId}|${place}|${versions["row-order"] ?? 0}`;
  if (!you() || seen.has(key)) return;
  seen.add(key);
  const version = versions["row-order"] ? { decision_version: versions["row-order"] } : {};
  visitor.tell("impression", { row_id: rowId, row_position: place, items, ...version }, "you looked at a row");
}

async function reread(animate) {
  const asking = watched;
  const answer = await readPage(asking);
  if (asking !== watched) return;
  // The stream may have told a newer order than this answer knew.
  if ((answer.versions?.["row-order"] ?? 0) < (versions["row-order"] ?? 0)) {
    const order = new Map(rows.order.map((rowId, place) => [rowId, place]));
    answer.rows.sort((a, b) => (order.get(a.row_id) ?? 999) - (order.get(b.row_id) ?? 999));
  } else versions = answer.versions ?? {};
  const offered = page?.trailer?.trailer_id !== answer.trailer?.trailer_id;
  page = answer;
  if (offered) churn(churned);
  clock.see(answer.decided_ts);
  rows.show(answer.rows, animate);
  rows.mark(player.titleId);
  glance.show(rows.order, (rowId) => rows.name(rowId));
  categories(answer.categories ?? []);
  say(byId("lead-title"), you() ? "Your page" : `The page of ${watched}`);
  byId("lead-title").dataset.personal = String(Boolean(answer.personal));
}

function rereadSoon() {
  clearTimeout(rereading);
  rereading = setTimeout(() => reread(true).catch((error) => notice(error.message)), REREAD_MS);
}

function categories(names) {
  byId("categories").replaceChildren(...names.slice(0, 8).map((name) => el("li", {},
    el("button", { type: "button", onclick: () => {
      if (you()) visitor.tell("browse", { category_id: name, dwell_s: 5 }, `you looked at ${name}`);
      const row = rows.order.find((rowId) => rowId === name || rows.name(rowId).toLowerCase() === name.toLowerCase());
      if (row) rows.scrollTo(row);
      else look(name);
    } }, name))));
}

function churn(record) {
  churned = record;
  const button = (words, type, said) =>
    el("button", { type: "button", onclick: () => visitor.tell(type, {}, said) }, words);
  const actions = el("div", { class: "actions" });
  if (you()) {
    actions.append(button("Fail a payment", "subscription_payment_failed", "your payment failed"),
      button("Pay", "subscription_renewed", "you paid"));
    const offer = page?.trailer;
    if (offer) {
      const title = { title_id: offer.title_id, name: offer.name ?? rows.titleName(offer.title_id) };
      actions.append(el("button", { type: "button", class: "primary",
        onclick: () => player.trailer(offer.trailer_id, title) }, `See the trailer of ${title.name}`));
    }
  }
  drawChurn(byId("churn"), record, actions);
}

function decided({ topic, record }) {
  if (!record || record.profile_id !== watched) return;
  clock.see(record.ts);
  versions[topic] = record.version;
  if (topic === "row-order") {
    rows.reorder(record.rows);
    glance.show(rows.order, (rowId) => rows.name(rowId));
  } else if (topic === "churn-scores") churn(record);
  else rereadSoon();
  const cause = you() ? visitor.causeOf(record) : null;
  if (cause) pulse.caused(cause.ms);
  story.tell(topic, record, cause);
}

/** The audience: its clock, who is active, the experiments. */
function everybody({ topic, key, record }) {
  clock.see(record?.ts);
  if (topic === "experiment-results" && record) experiments.take(record);
  else if (topic === "churn-scores" && record && key !== visitor.profileId && !active.includes(key)) {
    active = [key, ...active].slice(0, ACTIVE_KEPT);
    if (active.length % 5 === 1) byId("active").replaceChildren(...active.map((id) => el("option", { value: id })));
  }
}

function pulsed(data) {
  pulse.take(data);
  if (data.stale_ms > BEHIND_MS) state("behind", `${Math.round(data.stale_ms / 1000)} s behind the stream`);
  else state("live", "live");
}

/** Watch a profile: its page now, then every decision about it. */
async function watch(profileId) {
  watched = profileId;
  versions = {};
  seen = new Set();
  if (!you()) player.stop();
  byId("profile").value = profileId;
  byId("me").hidden = you();
  document.body.classList.toggle("watching", !you());
  story.forget();
  stream?.stop();
  const topics = DECISIONS.join(",");
  stream = follow(`/live?profile=${encodeURIComponent(profileId)}&topics=${topics}`, {
    open: () => arrive(profileId),
    event: (name, data) => {
      if (name === "decision") decided(data);
      else if (name === "pulse") pulsed(data);
      else if (name === "lost") rereadSoon();
    },
    broken: lost,
  });
}

/** The stream is open: read what stands, so that nothing decided meanwhile is missed. */
async function arrive(profileId) {
  if (profileId !== watched) return;
  try {
    await reread(rows.order.length > 0);
    churn(await readChurn(profileId));
    state("live", "live");
    // What the visitor saw is told once the page is there: a session begins.
    rows.lookAgain();
  } catch (error) {
    if (error.status === 503) {
      state("behind", "the gateway is still reading");
      setTimeout(() => arrive(profileId), 1_000);
    } else lost(error.status);
  }
}

function lost(status) {
  if (status === 401 || status === 403) {
    state("gone", "not allowed");
    notice("The gateway wants a token that may read this: put #token=… behind the address.");
  } else if (status === 503) state("behind", "the gateway is still reading");
  else if (status === 429) state("behind", "the gateway is full, waiting");
  else state("gone", "the gateway does not answer, trying again");
}

startTheme();
byId("who").addEventListener("submit", (event) => {
  event.preventDefault();
  const chosen = byId("profile").value.trim();
  if (chosen) watch(chosen);
});
byId("profile").addEventListener("focus", (event) => event.target.select());
byId("me").addEventListener("click", () => watch(visitor.profileId));
document.addEventListener("visibilitychange", () => !document.hidden && rows.lookAgain());

follow("/live?topics=experiment-results,churn-scores", {
  open: () => readExperiments()
    .then((answer) => answer.experiments.forEach((record) => experiments.take(record)))
    .catch(() => {}), // not allowed or not ready: the stream will tell
  event: (name, data) => name === "decision" && everybody(data),
  broken: () => {},
});
watch(watched);
