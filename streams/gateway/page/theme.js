// Light or dark: as the system says, until the visitor switches.

import { byId } from "./dom.js";

const KEPT_AS = "flywheel-theme";
const systemDark = matchMedia("(prefers-color-scheme: dark)");

function kept() {
  try {
    return localStorage.getItem(KEPT_AS);
  } catch {
    return null; // no storage: as the system says, every time
  }
}

export function startTheme() {
  const button = byId("theme");
  let chosen = kept();
  const dark = () => (chosen ? chosen === "dark" : systemDark.matches);
  const show = () => {
    if (chosen) document.documentElement.dataset.theme = chosen;
    button.setAttribute("aria-pressed", String(dark()));
  };
  button.addEventListener("click", () => {
    chosen = dark() ? "light" : "dark";
    try {
      localStorage.setItem(KEPT_AS, chosen);
    } catch {
      // chosen for this visit alone
    }
    show();
  });
  systemDark.addEventListener("change", show);
  show();
}
