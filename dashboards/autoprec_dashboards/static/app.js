// What pages do beside being read: times in the reader's zone, copying, filters, keys, and going on as things happen.

const root = document.documentElement;

// Times

const shortTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const fullTime = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

export function localize(part) {
  for (const time of part.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    time.textContent = shortTime.format(at);
    time.title = fullTime.format(at);
  }
}

// Colours

const THEMES = ["system", "light", "dark"];

function chosenTheme() {
  return root.dataset.theme ?? "system";
}

function labelTheme() {
  const button = document.getElementById("theme");
  const words = { system: "as the system", light: "light", dark: "dark" }[chosenTheme()];
  button.setAttribute("aria-label", `Colours: ${words}`);
  button.title = `Colours: ${words}`;
  button.textContent = { system: "◐", light: "☀", dark: "☾" }[chosenTheme()];
}

function nextTheme() {
  const next = THEMES[(THEMES.indexOf(chosenTheme()) + 1) % THEMES.length];
  if (next === "system") delete root.dataset.theme;
  else root.dataset.theme = next;
  try {
    if (next === "system") localStorage.removeItem("autoprec-theme");
    else localStorage.setItem("autoprec-theme", next);
  } catch { /* it lasts as long as the page, then */ }
  labelTheme();
  document.dispatchEvent(new Event("autoprec:theme"));
}

// Copying and downloads

async function copy(button) {
  const target = button.dataset.copy ? document.getElementById(button.dataset.copy) : button.parentElement.querySelector("code");
  const label = (button.dataset.label ??= button.textContent);
  try {
    await navigator.clipboard.writeText(target.textContent);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(target);
    button.textContent = "Selected: press Ctrl+C";
  }
  setTimeout(() => { button.textContent = label; }, 1600);
}

export function download(name, type, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// A cell that a spreadsheet would take for a formula is text: a name that somebody chose must not compute anything.
export function csvCell(value) {
  const text = String(value ?? "").replace(/\s+/g, " ").trim();
  const safe = /^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
  return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function cellText(cell) {
  const copied = cell.cloneNode(true);
  for (const sign of copied.querySelectorAll('[aria-hidden="true"]')) sign.remove();
  for (const time of copied.querySelectorAll("time")) time.textContent = time.dateTime;
  for (const interval of copied.querySelectorAll(".interval")) interval.textContent = ` (${interval.textContent})`;
  return copied.textContent;
}

function tableCsv(button) {
  const rows = document.getElementById(button.dataset.csv).rows;
  const lines = [...rows].map((row) => [...row.cells].map((cell) => csvCell(cellText(cell))).join(","));
  download(`${button.dataset.name}.csv`, "text/csv", `${lines.join("\r\n")}\r\n`);
}

// Filters: a choice applies at once, text with Enter; empty ones stay out of the address.

function apply(form) {
  const query = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (value !== "") query.append(name, value);
  const text = query.toString();
  location.assign(form.getAttribute("action") + (text ? `?${text}` : ""));
}

// Keys

let awaitingPage = false;

function move(step) {
  const rows = [...document.querySelectorAll("[data-row]")];
  if (!rows.length) return;
  const at = rows.findIndex((row) => row.classList.contains("selected"));
  const next = rows[Math.max(0, Math.min(rows.length - 1, at < 0 ? (step > 0 ? 0 : rows.length - 1) : at + step))];
  rows[at]?.classList.remove("selected");
  next.classList.add("selected");
  next.querySelector("a")?.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, dialog[open]")) return;
  if (awaitingPage) {
    awaitingPage = false;
    document.querySelector(`[data-go="${CSS.escape(event.key)}"]`)?.click();
    return;
  }
  const does = {
    "/": () => document.querySelector("[data-search]")?.focus(),
    "?": () => document.getElementById("shortcuts").showModal(),
    g: () => { awaitingPage = true; setTimeout(() => { awaitingPage = false; }, 1500); },
    j: () => move(1),
    k: () => move(-1),
    n: () => document.querySelector("[data-next]")?.click(),
    p: () => document.querySelector("[data-first]")?.click(),
    t: nextTheme,
  }[event.key];
  if (does) {
    event.preventDefault();
    does();
  }
}

// Live: when something of the kinds that a page shows has changed, its parts are fetched anew and replaced.

const dot = document.getElementById("live");
const main = document.getElementById("main");
const shortestPause = 1000 * Number(main.dataset.pause ?? 1);
let due = null;
let refreshedAt = 0;
let refreshing = false;
let again = false;

function show(state, words) {
  dot.hidden = false;
  dot.className = `live-dot ${state}`;
  if (dot.textContent !== words) dot.textContent = words;
}

// One at a time, so that an answer never replaces a newer one; what happens meanwhile is fetched afterwards.
async function refresh() {
  due = null;
  if (refreshing) {
    again = true;
    return;
  }
  refreshing = true;
  refreshedAt = Date.now();
  try {
    await fetchParts();
  } finally {
    refreshing = false;
    if (again) {
      again = false;
      schedule();
    }
  }
}

async function fetchParts() {
  let answer;
  try {
    answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  } catch {
    show("off", "offline");
    return;
  }
  if (!answer.ok || answer.redirected) return;
  const fetched = new DOMParser().parseFromString(await answer.text(), "text/html");
  const parts = (page) => [...page.querySelectorAll("[data-part]")].map((part) => part.id).join(" ");
  if (parts(document) !== parts(fetched)) {  // the page has another shape now, such as its first figures
    const whole = fetched.getElementById("main");
    localize(whole);
    main.replaceChildren(...whole.childNodes);
    document.dispatchEvent(new CustomEvent("autoprec:replaced", { detail: main }));
    return;
  }
  for (const old of document.querySelectorAll("[data-part]")) replace(old, fetched.getElementById(old.id));
}

function replace(old, fresh) {
  localize(fresh);
  if (old.dataset.figures !== undefined) {
    document.dispatchEvent(new CustomEvent("autoprec:figures", { detail: { old, fresh } }));
    return;
  }
  if (old.innerHTML === fresh.innerHTML) return;
  const open = [...old.querySelectorAll("details")].map((each) => each.open);
  const focused = old.contains(document.activeElement) ? [...old.querySelectorAll("a, button, input, select, summary")].indexOf(document.activeElement) : -1;
  old.replaceChildren(...fresh.childNodes);
  old.querySelectorAll("details").forEach((each, number) => { each.open = open[number] ?? each.open; });
  if (focused >= 0) old.querySelectorAll("a, button, input, select, summary")[focused]?.focus({ preventScroll: true });
  old.classList.remove("fresh");
  void old.offsetWidth;
  old.classList.add("fresh");
}

function schedule() {
  if (due === null) due = setTimeout(refresh, Math.max(150, shortestPause - (Date.now() - refreshedAt)));
}

function concerns(event, kind) {
  const { liveId, liveModel } = main.dataset;
  if (!liveId && !liveModel) return true;
  try {
    const change = JSON.parse(event.data);
    if (kind === "study" && liveId) return change.id === liveId;
    return !liveModel || change.model_fingerprint === liveModel;
  } catch {
    return true;
  }
}

function listen() {
  const kinds = (main.dataset.live ?? "").split(" ").filter(Boolean);
  if (!kinds.length) return;
  const source = new EventSource(main.dataset.events);
  source.addEventListener("open", () => show("on", "live"));
  source.addEventListener("error", () => show("off", "reconnecting"));
  for (const kind of kinds) {
    source.addEventListener(kind, (event) => { if (concerns(event, kind)) schedule(); });
  }
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  const every = Number(main.dataset.every ?? 0);
  if (every) setInterval(() => { if (!document.hidden) schedule(); }, every * 1000);
}

localize(document);
labelTheme();
document.getElementById("theme").addEventListener("click", nextTheme);
document.getElementById("keys").addEventListener("click", () => document.getElementById("shortcuts").showModal());
document.addEventListener("keydown", onKey);
document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.copy !== undefined) copy(button);
  if (button?.dataset.csv !== undefined) tableCsv(button);
});
document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-filters]");
  if (form && event.target.matches("select, [type=checkbox]")) apply(form);
});
document.addEventListener("submit", (event) => {
  if (event.target.matches("form[data-filters]")) {
    event.preventDefault();
    apply(event.target);
  }
});
listen();
root.dataset.ready = "yes";
performance.mark("ready");
