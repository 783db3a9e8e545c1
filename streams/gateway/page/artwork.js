// Draws a picture from an artwork's id: the same id, the same picture; another id, visibly another. No images to load.

import { svg } from "./dom.js";

const WIDTH = 160;
const HEIGHT = 90;

/** A generator of numbers in [0, 1) from a text (FNV-1a, then mulberry32). */
function chances(text) {
  let state = 2166136261;
  for (const letter of text) state = Math.imul(state ^ letter.codePointAt(0), 16777619);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

const dot = (x, y, r, fill, opacity = 1) => svg("circle", { cx: x, cy: y, r, fill, opacity });
const shape = (d, fill, opacity = 1) => svg("path", { d, fill, opacity });
const round = (number) => Math.round(number * 10) / 10;

function ridge(chance, base, height, fill, opacity) {
  let d = `M0 ${HEIGHT} L0 ${round(base)}`;
  for (let x = 0; x <= WIDTH; x += WIDTH / 8) d += ` L${x} ${round(base - chance() * height)}`;
  return shape(`${d} L${WIDTH} ${HEIGHT} Z`, fill, opacity);
}

function wave(chance, base, height, fill, opacity) {
  const bend = height * (0.4 + chance());
  const d = `M0 ${base} C40 ${base - bend} 60 ${base + bend} 90 ${base} S140 ${base - bend} 160 ${base}`;
  return shape(`${d} V${HEIGHT} H0 Z`, fill, opacity);
}

const SCENES = [
  (chance, ink) => [
    dot(30 + chance() * 100, 26 + chance() * 16, 13 + chance() * 9, ink[3]),
    ridge(chance, 62, 30, ink[1], 0.9),
    ridge(chance, 76, 24, ink[2], 1),
  ],
  (chance, ink) => {
    const x = 40 + chance() * 80;
    const y = 30 + chance() * 25;
    return [58, 44, 31, 19, 8].map((r, ring) => dot(x, y, r, ink[(ring % 3) + 1], 0.85));
  },
  (chance, ink) =>
    Array.from({ length: 9 }, (_, tower) => {
      const height = 18 + chance() * 52;
      return svg("rect", {
        x: tower * 18 - 2, y: round(HEIGHT - height), width: 15, height, fill: ink[(tower % 2) + 1], opacity: 0.92,
      });
    }).concat(dot(130 * chance() + 15, 18, 9, ink[3])),
  (chance, ink) => [
    dot(20 + chance() * 120, 22, 10, ink[3]),
    wave(chance, 46, 22, ink[1], 0.8),
    wave(chance, 60, 18, ink[2], 0.85),
    wave(chance, 74, 12, ink[0], 0.9),
  ],
  (chance, ink) =>
    Array.from({ length: 7 }, (_, beam) => {
      const x = beam * 28 - 24 + chance() * 10;
      return shape(`M${round(x)} 0 h16 l34 90 h-22 Z`, ink[(beam % 3) + 1], 0.55);
    }).concat(dot(80, 45, 16 + chance() * 12, ink[3], 0.95)),
  (chance, ink) =>
    Array.from({ length: 12 }, (_, leaf) => {
      const x = (leaf % 4) * 40 + 20;
      const y = Math.floor(leaf / 4) * 30 + 15;
      const turn = Math.floor(chance() * 4) * 90;
      return svg("path", {
        d: "M-15 15 A30 30 0 0 1 15 -15 V15 Z", fill: ink[1 + Math.floor(chance() * 3)], opacity: 0.9,
        transform: `translate(${x} ${y}) rotate(${turn})`,
      });
    }),
  (chance, ink) => {
    const x = 55 + chance() * 50;
    return [
      svg("rect", { x: 0, y: 66, width: WIDTH, height: 24, fill: ink[1] }),
      shape(`M${x - 34} 72 L${x} ${14 + chance() * 14} L${x + 34} 72 Z`, ink[2], 0.95),
      shape(`M${x} 22 L${x + 34} 72 H${x} Z`, ink[3], 0.45),
      dot(x > 80 ? 28 : 132, 24, 9, ink[3]),
    ];
  },
];

/** A picture, 16 by 9, hidden from screen readers: the title's name stands beside it. */
export function artwork(id) {
  const chance = chances(String(id));
  const hue = Math.floor(chance() * 360);
  const other = (hue + [28, 46, 165, 190, 320][Math.floor(chance() * 5)]) % 360;
  const ink = [
    `hsl(${hue} 58% 34%)`,
    `hsl(${hue} 62% 54%)`,
    `hsl(${other} 60% 46%)`,
    `hsl(${(other + 20) % 360} 92% 74%)`,
  ];
  const scene = SCENES[Math.floor(chance() * SCENES.length)];
  return svg(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "xMidYMid slice", "aria-hidden": "true", class: "art" },
    svg("rect", { width: WIDTH, height: HEIGHT, fill: ink[0] }),
    ...scene(chance, ink),
  );
}
