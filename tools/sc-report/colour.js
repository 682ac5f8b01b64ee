// Colours: the same categories as sc-plot's; ramps for light and dark pages, from what recedes to what stands out.
const categoryColours = [
  "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#5c6470", "#7b3294", "#8c510a",
  "#80cdc1", "#a6d854", "#b2182b", "#1b2a6b", "#fdb8a0", "#4d6b1e", "#b3a2d9", "#00565b", "#e7298a", "#c7b299",
];
const onDark = { "#1b2a6b": "#6f83e0", "#00565b": "#2fa0a6", "#4d6b1e": "#86a84a", "#5c6470": "#98a0ae", "#7b3294": "#b06cc8", "#8c510a": "#c08a3e" };
const ramps = {
  number: ["#440f54", "#472f7d", "#3b528b", "#2c718e", "#21908c", "#27ad81", "#5cc863", "#aadc32", "#f2e127"],
  geneLight: ["#dddce0", "#d3b5c8", "#c988b0", "#b35a9c", "#8f3089", "#5f1570", "#2e0854"],
  geneDark: ["#3a3c44", "#5d3a63", "#8f3d7b", "#c2497d", "#e8706a", "#f9a862", "#fde9a0"],
};
const isDark = () => document.documentElement.dataset.theme === "dark";
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function categoryColour(k) {
  const n = categoryColours.length, base = categoryColours[k % n], c = isDark() ? onDark[base] || base : base;
  const round = Math.floor(k / n);
  if (!round) return c;
  const part = Math.min(0.75, Math.floor((round + 1) / 2) * 0.3), towards = round % 2 ? 255 : 0;
  return toHex(fromHex(c).map((v) => v + (towards - v) * part));
}
const fromHex = (hex) => [1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16));
const toHex = (rgb) => "#" + rgb.map((v) => Math.round(v).toString(16).padStart(2, "0")).join("");

const rampOf = (isGene) => (isGene ? (isDark() ? ramps.geneDark : ramps.geneLight) : ramps.number);
function rampColour(stops, u) {
  const at = Math.min(Math.max(u, 0), 1) * (stops.length - 1), k = Math.min(Math.floor(at), stops.length - 2);
  const a = fromHex(stops[k]), b = fromHex(stops[k + 1]);
  return toHex(a.map((v, i) => v + (b[i] - v) * (at - k)));
}

// A tint says of each cell which of a few colours it has: {colours, of (index into colours), order, ...}.
const SHADES = 48;

function categoryTint(column) {
  const n = column.levels.length, count = new Array(n + 1).fill(0), of = new Uint16Array(meta.n);
  for (let i = 0; i < meta.n; i++) count[(of[i] = column.codes[i] === 255 ? n : column.codes[i])]++;
  return {
    title: column.name, kind: "category", of, count, shown: new Set([...Array(n + 1).keys()]),
    names: [...column.levels, "missing"],
    colours: () => [...column.levels.map((_, k) => categoryColour(k)), css("--missing")],
    say: (i) => (column.codes[i] === 255 ? "missing" : column.levels[column.codes[i]]),
  };
}

// The ramp spans the middle 98 %; that of a gene begins at 0.
function numberTint(title, values, isGene, unit) {
  const sorted = Float64Array.from(values).filter((v) => !Number.isNaN(v) && (!isGene || v > 0)).sort();
  const cut = Math.floor((sorted.length - 1) / 100);
  const low = !sorted.length || isGene ? 0 : sorted[cut], high = sorted.length ? sorted[sorted.length - 1 - cut] : 0;
  const of = new Uint16Array(meta.n);
  for (let i = 0; i < meta.n; i++)
    of[i] = Number.isNaN(values[i]) ? SHADES
      : high > low ? Math.round(Math.min(Math.max((values[i] - low) / (high - low), 0), 1) * (SHADES - 1))
        : isGene ? 0 : SHADES / 2;
  const missing = values.some(Number.isNaN), expressed = isGene ? sorted.length : 0;
  return {
    title, kind: "number", of, low, high, missing, isGene, unit, expressed,
    colours: () => [...Array(SHADES).keys()].map((k) => rampColour(rampOf(isGene), k / (SHADES - 1))).concat(css("--missing")),
    say: (i) => say(isGene ? Number(values[i].toPrecision(3)) : values[i]),
  };
}
