// Small drawings of numbers over time, as SVG. Colours and widths come from the style sheet's classes.

import { svg } from "./dom.js";

/** So few points do not yet fill the width. */
const FIRST_ROOM = 20;

const round = (number) => Math.round(number * 10) / 10;

function scale(values, height, low, high) {
  const from = low ?? Math.min(...values);
  const to = Math.max(high ?? Math.max(...values), from + 1e-9);
  return (value) => round(height - 2 - ((value - from) / (to - from)) * (height - 4));
}

/**
 * Lines over the same time: `series` are `{values, kind}`, a value null where there is none; `kind` is a class of the
 * style sheet. `low` and `high` fix the scale.
 */
export function lines(series, { width = 220, height = 46, low, high, room = 60, label } = {}) {
  const all = series.flatMap(({ values }) => values.filter((value) => value !== null));
  const box = { viewBox: `0 0 ${width} ${height}`, class: "chart", role: "img", "aria-label": label, preserveAspectRatio: "none" };
  if (!all.length) return svg("svg", box);
  const y = scale(all, height, low, high);
  const drawn = series.map(({ values, kind }) => {
    const shown = values.slice(-room);
    const step = width / (Math.max(FIRST_ROOM, shown.length) - 1);
    const start = width - (shown.length - 1) * step;
    let pen = "M";
    const d = shown.map((value, at) => {
      if (value === null) {
        pen = "M";
        return "";
      }
      const part = `${pen}${round(start + at * step)} ${y(value)}`;
      pen = "L";
      return part;
    });
    return svg("path", { d: d.join(" "), class: `line ${kind}`, "vector-effect": "non-scaling-stroke" });
  });
  return svg("svg", box, ...drawn);
}

/** How an interval closes in: `history` are `{low, high, middle}` in the order of time, around a line at zero. */
export function funnel(history, { width = 220, height = 56, reach, label }) {
  const box = { viewBox: `0 0 ${width} ${height}`, class: "chart funnel", role: "img", "aria-label": label, preserveAspectRatio: "none" };
  const y = (value) => round(height / 2 - (Math.max(-reach, Math.min(reach, value)) / reach) * (height / 2 - 3));
  const zero = svg("line", { x1: 0, x2: width, y1: height / 2, y2: height / 2, class: "zero", "vector-effect": "non-scaling-stroke" });
  if (!history.length) return svg("svg", box, zero);
  const step = history.length > 1 ? width / (history.length - 1) : 0;
  const xs = history.map((_, at) => (history.length > 1 ? round(at * step) : 0));
  const upper = history.map((point, at) => `${xs[at]} ${y(point.high)}`);
  const lower = history.map((point, at) => `${xs[at]} ${y(point.low)}`).reverse();
  const middle = history.map((point, at) => `${xs[at]} ${y(point.middle)}`);
  if (history.length === 1) {
    upper.push(`${width} ${y(history[0].high)}`);
    lower.unshift(`${width} ${y(history[0].low)}`);
    middle.push(`${width} ${y(history[0].middle)}`);
  }
  return svg(
    "svg", box,
    svg("path", { d: `M${upper.join(" L")} L${lower.join(" L")} Z`, class: "band" }),
    zero,
    svg("path", { d: `M${middle.join(" L")}`, class: "line middle", "vector-effect": "non-scaling-stroke" }),
  );
}

/** A half circle from 0 to 1 with a needle, in three bands. */
export function gauge(share, band) {
  const point = (part, radius) => {
    const angle = Math.PI * (1 - part);
    return `${round(100 + radius * Math.cos(angle))} ${round(96 - radius * Math.sin(angle))}`;
  };
  const arc = (from, to) => `M${point(from, 80)} A80 80 0 0 1 ${point(to, 80)}`;
  return svg(
    "svg",
    { viewBox: "0 0 200 106", class: `gauge ${band}`, "aria-hidden": "true" },
    svg("path", { d: arc(0, 1), class: "gauge-back" }),
    share > 0.003 ? svg("path", { d: arc(0, Math.min(1, share)), class: "gauge-fill" }) : null,
    svg("path", { d: `M${point(share, 58)} L${point(share, 92)}`, class: "gauge-needle" }),
  );
}
