# knn.awk LABELS REF QUERY: for each cell of QUERY its label in LABELS (tech, barcode, cell type), and the label that
# most of its 15 nearest cells of REF have. REF and QUERY are embeddings as sc-view prints them.
BEGIN { FS = OFS = "\t"; K = 15 }
FNR == 1 { file++; next }
file == 1 {
    label[$2 "-" $1] = $3
    if ($1 == "5p" || $1 == "") query[$2] = $3
    if ($1 != "5p") ref[$2] = $3
    next
}
file == 2 {
    n++
    type[n] = $1 in label ? label[$1] : ref[$1]
    for (d = 2; d <= NF; d++) z[n, d] = $d
    next
}
{
    for (k = 1; k <= K; k++) near[k] = 1e300
    for (i = 1; i <= n; i++) {
        s = 0
        for (d = 2; d <= NF && s < near[K]; d++) s += ($d - z[i, d]) ^ 2
        if (s >= near[K]) continue
        for (k = K; k > 1 && near[k - 1] > s; k--) { near[k] = near[k - 1]; who[k] = who[k - 1] }
        near[k] = s
        who[k] = i
    }
    split("", votes)
    best = ""
    for (k = 1; k <= K; k++) {
        t = type[who[k]]
        if (++votes[t] > votes[best]) best = t
    }
    print $1, query[$1], best
}
