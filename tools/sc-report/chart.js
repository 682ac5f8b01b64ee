// The course of the training: one measure by epoch, for training and validation cells.
const measures = [
  ["elbo", "negative ELBO"], ["reconstruction_loss", "reconstruction loss"], ["kl_local", "KL divergence"],
];

function svg(tag, attributes, ...children) {
  const e = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [k, v] of Object.entries(attributes || {})) e.setAttribute(k, v);
  e.append(...children);
  return e;
}

function curveOf(history, name) {
  const x = history.columns.indexOf("epoch"), y = history.columns.indexOf(name);
  if (y < 0) return [];
  return history.rows.map((row, k) => [x < 0 ? k : row[x], row[y]]).filter((p) => typeof p[1] === "number");
}

function niceStep(range, n) {
  const raw = range / n, power = Math.pow(10, Math.floor(Math.log10(raw))), part = raw / power;
  return (part < 1.5 ? 1 : part < 3.5 ? 2 : part < 7.5 ? 5 : 10) * power;
}

// The first epochs are steep: the axis begins where the descent is mostly over, and the curve enters from above.
function valueRange(curves, last) {
  const begin = Math.min(Math.max(2, last / 20), last / 4);
  let low = Infinity, high = -Infinity;
  for (const c of curves)
    for (const [x, y] of c) {
      low = Math.min(low, y);
      if (x >= begin) high = Math.max(high, y);
    }
  if (!(high > low)) high = low + Math.max(Math.abs(low) * 0.01, 1e-3);
  const margin = (high - low) * 0.06;
  return [low - margin, high + margin];
}

function drawChart(box, history, name, label) {
  const kinds = ["train", "validation"], curves = kinds.map((k) => curveOf(history, name + "_" + k));
  const last = Math.max(1, ...curves.flat().map((p) => p[0])), [low, high] = valueRange(curves, last);
  const w = 760, h = 320, left = 70, top = 30, right = w - 14, bottom = h - 44;
  const px = (x) => left + (x / last) * (right - left), py = (y) => bottom - ((y - low) / (high - low)) * (bottom - top);
  const root = svg("svg", { viewBox: `0 0 ${w} ${h}`, role: "img", "aria-label": `${label} by epoch` });
  root.append(svg("clipPath", { id: "plot" }, svg("rect", { x: left - 5, y: top - 2, width: right - left + 10, height: bottom - top + 6 })));
  const step = niceStep(high - low, 5), xStep = Math.max(1, niceStep(last, 6));
  for (let k = Math.ceil(low / step); k * step <= high; k++) {
    root.append(svg("line", { class: "grid", x1: left, x2: right, y1: py(k * step), y2: py(k * step) }));
    root.append(svg("text", { x: left - 8, y: py(k * step) + 4, "text-anchor": "end" }, say(Number((k * step).toPrecision(6)))));
  }
  for (let k = 0; k * xStep <= last; k++)
    root.append(svg("text", { x: px(k * xStep), y: bottom + 18, "text-anchor": "middle" }, say(k * xStep)));
  root.append(svg("text", { x: (left + right) / 2, y: h - 8, "text-anchor": "middle" }, "epoch"));
  root.append(svg("text", { transform: `translate(14 ${(top + bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, `${label} (nats per cell)`));
  const plot = svg("g", { "clip-path": "url(#plot)" });
  let at = left;
  curves.forEach((c, k) => {
    if (!c.length) return;
    plot.append(svg("path", { class: kinds[k], d: "M" + c.map(([x, y]) => `${px(x).toFixed(1)} ${py(y).toFixed(1)}`).join("L") }));
    if (c.length < 60) for (const [x, y] of c) plot.append(svg("circle", { class: kinds[k], cx: px(x), cy: py(y), r: 3 }));
    root.append(svg("path", { class: kinds[k], d: `M${at} 12h22` }), svg("text", { x: at + 28, y: 16 }, kinds[k] === "train" ? "training" : "validation"));
    at += 120;
  });
  const cross = svg("line", { class: "cross", y1: top, y2: bottom, visibility: "hidden" }), words = svg("text", { x: right, y: 16, "text-anchor": "end" });
  root.append(plot, cross, words);
  root.addEventListener("pointermove", (e) => {
    const box = root.getBoundingClientRect(), x = (((e.clientX - box.left) / box.width) * w - left) / (right - left);
    const said = curves.map((c, k) => {
      const near = c.reduce((a, p) => (!a || Math.abs(p[0] - x * last) < Math.abs(a[0] - x * last) ? p : a), null);
      return near ? [near[0], `${kinds[k] === "train" ? "training" : "validation"} ${say(near[1])}`] : null;
    }).filter(Boolean);
    if (!said.length) return;
    const epoch = said[0][0];
    cross.setAttribute("x1", px(epoch));
    cross.setAttribute("x2", px(epoch));
    cross.setAttribute("visibility", "visible");
    words.textContent = `epoch ${epoch}: ${said.map((s) => s[1]).join(", ")}`;
  });
  root.addEventListener("pointerleave", () => { cross.setAttribute("visibility", "hidden"); words.textContent = ""; });
  box.replaceChildren(root);
}

function startChart() {
  const history = meta.model.history, select = document.getElementById("measure");
  if (!history || !history.rows.length) {
    document.getElementById("chart-note").textContent = "The model has no training history.";
    select.closest(".controls").hidden = true;
    return;
  }
  const there = measures.filter(([name]) => curveOf(history, name + "_train").length || curveOf(history, name + "_validation").length);
  select.append(...there.map(([name, label]) => make("option", { value: name }, label)));
  const draw = () => {
    const [name, label] = there[select.selectedIndex];
    drawChart(document.getElementById("chart"), history, name, label);
    const best = curveOf(history, name + "_validation").reduce((a, p) => (!a || p[1] < a[1] ? p : a), null);
    document.getElementById("chart-note").textContent =
      (best ? `Lowest on validation cells: ${say(best[1])} nats per cell, at epoch ${best[0]}. ` : "") + "Lower is better.";
  };
  select.addEventListener("change", draw);
  if (there.length) draw();
}
