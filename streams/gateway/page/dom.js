// Builds elements. Text is always text, never markup, so a title may be called anything.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined) element.append(child);
  }
  return element;
}

export const el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
export const svg = (tag, attributes, ...children) =>
  fill(document.createElementNS(SVG, tag), attributes, children);
export const byId = (id) => document.getElementById(id);

/** Put `text` into `element` unless it stands there already (a live region speaks at every change). */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Put `child` before `next`, keeping focus and scroll where the browser can. */
export function place(parent, child, next) {
  if (child.nextSibling === next && child.parentNode === parent) return;
  const focused = child.contains(document.activeElement) ? document.activeElement : null;
  if (parent.moveBefore && child.parentNode === parent) parent.moveBefore(child, next);
  else parent.insertBefore(child, next);
  if (focused && document.activeElement !== focused) focused.focus({ preventScroll: true });
}
