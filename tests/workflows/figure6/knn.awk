# awk -f knn.awk SEEDS LATENT: the class of each cell of LATENT (name, coordinates; a header row) by a vote of the
# K nearest seeds (default 10), weighted by 1 / distance. SEEDS: name, class; a header row.
BEGIN { FS = OFS = "\t"; if (!K) K = 10 }
FNR == 1 { file++; if (file == 3) print "cell", "knn"; next }
file == 1 { class[$1] = $2; next }
file == 2 { # the first pass over LATENT
    if ($1 in class) { seed[++n] = $1; for (d = 2; d <= NF; d++) at[n, d] = $d }
    next
}
{
    m = 0
    for (s = 1; s <= n; s++) {
        if (seed[s] == $1) continue
        r = 0
        for (d = 2; d <= NF; d++) r += ($d - at[s, d]) ^ 2
        if (m == K && r >= far[m]) continue
        for (i = m < K ? ++m : m; i > 1 && far[i - 1] > r; i--) { far[i] = far[i - 1]; who[i] = who[i - 1] }
        far[i] = r; who[i] = s
    }
    split("", votes); best = ""
    for (i = 1; i <= m; i++) votes[class[seed[who[i]]]] += 1 / (sqrt(far[i]) + 1e-9)
    for (c in votes) if (best == "" || votes[c] > votes[best] || (votes[c] == votes[best] && c < best)) best = c
    print $1, best
}
