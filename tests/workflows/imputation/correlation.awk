# Of the truth and of tables of what was imputed, one for each seed (the file's name): Pearson's correlation of log(1 + x)
# over the truth's cells, for each hidden protein, and the mean over proteins; the last row is the mean over seeds.
BEGIN {
    n_hidden = split(hidden, h, " ")
    printf "seed"
    for (k = 1; k <= n_hidden; k++) printf "\t%s", h[k]
    print "\tmean"
}
FNR == 1 {
    if (n_files++ > 1) tell()
    for (i = 2; i <= NF; i++) column[$i] = i
    name = FILENAME
    sub(/.*\//, "", name)
    sub(/\.tsv$/, "", name)
    next
}
n_files == 1 {
    for (k = 1; k <= n_hidden; k++) truth[$1, k] = log(1 + $column[h[k] "_TotalSeqB"])
    is_cell[$1] = 1
    next
}
$1 in is_cell {
    n++
    for (k = 1; k <= n_hidden; k++) {
        x = truth[$1, k]
        y = log(1 + $column[h[k] "_TotalSeqB"])
        sx[k] += x; sy[k] += y; sxx[k] += x * x; syy[k] += y * y; sxy[k] += x * y
    }
}
function tell(    k, r, sum) {
    printf "%s", name
    for (k = 1; k <= n_hidden; k++) {
        r = (n * sxy[k] - sx[k] * sy[k]) / sqrt((n * sxx[k] - sx[k] ^ 2) * (n * syy[k] - sy[k] ^ 2))
        printf "\t%.3f", r
        sum += r
        all[k] += r
        sx[k] = sy[k] = sxx[k] = syy[k] = sxy[k] = 0
    }
    printf "\t%.3f\n", sum / n_hidden
    n = 0
    n_seeds++
}
END {
    tell()
    printf "mean"
    for (k = 1; k <= n_hidden; k++) {
        printf "\t%.3f", all[k] / n_seeds
        total += all[k] / n_seeds
    }
    printf "\t%.3f\n", total / n_hidden
}
