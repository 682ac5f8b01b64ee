# awk -v truth=T -v seeds=S -v of=A -f confusion.awk OBS: cells by column T (rows) and A, where S is Unknown.
BEGIN { FS = OFS = "\t" }
NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
$at[seeds] == "Unknown" {
    t = $at[truth]; p = $at[of]; cells[t, p]++
    if (!(t in row)) { row[t] = 1; rows[++n_rows] = t }
    if (!(p in col)) { col[p] = 1; cols[++n_cols] = p }
}
function sort(a, n,    i, j, v) { for (i = 2; i <= n; i++) { v = a[i]; for (j = i; j > 1 && a[j - 1] > v; j--) a[j] = a[j - 1]; a[j] = v } }
END {
    sort(rows, n_rows); sort(cols, n_cols)
    printf "truth"; for (j = 1; j <= n_cols; j++) printf "\t%s", cols[j]; print ""
    for (i = 1; i <= n_rows; i++) { printf "%s", rows[i]; for (j = 1; j <= n_cols; j++) printf "\t%d", cells[rows[i], cols[j]]; print "" }
}
