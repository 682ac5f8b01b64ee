# One line of the bench's table, of files of "seconds KB": own runs, and the peer's, each beside its neighbour in time.
#   awk -v id=LINE -v what=TEXT -v cells=N -v share=S -f row.awk OWN [PEER]
# Medians, least and most; the ratio is the median of the ratios of neighbours. cells=0: no cells to count.
function sort(x, n,    i, j, t) {
    for (i = 2; i <= n; i++)
        for (j = i; j > 1 && x[j] < x[j - 1]; j--) {
            t = x[j]; x[j] = x[j - 1]; x[j - 1] = t
        }
}
function median(x, n) { sort(x, n); return n % 2 ? x[(n + 1) / 2] : (x[n / 2] + x[n / 2 + 1]) / 2 }
function short(v) { return v >= 100 ? sprintf("%.0f", v) : v >= 10 ? sprintf("%.1f", v) : v >= 1 ? sprintf("%.2f", v) : sprintf(v >= 0.1 ? "%.3f" : "%.4f", v) }
function range(x, n) { return short(x[1]) "-" short(x[n]) }
FNR == 1 { side++ }
side == 1 { own[++n] = $1; own_kb[n] = $2; for_ratio[n] = $1 }
side == 2 { peer[++m] = $1; peer_kb[m] = $2; ratio[m] = $1 / for_ratio[m] }
END {
    s = median(own, n)
    mb = median(own_kb, n) / 1024
    line = sprintf("%-18s %-34s %8s %12s %9s %6s %5s", id, what, short(s), range(own, n), cells > 0 ? sprintf("%.0f", cells / s) : "",
        mb > 0 ? sprintf("%.0f", mb) : "", share)
    if (m) {
        p = median(peer, m)
        peer_mb = median(peer_kb, m) / 1024
        line = line sprintf("  %8s %12s %6.0f", short(p), range(peer, m), peer_mb)
        r = median(ratio, m)
        line = line sprintf("  %6.1f %11s %7s", r, short(ratio[1]) "-" short(ratio[m]), "1/" short(peer_mb / mb))
    }
    sub(/ +$/, "", line)
    print line
}
