const $ = (id) => document.getElementById(id);
const page = { maps: [], tint: null };

function facts(box, list) {
  box.append(...list.filter(([, v]) => v !== undefined && v !== null && v !== "").map(([k, v]) =>
    make("div", {}, make("dt", {}, k), make("dd", {}, typeof v === "string" ? v : say(v)))));
}

function startSummary() {
  const m = meta.model, t = m.training || {}, rows = m.history ? m.history.rows.length : 0;
  const validation = m.history ? curveOf(m.history, "elbo_validation") : [];
  const few = (levels) => (levels.length > 6 ? `${levels.slice(0, 5).join(", ")} and ${levels.length - 5} more` : levels.join(", "));
  facts($("facts"), [
    ["Model", m.variant + (m.brief ? `: ${m.brief}` : "")],
    ["Cells", meta.n < meta.n_total ? `${say(meta.n_total)}, ${say(meta.n)} of them drawn here` : meta.n],
    ["Genes of the model", m.n_genes],
    ["… found in these cells", m.n_matched < m.n_genes ? m.n_matched : "all"],
    ["Proteins", m.n_proteins || null],
    ["Latent dimensions", m.options["n-latent"]],
    ["Epochs", rows || t.epochs],
    ["Cells it was trained on", t.n_train],
    ["Validation cells", t.n_validation],
    ["Negative ELBO, last validation", validation.length ? `${say(validation[validation.length - 1][1])} nats per cell` : null],
    ...m.categories.map((c) => [`Category ${c.key}`, few(c.levels)]),
    ["Expression shown", meta.genes ? `${say(meta.genes.names.length)} genes of ${meta.genes.matrix}, ${meta.genes.unit}` : "none"],
  ]);
  const show = (v) => (v !== null && typeof v === "object" ? JSON.stringify(v) : typeof v === "boolean" ? (v ? "yes" : "no") : v);
  facts($("options"), [...Object.entries(m.options), ...Object.entries(t)].map(([k, v]) => [k, show(v)]));
}

// Theme: what the system asks for, until the button says otherwise.
function startTheme() {
  const choices = ["auto", "light", "dark"], query = matchMedia("(prefers-color-scheme: dark)");
  let choice = "auto";
  try { choice = localStorage.getItem("sluice-theme") || "auto"; } catch (e) { /* a page without storage stays auto */ }
  const apply = () => {
    document.documentElement.dataset.theme = choice === "dark" || (choice === "auto" && query.matches) ? "dark" : "light";
    $("theme").textContent = `Theme: ${choice}`;
    if (page.tint) repaint();
  };
  query.addEventListener("change", apply);
  $("theme").addEventListener("click", () => {
    choice = choices[(choices.indexOf(choice) + 1) % 3];
    try { localStorage.setItem("sluice-theme", choice); } catch (e) { /* as above */ }
    apply();
  });
  apply();
}

function repaint() {
  for (const m of page.maps) m.paint(page.tint);
  drawLegend();
}

function drawLegend() {
  const t = page.tint, box = $("legend"), colours = t.colours();
  const title = make("h3", {}, t.title);
  if (t.kind === "number") {
    const stops = [...Array(9).keys()].map((k) => rampColour(rampOf(t.isGene), 1 - k / 8));
    const ramp = make("div", { class: "ramp", style: `background: linear-gradient(${stops.join(",")})` });
    box.replaceChildren(title, make("div", { class: "ramp-box" }, ramp,
      make("div", { class: "ramp-ends" }, make("span", {}, say(t.high)), make("span", {}, say(t.low)))));
    if (t.unit) box.append(make("p", { class: "note" }, t.unit));
    if (t.isGene) box.append(make("p", { class: "note" }, `${say(t.expressed)} of ${say(meta.n)} cells express it`));
    if (t.missing) box.append(make("p", { class: "note" }, "grey: missing"));
    return;
  }
  const list = make("ul");
  t.names.forEach((name, k) => {
    if (!t.count[k]) return;
    const dot = make("i", { style: `background: ${colours[k]}` });
    const b = make("button", { type: "button", "aria-pressed": String(t.shown.has(k)) }, dot, make("span", {}, name), make("small", {}, say(t.count[k])));
    b.addEventListener("click", () => {
      t.shown.has(k) ? t.shown.delete(k) : t.shown.add(k);
      b.setAttribute("aria-pressed", String(t.shown.has(k)));
      for (const m of page.maps) m.draw();
    });
    list.append(make("li", {}, b));
  });
  box.replaceChildren(title, list, make("p", { class: "note" }, "Click to hide or show."));
}

function colourBy(tint, said) {
  page.tint = tint;
  $("status").textContent = said || "";
  $("cells").setAttribute("aria-label", `${meta.n} cells, coloured by ${tint.title}`);
  repaint();
}

function colourByColumn(k) {
  const c = meta.columns[k];
  colourBy(c.levels ? categoryTint(c) : numberTint(c.name, c.values, false, c.unit));
}

async function showGene(name, jumps) {
  const index = meta.genes ? meta.genes.names.indexOf(name) : -1;
  if (index < 0) {
    $("status").textContent = `There is no gene ${name} on this page.`;
    return;
  }
  const values = await readGene(index);
  $("gene").value = name;
  $("column").value = "";
  colourBy(numberTint(name, values, true, meta.genes.unit), `Coloured by the expression of ${name}.`);
  if (jumps) { $("map").scrollIntoView(); $("cells").focus({ preventScroll: true }); }
}

// A combobox: typing filters, arrows choose, Enter takes, Escape closes.
function startSearch() {
  const input = $("gene"), list = $("gene-list");
  if (!meta.genes || !meta.genes.names.length) {
    input.disabled = true;
    input.placeholder = "no expression";
    return;
  }
  const lower = meta.genes.names.map((g) => g.toLowerCase());
  let found = [], chosen = -1;
  const close = () => { list.hidden = true; input.setAttribute("aria-expanded", "false"); input.removeAttribute("aria-activedescendant"); };
  const choose = (k) => {
    chosen = k;
    [...list.children].forEach((li, i) => li.setAttribute("aria-selected", String(i === k)));
    if (k < 0) return;
    input.setAttribute("aria-activedescendant", `gene-${k}`);
    list.children[k].scrollIntoView({ block: "nearest" });
  };
  const open = () => {
    const word = input.value.trim().toLowerCase();
    const rank = (g) => (lower[g] === word ? 0 : lower[g].startsWith(word) ? 1 : 2);
    found = !word ? [] : [...lower.keys()].filter((g) => lower[g].includes(word)).sort((a, b) => rank(a) - rank(b) || a - b).slice(0, 30);
    list.replaceChildren(...found.map((g, k) => {
      const li = make("li", { role: "option", id: `gene-${k}`, "aria-selected": "false" }, meta.genes.names[g]);
      li.addEventListener("pointerdown", (e) => { e.preventDefault(); close(); showGene(meta.genes.names[g]); });
      return li;
    }));
    list.hidden = !found.length;
    input.setAttribute("aria-expanded", String(!list.hidden));
    choose(found.length ? 0 : -1);
    $("status").textContent = word && !found.length ? `No gene on this page contains “${input.value.trim()}”.` : "";
  };
  input.addEventListener("input", open);
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (e) => {
    if (e.key === "Escape") close();
    if (e.key === "Enter" && !list.hidden && chosen >= 0) { close(); showGene(meta.genes.names[found[chosen]]); }
    if ((e.key === "ArrowDown" || e.key === "ArrowUp") && found.length) {
      e.preventDefault();
      if (list.hidden) open();
      else choose((chosen + (e.key === "ArrowDown" ? 1 : found.length - 1)) % found.length);
    }
  });
}

function tell(map, i) {
  const tip = $("tip");
  map.mark(i);
  tip.hidden = i < 0;
  if (i < 0) return;
  const line = (k, v) => make("div", {}, make("span", {}, `${k} `), v), lines = [];
  if (!meta.columns.some((c) => c.name === page.tint.title)) lines.push(line(page.tint.title, page.tint.say(i)));
  for (const c of meta.columns.slice(0, 8))
    lines.push(line(c.name, c.levels ? (c.codes[i] === 255 ? "missing" : c.levels[c.codes[i]]) : say(c.values[i])));
  tip.replaceChildren(make("b", {}, meta.names[i]), ...lines);
  const x = map.at[2 * i], y = map.at[2 * i + 1];
  tip.style.left = `${x > map.width / 2 ? Math.max(x - tip.offsetWidth - 12, 0) : x + 12}px`;
  tip.style.top = `${Math.max(0, Math.min(y + 12, map.height - tip.offsetHeight - 4))}px`;
}

function startMapInput(map) {
  const canvas = map.canvas;
  let from = null;
  canvas.addEventListener("pointerdown", (e) => { from = [e.offsetX, e.offsetY]; canvas.setPointerCapture(e.pointerId); });
  canvas.addEventListener("pointerup", () => { from = null; });
  canvas.addEventListener("pointermove", (e) => {
    if (from && e.buttons) {
      map.move(e.offsetX - from[0], e.offsetY - from[1]);
      from = [e.offsetX, e.offsetY];
      tell(map, -1);
    } else tell(map, map.near(e.offsetX, e.offsetY));
  });
  canvas.addEventListener("pointerleave", () => tell(map, -1));
  canvas.addEventListener("dblclick", (e) => map.zoomBy(2, e.offsetX, e.offsetY));
  canvas.addEventListener("wheel", (e) => {
    if (!e.ctrlKey && !e.metaKey) return; // the page scrolls; ctrl and the wheel zoom
    e.preventDefault();
    map.zoomBy(e.deltaY < 0 ? 1.25 : 0.8, e.offsetX, e.offsetY);
  }, { passive: false });
  const step = (way) => {
    const i = map.marked < 0 ? (way > 0 ? 0 : meta.n - 1) : (map.marked + way + meta.n) % meta.n;
    tell(map, i);
    $("status").textContent = `${meta.names[i]}: ${page.tint.title} ${page.tint.say(i)}`;
  };
  const keys = {
    ArrowLeft: () => map.move(40, 0), ArrowRight: () => map.move(-40, 0), ArrowUp: () => map.move(0, 40), ArrowDown: () => map.move(0, -40),
    "+": () => map.zoomBy(1.5), "=": () => map.zoomBy(1.5), "-": () => map.zoomBy(1 / 1.5), 0: () => map.showAll(), n: () => step(1), p: () => step(-1),
    Escape: () => tell(map, -1),
  };
  canvas.addEventListener("keydown", (e) => {
    if (!keys[e.key] || e.ctrlKey || e.metaKey || e.altKey) return;
    e.preventDefault();
    keys[e.key]();
  });
  $("zoom-in").addEventListener("click", () => map.zoomBy(1.5));
  $("zoom-out").addEventListener("click", () => map.zoomBy(1 / 1.5));
  $("zoom-all").addEventListener("click", () => map.showAll());
}

function startMap() {
  const map = new CellMap($("cells"), false), rep = $("rep"), dims = [$("dim-x"), $("dim-y")];
  rep.append(...meta.reps.map((r, k) => make("option", { value: k }, r.name)));
  const place = () => {
    const r = meta.reps[rep.value];
    map.place(r.dims[dims[0].value].values, r.dims[dims[1].value].values);
  };
  const choose = () => {
    dims.forEach((d, k) => {
      d.replaceChildren(...meta.reps[rep.value].dims.map((dim, i) => make("option", { value: i }, dim.name)));
      d.value = k;
    });
    place();
  };
  rep.addEventListener("change", choose);
  dims.forEach((d) => d.addEventListener("change", place));
  $("column").append(make("option", { value: "", hidden: "" }, "a gene"), ...meta.columns.map((c, k) => make("option", { value: k }, c.name)));
  $("column").addEventListener("change", () => { $("gene").value = ""; colourByColumn($("column").value); });
  page.maps.push(map);
  choose();
  startMapInput(map);
}

// The model's own space: how far each dimension spreads, and the dimensions in pairs.
function startLatent() {
  const own = `X_${meta.model.variant}`, r = meta.reps.find((q) => q.name === own) || meta.reps.find((q) => q.name !== "X_umap" && q.name !== "spatial");
  if (!r) {
    $("latent-note").textContent = "These cells carry no latent space; sc-embed adds it.";
    return;
  }
  const deviation = r.dims.map((d) => {
    const v = d.values.filter((x) => !Number.isNaN(x)), mean = v.reduce((a, x) => a + x, 0) / v.length;
    return Math.sqrt(v.reduce((a, x) => a + (x - mean) ** 2, 0) / v.length);
  }), most = Math.max(...deviation);
  $("latent-note").textContent = `${r.name}: standard deviation of each dimension over the cells. One near 0 carries nothing.`;
  $("spread").append(...r.dims.map((d, k) => make("div", {}, make("span", {}, d.name),
    make("i", { style: `width: ${((deviation[k] / most) * 100 || 0).toFixed(1)}%` }), make("span", {}, say(Number(deviation[k].toPrecision(3)))))));
  for (let k = 0; k < Math.min(r.dims.length, 20); k += 2) {
    const x = k + 1 < r.dims.length ? k : k - 1, canvas = make("canvas", { role: "img", "aria-label": `${r.dims[x].name} against ${r.dims[x + 1].name}` });
    $("pairs").append(make("figure", {}, canvas, make("figcaption", {}, `${r.dims[x].name} (across), ${r.dims[x + 1].name} (up)`)));
    const map = new CellMap(canvas, true);
    page.maps.push(map);
    map.place(r.dims[x].values, r.dims[x + 1].values);
  }
}

function command(record) {
  const quote = (a) => (/^[\w@%+=:,./-]+$/.test(a) ? a : `'${a.replaceAll("'", "'\\''")}'`);
  return [record.tool, ...record.argv].map(quote).join(" ");
}

function startProvenance() {
  const lines = (list) => list.filter(Boolean).map(command).join("\n");
  $("model-commands").textContent = lines(meta.model.records) || "The model's file does not tell.";
  $("cell-commands").textContent = lines(meta.records) || "The cells' file does not tell.";
  $("page-command").textContent = lines([meta.run]);
  $("version").textContent = `Made by Sluice ${meta.version}. Everything on this page lies in its one file.`;
}

async function start() {
  startTheme();
  await readCells();
  startSummary();
  startMap();
  startLatent();
  startSearch();
  startChart();
  startTable(showGene);
  startProvenance();
  const first = ["leiden", "cell_type"].map((k) => meta.columns.findIndex((c) => c.name === k)).find((k) => k >= 0);
  const k = first !== undefined ? first : meta.columns.findIndex((c) => c.levels);
  if (meta.columns.length) {
    $("column").value = Math.max(k, 0);
    colourByColumn(Math.max(k, 0));
  } else colourBy({ title: "nothing", kind: "category", of: new Uint16Array(meta.n), count: [meta.n], names: ["cells"], shown: new Set([0]),
    colours: () => [categoryColour(0)], say: () => "" });
  document.documentElement.dataset.ready = "yes";
}
start().catch((e) => {
  document.body.prepend(make("p", { class: "note", role: "alert" }, `This page could not be drawn: ${e.message}`));
  throw e;
});
