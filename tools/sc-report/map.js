// Cells on a canvas: drawn colour by colour, found again by a grid of buckets.

// The same shuffle in every page, so that no category lies on top because it came last.
function shuffled(n) {
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  let s = 12345;
  for (let i = n - 1; i > 0; i--) {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
    const j = Math.floor((s / 4294967296) * (i + 1)), t = order[i];
    order[i] = order[j];
    order[j] = t;
  }
  return order;
}

function rangeOf(v) {
  let low = Infinity, high = -Infinity;
  for (const x of v) if (!Number.isNaN(x)) { low = Math.min(low, x); high = Math.max(high, x); }
  return low < high ? [low, high] : Number.isFinite(low) ? [low - 1, low + 1] : [0, 1];
}

class CellMap {
  constructor(canvas, isSmall) {
    this.canvas = canvas;
    this.isSmall = isSmall;
    this.order = shuffled(meta.n);
    this.zoom = 1;
    this.centre = [0.5, 0.5]; // of the view, in parts of the range
    this.marked = -1;
    new ResizeObserver(() => this.draw()).observe(canvas);
  }
  place(x, y) {
    this.x = x;
    this.y = y;
    this.rx = rangeOf(x);
    this.ry = rangeOf(y);
    this.showAll();
  }
  paint(tint) {
    this.tint = tint;
    this.draw();
  }
  showAll() {
    this.zoom = 1;
    this.centre = [0.5, 0.5];
    this.draw();
  }
  zoomBy(f, px, py) {
    const [ex, ey] = this.extent(), u = px === undefined ? 0 : (px - this.width / 2) / ex;
    const v = py === undefined ? 0 : (py - this.height / 2) / ey;
    const zoom = Math.min(Math.max(this.zoom * f, 1), 60), change = 1 / this.zoom - 1 / zoom;
    this.centre[0] += u * change; // what is under the pointer stays there
    this.centre[1] += v * change;
    this.zoom = zoom;
    this.move(0, 0);
  }
  move(dx, dy) { // pixels
    const [ex, ey] = this.extent();
    this.centre[0] -= dx / ex / this.zoom;
    this.centre[1] -= dy / ey / this.zoom;
    const reach = 0.5 / this.zoom;
    for (const k of [0, 1]) this.centre[k] = Math.min(Math.max(this.centre[k], Math.min(reach, 0.5)), Math.max(1 - reach, 0.5));
    this.draw();
  }
  // Pixels that the whole range takes in x and y at zoom 1: a unit is as long in both, unless the ranges are far apart.
  extent() {
    const w = this.width - 2 * this.pad, h = this.height - 2 * this.pad, x = this.rx[1] - this.rx[0], y = this.ry[1] - this.ry[0];
    if (this.isSmall || x > 5 * y || y > 5 * x) return [w, h];
    const unit = Math.min(w / x, h / y);
    return [unit * x, unit * y];
  }
  // Canvas coordinates of all cells, in one array.
  project() {
    const { width: w, height: h, zoom, centre: c, rx, ry } = this, n = meta.n, at = new Float32Array(2 * n), [ex, ey] = this.extent();
    for (let i = 0; i < n; i++) {
      const u = (this.x[i] - rx[0]) / (rx[1] - rx[0]), v = 1 - (this.y[i] - ry[0]) / (ry[1] - ry[0]);
      at[2 * i] = w / 2 + (u - c[0]) * zoom * ex;
      at[2 * i + 1] = h / 2 + (v - c[1]) * zoom * ey;
    }
    return at;
  }
  draw() {
    const canvas = this.canvas, dpr = window.devicePixelRatio || 1;
    this.width = canvas.clientWidth;
    this.height = canvas.clientHeight;
    if (!this.x || !this.tint || !this.width || !this.height) return;
    this.pad = this.isSmall ? 8 : 16;
    canvas.width = Math.round(this.width * dpr);
    canvas.height = Math.round(this.height * dpr);
    const g = canvas.getContext("2d");
    g.setTransform(dpr, 0, 0, dpr, 0, 0);
    g.fillStyle = css("--card");
    g.fillRect(0, 0, this.width, this.height);
    this.at = this.project();
    this.buckets = null;
    this.drawCells(g);
    if (this.marked >= 0) this.drawMark(g);
  }
  radius() {
    const crowd = Math.max(meta.n, 100) / 200, base = this.isSmall ? 2.2 : 5;
    return Math.max(base * Math.pow(crowd, -0.25), this.isSmall ? 0.8 : 1.3) * Math.pow(this.zoom, 0.35);
  }
  drawCells(g) {
    const { at, tint, width: w, height: h } = this, r = this.radius(), colours = tint.colours(), of = tint.of;
    const isIn = (i) => at[2 * i] > -r && at[2 * i] < w + r && at[2 * i + 1] > -r && at[2 * i + 1] < h + r;
    const dot = (i) => {
      if (r < 2) g.rect(at[2 * i] - r * 0.9, at[2 * i + 1] - r * 0.9, r * 1.8, r * 1.8);
      else { g.moveTo(at[2 * i] + r, at[2 * i + 1]); g.arc(at[2 * i], at[2 * i + 1], r, 0, 6.2832); }
    };
    const missing = colours.length - 1, hidden = (k) => tint.shown && !tint.shown.has(k);
    g.globalAlpha = 0.85;
    if (tint.kind === "number") { // a colour at a time, highest last
      const lists = colours.map(() => []);
      for (const i of this.order) if (isIn(i)) lists[of[i]].push(i);
      for (const k of [missing, ...Array(missing).keys()]) {
        if (!lists[k].length) continue;
        g.beginPath();
        g.fillStyle = colours[k];
        lists[k].forEach(dot);
        g.fill();
      }
      return;
    }
    g.globalAlpha = 0.25;
    g.fillStyle = css("--missing");
    g.beginPath();
    for (const i of this.order) if (hidden(of[i]) && isIn(i)) dot(i);
    g.fill();
    g.globalAlpha = 0.85;
    const slice = 64; // runs of the shuffled order, so that colours stay mixed at a fill a colour and run
    for (let s = 0; s < slice; s++) {
      const lists = new Map(), end = Math.floor(((s + 1) * meta.n) / slice);
      for (let k = Math.floor((s * meta.n) / slice); k < end; k++) {
        const i = this.order[k];
        if (hidden(of[i]) || !isIn(i)) continue;
        if (!lists.has(of[i])) lists.set(of[i], []);
        lists.get(of[i]).push(i);
      }
      for (const [k, list] of lists) {
        g.beginPath();
        g.fillStyle = colours[k];
        list.forEach(dot);
        g.fill();
      }
    }
  }
  drawMark(g) {
    g.globalAlpha = 1;
    g.beginPath();
    g.arc(this.at[2 * this.marked], this.at[2 * this.marked + 1], this.radius() + 3, 0, 6.2832);
    g.strokeStyle = css("--ink");
    g.lineWidth = 1.6;
    g.stroke();
  }
  mark(i) {
    if (this.marked === i) return;
    this.marked = i;
    if (this.waits) return;
    this.waits = true;
    requestAnimationFrame(() => { this.waits = false; this.draw(); });
  }
  // The cell nearest to a place on the canvas, or -1 if none is near; hidden categories are not found.
  near(px, py) {
    const size = 24, reach = 12, columns = Math.ceil(this.width / size) + 1;
    if (!this.at) return -1;
    if (!this.buckets) {
      this.buckets = new Map();
      for (let i = 0; i < meta.n; i++) {
        const x = this.at[2 * i], y = this.at[2 * i + 1];
        if (!(x >= 0 && y >= 0 && x <= this.width && y <= this.height)) continue;
        const key = Math.floor(y / size) * columns + Math.floor(x / size);
        if (!this.buckets.has(key)) this.buckets.set(key, []);
        this.buckets.get(key).push(i);
      }
    }
    let best = -1, least = reach * reach;
    for (let dy = -1; dy <= 1; dy++)
      for (let dx = -1; dx <= 1; dx++)
        for (const i of this.buckets.get((Math.floor(py / size) + dy) * columns + Math.floor(px / size) + dx) || []) {
          if (this.tint.shown && !this.tint.shown.has(this.tint.of[i])) continue;
          const d = (this.at[2 * i] - px) ** 2 + (this.at[2 * i + 1] - py) ** 2;
          if (d < least) { least = d; best = i; }
        }
    return best;
  }
}
