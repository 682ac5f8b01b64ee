// Loadings: genes by dimensions, sorted by whichever column is asked for.
function startTable(showGene) {
  const l = meta.loadings, note = document.getElementById("loadings-note"), table = document.getElementById("table");
  const more = document.getElementById("more"), filter = document.getElementById("filter"), bySize = document.getElementById("by-size");
  if (!l) {
    note.textContent = "The model's decoder is not linear, so its genes have no loadings.";
    document.getElementById("loadings-controls").hidden = true;
    document.querySelector("#loadings .scroll").hidden = true;
    return;
  }
  const n = l.genes.length, d = l.d, value = (j, k) => l.values[j * d + k], state = { by: 0, way: -1, shown: 25 };
  let most = 0;
  for (const v of l.values) most = Math.max(most, Math.abs(v));
  const name = (k) => `Z_${k}`, number = new Intl.NumberFormat("en", { minimumFractionDigits: 3, maximumFractionDigits: 3 });
  note.textContent = `${say(n)} genes by ${d} dimensions. A heading sorts; a gene's name colours the map by it.`;

  const heads = [-1, ...Array(d).keys()].map((k) => {
    const button = make("button", { type: "button" }, k < 0 ? "gene" : name(k));
    button.addEventListener("click", () => {
      state.way = state.by === k ? -state.way : k < 0 ? 1 : -1;
      state.by = k;
      state.shown = 25;
      fill();
    });
    return make("th", { scope: "col" }, button);
  });
  const body = make("tbody");
  table.append(make("thead", {}, make("tr", {}, ...heads)), body);

  function rows() {
    const word = filter.value.trim().toLowerCase(), { by, way } = state, list = [];
    for (let j = 0; j < n; j++) if (!word || l.genes[j].toLowerCase().includes(word)) list.push(j);
    const size = bySize.checked ? Math.abs : (v) => v;
    const compare = by < 0 ? (a, b) => l.genes[a].localeCompare(l.genes[b], "en", { numeric: true })
      : (a, b) => size(value(a, by)) - size(value(b, by));
    return list.sort((a, b) => way * compare(a, b) || a - b);
  }
  function cell(v) {
    const part = Math.min(Math.abs(v) / most, 1) * 0.75;
    return make("td", { style: `background: rgba(var(--${v < 0 ? "minus" : "plus"}), ${part.toFixed(2)})` }, number.format(v).replace("-", "−"));
  }
  function fill() {
    const list = rows(), isOnMap = new Set(meta.genes ? meta.genes.names : []);
    heads.forEach((th, k) => {
      const isIt = k - 1 === state.by, arrow = isIt ? (state.way < 0 ? " ▾" : " ▴") : "";
      th.setAttribute("aria-sort", isIt ? (state.way < 0 ? "descending" : "ascending") : "none");
      th.firstChild.textContent = (k === 0 ? "gene" : name(k - 1)) + arrow;
    });
    body.replaceChildren(...list.slice(0, state.shown).map((j) => {
      const gene = l.genes[j], th = make("th", { scope: "row" });
      th.append(isOnMap.has(gene) ? make("button", { type: "button", on: { click: () => showGene(gene, true) } }, gene) : gene);
      return make("tr", {}, th, ...Array.from({ length: d }, (_, k) => cell(value(j, k))));
    }));
    more.hidden = list.length <= state.shown;
    more.textContent = `Show more (${say(list.length - state.shown)} left)`;
  }
  filter.addEventListener("input", () => { state.shown = 25; fill(); });
  bySize.addEventListener("change", fill);
  more.addEventListener("click", () => { state.shown += 100; fill(); });
  fill();
}
