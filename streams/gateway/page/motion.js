// Moves things that have changed their place (FLIP: first, last, invert, play), unless less motion is wanted.

const DURATION_MS = 900;
const EASING = "cubic-bezier(0.22, 0.9, 0.24, 1)";
const still = matchMedia("(prefers-reduced-motion: reduce)");

/** Let `change` rearrange `elements` and move each from where it stood. Returns those that moved. */
export function rearranged(elements, change, { duration = DURATION_MS } = {}) {
  const before = new Map(elements.map((element) => [element, element.getBoundingClientRect()]));
  change();
  const moved = [];
  for (const [element, from] of before) {
    if (!element.isConnected) continue;
    const to = element.getBoundingClientRect();
    const [x, y] = [from.left - to.left, from.top - to.top];
    if (Math.abs(x) < 1 && Math.abs(y) < 1) continue;
    moved.push(element);
    if (still.matches) continue;
    const start = `translate(${x}px, ${y}px)`;
    // What rises passes above what makes room for it.
    element.classList.toggle("rising", y > 0);
    const animation = element.animate([{ transform: start }, { transform: "none" }], { duration, easing: EASING });
    animation.onfinish = animation.oncancel = () => element.classList.remove("rising");
  }
  return moved;
}

/** Mark an element for a moment with a class. */
export function flash(element, name, ms = 2_600) {
  element.classList.remove(name);
  void element.offsetWidth; // so that the same mark can begin anew
  element.classList.add(name);
  setTimeout(() => element.classList.remove(name), ms);
}
