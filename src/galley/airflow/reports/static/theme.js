// The page is inside Airflow and looks as it does, light or dark.
"use strict";
(() => {
  const own = document.documentElement;
  const path = new URL("..", document.currentScript.src).pathname; // where the reports are served
  let outer = null;
  try {
    outer = window.parent === window ? null : window.parent.document.documentElement;
  } catch {
    outer = null; // framed by a page that is not ours to read
  }
  if (window.parent === window) {
    // Opened by itself, as from the text of a review: show it where Airflow's navigation is around it.
    location.replace(`${own.dataset.airflow}/plugin/reports${location.pathname}${location.search}`);
  }
  const follow = () => {
    const chosen = outer ? (outer.classList.contains("dark") ? "dark" : "light") : localStorage.getItem("theme");
    const dark = chosen === "dark" || (chosen !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
    const theme = dark ? "dark" : "light";
    const changed = own.dataset.theme && own.dataset.theme !== theme;
    own.dataset.theme = theme;
    // What the server sends into the inner frames follows too.
    document.cookie = `galley_theme=${theme}; path=${path}; SameSite=Lax`;
    if (changed) for (const frame of document.querySelectorAll("iframe")) frame.src = frame.src;
  };
  follow();
  if (outer) new MutationObserver(follow).observe(outer, { attributes: true, attributeFilter: ["class"] });
})();
