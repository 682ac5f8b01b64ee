# awk -v K=4 -f kmeans.awk LATENT: a cluster for each cell of LATENT (name, coordinates; a header row) by Lloyd's
# algorithm: the best of three starts, each from cells that lie far apart (the first one differs).
BEGIN { FS = OFS = "\t" }
FNR == 1 { next }
{ name[++n] = $1; dims = NF - 1; for (d = 1; d <= dims; d++) x[n * dims + d] = $(d + 1) }
function distance(i, k,    d, r) {
    r = 0
    for (d = 1; d <= dims; d++) r += (x[i * dims + d] - centre[k * dims + d]) ^ 2
    return r
}
function put(i, k,    d) { for (d = 1; d <= dims; d++) centre[k * dims + d] = x[i * dims + d] }
function start(first,    k, i, r, far) {
    put(first, 1)
    for (i = 1; i <= n; i++) near[i] = distance(i, 1)
    for (k = 2; k <= K; k++) {
        far = 1
        for (i = 1; i <= n; i++) if (near[i] > near[far]) far = i
        put(far, k)
        for (i = 1; i <= n; i++) { r = distance(i, k); if (r < near[i]) near[i] = r }
    }
}
function assign(    i, k, r, total, moved) {
    total = 0; changed = 0
    for (i = 1; i <= n; i++) {
        moved = 1; least = distance(i, 1)
        for (k = 2; k <= K; k++) { r = distance(i, k); if (r < least) { least = r; moved = k } }
        if (of[i] != moved) { of[i] = moved; changed++ }
        total += least
    }
    return total
}
function centres(    i, d, k) {
    split("", sum); split("", size)
    for (i = 1; i <= n; i++) { size[of[i]]++; for (d = 1; d <= dims; d++) sum[of[i] * dims + d] += x[i * dims + d] }
    for (k = 1; k <= K; k++) for (d = 1; d <= dims && size[k]; d++) centre[k * dims + d] = sum[k * dims + d] / size[k]
}
END {
    for (t = 0; t < 3; t++) {
        start(1 + int(t * n / 3))
        for (round = 0; round < 50; round++) { total = assign(); if (!changed) break; centres() }
        if (t == 0 || total < best) { best = total; for (i = 1; i <= n; i++) kept[i] = of[i] }
    }
    print "cell", "kmeans"
    for (i = 1; i <= n; i++) print name[i], "cluster_" kept[i]
}
