// The page looks as Airflow does: light or dark by its switch where we are inside it, by the system's where not.
"use strict";
(() => {
  const own = document.documentElement;
  let outer = null;
  try {
    outer = window.parent === window ? null : window.parent.document.documentElement;
  } catch {
    outer = null; // framed by a page that is not ours to read
  }
  const follow = () => {
    const chosen = outer ? (outer.classList.contains("dark") ? "dark" : "light") : localStorage.getItem("theme");
    const dark = chosen === "dark" || (chosen !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
    own.dataset.theme = dark ? "dark" : "light";
  };
  follow();
  if (outer) new MutationObserver(follow).observe(outer, { attributes: true, attributeFilter: ["class"] });
})();
