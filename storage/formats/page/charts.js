// Reads a curve's values under the pointer, or at the arrow keys: a line, a dot for each run, and the numbers in words.
"use strict";
for (const figure of document.querySelectorAll(".curve")) {
  const svg = figure.querySelector("svg"), marks = svg.querySelector(".marks"), text = figure.querySelector(".reading");
  const { left, right, top, bottom, first, last, low, high, series } = JSON.parse(svg.dataset.curve);
  const steps = series[0].points.map(([step]) => step), resting = text.textContent;
  let at = null;
  const across = step => left + ((right - left) * (step - first)) / (last - first);
  const down = value => top + ((bottom - top) * (high - value)) / (high - low);
  const nearest = (points, step) => points.reduce((a, b) => (Math.abs(b[0] - step) < Math.abs(a[0] - step) ? b : a));
  function read(step) {
    at = step;
    const rows = series.map(({ name, points }) => ({ name, value: nearest(points, step)[1] }));
    const dots = rows.map(({ value }, run) => value === null ? "" : `<circle class="run-${run + 1}" cx="${across(step)}" cy="${down(value)}" r="3.5"/>`);
    marks.innerHTML = `<line x1="${across(step)}" x2="${across(step)}" y1="${top}" y2="${bottom}"/>${dots.join("")}`;
    const shown = value => (value === null ? "not finite" : Number(value.toPrecision(4)));
    text.textContent = `step ${step}: ` + rows.map(({ name, value }) => (name ? `${name} ` : "") + shown(value)).join(", ");
  }
  function leave() {
    at = null;
    marks.replaceChildren();
    text.textContent = resting;
  }
  function point(event) {
    const box = svg.getBoundingClientRect(), x = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
    read(nearest(steps.map(step => [step]), first + ((x - left) / (right - left)) * (last - first))[0]);
  }
  svg.addEventListener("pointermove", point);
  svg.addEventListener("pointerdown", point);
  svg.addEventListener("pointerleave", leave);
  svg.addEventListener("blur", leave);
  svg.addEventListener("keydown", event => {
    const move = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity }[event.key];
    if (!move) return;
    event.preventDefault();
    const index = at === null ? (move > 0 ? -1 : steps.length) : steps.indexOf(at);
    read(steps[Math.max(0, Math.min(steps.length - 1, index + move))]);
  });
}
