// What the page holds: JSON, then bytes that are deflated and in base 64. Genes are decoded a chunk at a time, when
// one of them is asked for.
const meta = JSON.parse(document.getElementById("data-meta").textContent);
if (!meta.model.history || !meta.model.history.rows) meta.model.history = null; // scvi-tools' files have none

async function inflate(base64) {
  const raw = atob(base64), packed = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) packed[i] = raw.charCodeAt(i);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Codes of 16 bits to numbers; the last code is a missing value.
function numbersOf(bytes, n, low, step) {
  const v = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    const code = bytes[2 * i] | (bytes[2 * i + 1] << 8);
    v[i] = code === 65535 ? NaN : low + step * code;
  }
  return v;
}

async function readCells() {
  const bytes = await inflate(document.getElementById("data-cells").textContent), n = meta.n;
  let at = 0;
  const take = (size) => bytes.subarray(at, (at += size));
  for (const c of meta.columns)
    if (c.levels) c.codes = take(n);
    else c.values = numbersOf(take(2 * n), n, c.low, c.step);
  for (const r of meta.reps) for (const d of r.dims) d.values = numbersOf(take(2 * n), n, d.low, d.step);
  if (meta.loadings) {
    const size = meta.loadings.genes.length * meta.loadings.d;
    meta.loadings.values = new Float32Array(take(4 * size).slice().buffer);
  }
  meta.names = new TextDecoder().decode(bytes.subarray(at)).split("\n");
}

const chunks = new Map();
let chunkLines = null;

// How many cells express each gene of the chunk, the gaps between them gene by gene, a code for each.
function unpack(bytes, nGenes) {
  let at = 0;
  const next = () => {
    let v = 0, shift = 0, b;
    do {
      b = bytes[at++];
      v |= (b & 127) << shift;
      shift += 7;
    } while (b & 128);
    return v;
  };
  const genes = Array.from({ length: nGenes }, () => ({ cells: new Int32Array(next()) }));
  for (const g of genes) {
    let cell = -1;
    for (let k = 0; k < g.cells.length; k++) g.cells[k] = cell += next() + 1;
  }
  for (const g of genes) g.codes = bytes.subarray(at, (at += g.cells.length));
  return genes;
}

// Expression of a gene in every cell, zeros included.
async function readGene(index) {
  const size = meta.genes.chunk, k = Math.floor(index / size);
  chunkLines = chunkLines || document.getElementById("data-genes").textContent.split("\n");
  if (!chunks.has(k)) {
    const n = Math.min(size, meta.genes.names.length - k * size);
    chunks.set(k, inflate(chunkLines[k]).then((bytes) => unpack(bytes, n)));
  }
  const gene = (await chunks.get(k))[index % size], values = new Float64Array(meta.n);
  for (let i = 0; i < gene.cells.length; i++)
    values[gene.cells[i]] = (gene.codes[i] / meta.genes.shades) * meta.genes.most[index];
  return values;
}

// A number as people read it: four digits, no trailing zeros.
function say(x) {
  if (typeof x !== "number") return String(x);
  if (!Number.isFinite(x)) return "missing";
  const size = Math.abs(x);
  if (size !== 0 && (size < 1e-4 || size >= 1e9)) return x.toExponential(2).replace("-", "−");
  const digits = Number.isInteger(x) ? 0 : Math.max(0, 3 - Math.floor(Math.log10(size || 1)));
  const text = x.toFixed(Math.min(digits, 6)), short = text.includes(".") ? text.replace(/\.?0+$/, "") : text;
  const [whole, part] = short.replace("-", "−").split(".");
  return whole.replace(/\B(?=(\d{3})+$)/g, whole.length > 4 ? "\u2009" : "") + (part ? "." + part : "");
}

function make(tag, attributes, ...children) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(attributes || {}))
    if (k === "on") for (const [event, f] of Object.entries(v)) e.addEventListener(event, f);
    else e.setAttribute(k, v);
  e.append(...children);
  return e;
}
