// The reasons of decisions, in words. A reason is a term of a score, and how much it adds, in log-odds.

const ROWS = {
  popularity: ["many play it", "few play it"],
  trend: ["many play it just now", "few play it just now"],
  daypart: ["it is played at this time of day", "it is seldom played at this time of day"],
  own_recent: ["{you} played from it just now", "{you} played little from it lately"],
  own_plays: ["{you} often play{s} its titles", "{you} seldom play{s} its titles"],
  after_quality_play: ["it often follows what {you} watched well", "it seldom follows what {you} watched well"],
  after_play: ["it often follows what {you} played", "it seldom follows what {you} played"],
  company: ["viewers of {your} other rows like it", "viewers of {your} other rows do not choose it"],
  quality: ["{you} probably watch{es} it well", "{you} probably will not watch it"],
  device: ["it is played on devices like this", "it is seldom played on devices like this"],
  own_rate: ["{you} watched it well when it was shown", "it was shown to {you} in vain"],
  row_lift: ["it earns more than its place", "it earns less than its place"],
  row_rate: ["those who see it play it", "those who see it pass by"],
  device_rate: ["it does well on devices like this", "it does badly on devices like this"],
  history: ["{you} took to it and to its titles", "{you} passed it by"],
  times_seen: ["it was not passed over", "it was passed over"],
};

const TITLES = {
  popularity: ["many watch it", "few watch it"],
  trend: ["many watch it just now", "few watch it just now"],
  co_watch: ["it is watched with what {you} watched", "others of {your} taste pass it by"],
  after_play: ["it is what comes next", "it seldom comes next"],
  tags: ["it is of {your} kind", "it is not of {your} kind"],
  appeal: ["whoever sees it plays it", "few who see it play it"],
  watched_now: ["viewers of this moment watch it", "viewers of this moment do not watch it"],
  factors: ["viewers like {you} watch it", "viewers like {you} do not watch it"],
  search: ["{you} searched for such a title", "{your} search was for something else"],
  new: ["it is new", "it is no longer new"],
  continue: ["{you} ha{ve} not finished it", "{you} ha{ve} seen enough of it"],
};

const CHURN = {
  silence: ["days without a visit", "was here just now"],
  age: ["time since the first visit", "new here"],
  sessions_day: ["visits today", "no other visit today"],
  sessions_week: ["visits this week", "few visits this week"],
  sessions_month: ["visits this month", "few visits this month"],
  watched_week: ["hours watched this week", "little watched this week"],
  watched_month: ["hours watched this month", "little watched this month"],
  impressions_week: ["rows looked at this week", "few rows looked at this week"],
  quality_share: ["plays watched well", "few plays watched well"],
  skip_share: ["titles given up", "few titles given up"],
  rewinds_week: ["rewinds", "few rewinds"],
  lost_searches_week: ["searches in vain", "no searches in vain"],
  device_changes_month: ["changes of device", "the same device"],
  payment_failures_month: ["payments that failed", "no failed payment"],
  on_hold: ["the subscription is on hold", "the subscription is paid"],
  cancelled: ["the subscription is cancelled", "not cancelled"],
};

function person(text, you) {
  const words = you
    ? { you: "you", your: "your", s: "", es: "", ve: "ve" }
    : { you: "this viewer", your: "this viewer’s", s: "s", es: "es", ve: "s" };
  return text.replace(/\{(\w+)\}/g, (_, name) => words[name] ?? "");
}

function inWords(names, feature, contribution, you) {
  const found = names[feature];
  return found ? person(found[contribution >= 0 ? 0 : 1], you) : feature.replaceAll("_", " ");
}

export const rowReason = (reason, you) => inWords(ROWS, reason.feature, reason.contribution, you);
export const titleReason = (reason, you) => inWords(TITLES, reason.feature, reason.contribution, you);

/** What raises (contribution above 0) or lowers the risk; a driver's sign tells that, and not its size today. */
export const churnDriver = (driver) => (CHURN[driver.feature]?.[0] ?? driver.feature.replaceAll("_", " "));

/** `0.312` as `31 %`. */
export const percent = (share) => `${Math.round(share * 100)} %`;

/** Milliseconds as people say them. */
export function duration(ms) {
  if (ms === null || ms === undefined) return "–";
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}

/** What moved between two orders, the longest way first: `{rowId, before, after}`, places counted from 1. */
export function moves(previous, rows) {
  const places = new Map((previous ?? []).map((rowId, place) => [rowId, place + 1]));
  return rows
    .map((rowId, place) => ({ rowId, before: places.get(rowId) ?? null, after: place + 1 }))
    .filter((move) => move.before !== null && move.before !== move.after)
    .sort((one, other) => Math.abs(other.before - other.after) - Math.abs(one.before - one.after));
}

/** The longest move that a reason of its own direction explains; else one with any reason; else the longest. */
export function bestExplained(moved, reasons) {
  const pulls = new Map(reasons.map((reason) => [reason.row_id, reason.contribution]));
  return (
    moved.find((move) => (pulls.get(move.rowId) ?? 0) * (move.before - move.after) > 0) ??
    moved.find((move) => pulls.has(move.rowId)) ??
    moved[0] ??
    null
  );
}
