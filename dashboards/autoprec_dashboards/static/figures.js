// Figures: drawn by plotly when they come into view, in the colours of the page, and again when those change.

import { csvCell, download } from "./app.js";

const root = document.documentElement;
const NARROW = 480;
let plotly = null;

function loaded() {
  plotly ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = root.dataset.plotly;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => reject(new Error("plotly could not be loaded"));
    document.head.append(script);
  });
  return plotly;
}

// Plotly reads a colour itself and knows no light-dark(): what the browser makes of a property is asked of an element.
function colour(name) {
  const probe = document.createElement("span");
  probe.hidden = true;
  document.body.append(probe);
  probe.style.color = `var(${name})`;
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

function themed(layout, height, width) {
  const [text, line, surface] = ["--muted", "--line", "--surface"].map(colour);
  const narrow = width < NARROW;
  const axis = (given) => given && ({ gridcolor: line, linecolor: line, zerolinecolor: line, ...given });
  return {
    ...layout,
    xaxis: axis(layout.xaxis),
    yaxis: axis(layout.yaxis),
    height,
    margin: narrow ? { ...layout.margin, l: 44, r: 8 } : layout.margin,
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: getComputedStyle(document.body).fontFamily, size: narrow ? 11 : 12, color: text },
    hoverlabel: { bgcolor: surface, bordercolor: line, font: { color: colour("--text") } },
    autosize: true,
  };
}

function data(figure) {
  return JSON.parse(figure.querySelector("script").textContent);
}

async function draw(figure) {
  const Plotly = await loaded();
  const plot = figure.querySelector(".plot");
  const { data: traces, layout } = data(figure);
  figure.querySelector(".plot-space")?.remove();
  await Plotly.react(plot, traces, themed(layout, Number(plot.dataset.height), plot.clientWidth), { displayModeBar: false, responsive: true, showTips: false });
  figure.dataset.drawn = "yes";
}

const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    seen.unobserve(entry.target);
    draw(entry.target);
  }
}, { rootMargin: "200px" });

function watch(part) {
  for (const figure of part.querySelectorAll("figure.panel")) seen.observe(figure);
}

function redraw() {
  for (const figure of document.querySelectorAll("figure[data-drawn]")) draw(figure);
}

function update({ old, fresh }) {
  const ids = (part) => [...part.children].map((each) => each.id).join(" ");
  if (ids(old) !== ids(fresh)) {
    old.replaceChildren(...fresh.children);
    watch(old);
    return;
  }
  for (const figure of fresh.children) {
    const own = document.getElementById(figure.id);
    const script = own.querySelector("script");
    const text = figure.querySelector("script").textContent;
    if (script.textContent === text) continue;
    script.textContent = text;
    own.querySelector(".plot").dataset.height = figure.querySelector(".plot").dataset.height;
    if (own.dataset.drawn) draw(own);
  }
}

async function png(figure) {
  const Plotly = await loaded();
  if (!figure.dataset.drawn) await draw(figure);
  const plot = figure.querySelector(".plot");
  // What is saved stands alone: it gets the paper of the page behind it.
  const image = await Plotly.toImage({ data: plot.data, layout: { ...plot.layout, paper_bgcolor: colour("--surface") } }, { format: "png", width: plot.clientWidth, height: plot.clientHeight, scale: 2 });
  const link = document.createElement("a");
  link.href = image;
  link.download = `${figure.id}.png`;
  link.click();
}

function csv(figure) {
  const { data: traces, layout } = data(figure);
  const heading = (axis, otherwise) => axis?.title?.text || otherwise;
  const lines = [["series", heading(layout.xaxis, "x"), heading(layout.yaxis, "y")]];
  for (const trace of traces) {
    if (trace.type === "box") {
      lines.push(...["lowerfence", "q1", "median", "q3", "upperfence"].map((name) => [`${trace.name} ${name}`, trace[name][0], ""]));
    } else {
      lines.push(...trace.x.map((x, number) => [trace.name ?? "", x, trace.y[number]]));
    }
  }
  download(`${figure.id}.csv`, "text/csv", `${lines.map((line) => line.map(csvCell).join(",")).join("\r\n")}\r\n`);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.png !== undefined) png(button.closest("figure"));
  if (button?.dataset.figureCsv !== undefined) csv(button.closest("figure"));
});
document.addEventListener("autoprec:theme", redraw);
document.addEventListener("autoprec:replaced", (event) => watch(event.detail));
document.addEventListener("autoprec:figures", (event) => update(event.detail));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
watch(document);
