// What the reports' pages do beyond links: keys, ways out to Airflow, and the progress of a stage that runs.
"use strict";

const outside = window.parent === window ? null : window.parent;

// Airflow's frame lets nothing in it open a window or leave it: a link of the outer page does.
function leave(href, target) {
  if (!outside) return window.open(href, target || "_self");
  const link = outside.document.createElement("a");
  link.href = href;
  link.target = target || "_self";
  outside.document.body.append(link);
  link.click();
  link.remove();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-airflow]");
  if (link && outside) {
    event.preventDefault();
    leave(link.href);
  }
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("submit", async (event) => {
  if (!event.target.querySelector("[data-lab]")) return;
  event.preventDefault();
  const answer = await fetch(event.target.action, { method: "POST", headers: { Accept: "application/json" } });
  if (answer.ok) leave((await answer.json()).address, "_blank");
  else event.target.append(`That did not work (${answer.status}). Download the notebook instead.`);
});

// A rollback is asked of Airflow itself, which knows who may; its page shows the run.
document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.dataset.runs) return;
  event.preventDefault();
  const status = form.querySelector("[role=status]");
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const answer = await fetch(form.dataset.runs, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify({ logical_date: null, conf: Object.fromEntries(new FormData(form)) }),
    });
    const said = await answer.json();
    if (answer.ok) return leave(form.dataset.run + encodeURIComponent(said.dag_run_id));
    const reason = typeof said.detail === "string" ? said.detail : JSON.stringify(said.detail);
    status.textContent = `Airflow did not start it (${answer.status}): ${reason}`;
  } catch (error) {
    status.textContent = `Airflow did not answer (${error.message}). Try again.`;
  }
  button.disabled = false;
});

// Keys: none of them while something is typed.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const menu = document.querySelector("details.menu[open]");
  if (event.key === "Escape" && menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
  if (event.target.closest("input, select, textarea")) return;
  const follow = (selector) => document.querySelector(selector)?.click();
  if (event.key === "/") focusOn(document.querySelector(".filter input"), event);
  if (event.key === "[") follow('.days [rel="prev"]');
  if (event.key === "]") follow('.days [rel="next"]');
  if (event.key === "n") follow('.pages [rel="next"]');
  if (event.key === "j" || event.key === "k") step([...document.querySelectorAll("a.dag")], event.key === "j" ? 1 : -1, event);
  const tab = event.target.closest(".tabs a");
  if (tab && event.key === "ArrowRight") focusOn(tab.nextElementSibling, event);
  if (tab && event.key === "ArrowLeft") focusOn(tab.previousElementSibling, event);
});

function focusOn(element, event) {
  if (!element) return;
  event.preventDefault();
  element.focus();
}

function step(links, by, event) {
  const line = document.activeElement.closest(".line")?.querySelector("a.dag");
  const now = links.indexOf(line);
  focusOn(links[now < 0 ? 0 : Math.min(Math.max(now + by, 0), links.length - 1)], event);
}

// A stage that runs: ask how far it is, and bring in what is new without moving what is being read.
const frame = document.querySelector('iframe[name="report"]');
let shown = null;

async function parsed(address) {
  const answer = await fetch(address);
  return answer.ok ? new DOMParser().parseFromString(await answer.text(), "text/html") : null;
}

async function refresh() {
  const [page, notebook] = await Promise.all([parsed(location.href), parsed(frame.src)]);
  const head = document.getElementById("head");
  if (page && !head.querySelector("details[open]")) head.replaceWith(document.adoptNode(page.getElementById("head")));
  const body = frame.contentDocument?.querySelector("main");
  const fresh = notebook?.querySelector("main");
  if (!body || !fresh) return;
  const known = shown ? [...shown.children] : [];
  [...fresh.children].forEach((part, number) => {
    const here = body.children[number];
    if (here && known[number]?.isEqualNode(part)) return; // unchanged since last time, whatever the reader unfolded
    const copy = frame.contentDocument.importNode(part, true);
    if (here) here.replaceWith(copy);
    else body.append(copy);
  });
  shown = fresh;
}

async function watch() {
  const head = document.getElementById("head");
  if (!head?.dataset.progress) return;
  let found = null;
  try {
    found = await (await fetch(head.dataset.progress)).json();
  } catch {
    found = null; // the server is away: ask again
  }
  if (found && (found.version !== head.dataset.version || !found.running)) await refresh();
  setTimeout(watch, document.hidden ? 10000 : 2000);
}

watch();

// A listing with a stage that runs or a review that waits is kept up to date, and the focus stays on its line.
async function keepListing() {
  const main = document.querySelector("main");
  const isOpen = document.body.classList.contains("listing") && main.querySelector(".chip.running, .chip.awaiting-review");
  const fresh = isOpen && !document.hidden ? (await parsed(location.href).catch(() => null))?.querySelector("main") : null;
  if (fresh && fresh.innerHTML !== main.innerHTML) {
    const focused = main.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    main.replaceWith(document.adoptNode(fresh));
    if (focused) fresh.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
  }
  setTimeout(keepListing, 5000);
}

if (document.body.classList.contains("listing")) keepListing();
// In Airflow's frame, the keys are for the page that was opened, unless somebody is elsewhere.
if (window.parent !== window && window.parent.document.activeElement?.matches("body, iframe")) window.focus();
// There is nothing yet, but there may be soon.
if (document.body.classList.contains("passing")) setTimeout(() => location.reload(), 5000);
