# awk -v truth=T -v seeds=S -v of=A,B,... -f compare.awk OBS: accuracy of columns A, B ... against column T over the
# cells whose column S is Unknown. A column whose values are no classes (clusters) is named as suits it best: each
# cluster after the class that most of its cells have.
BEGIN { FS = OFS = "\t"; n_of = split(of, method, ",") }
NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
$at[seeds] != "Unknown" { next }
{
    n++; is_class[$at[truth]] = 1
    for (m = 1; m <= n_of; m++) {
        v = $at[method[m]]; seen[m, v]++
        if (++with[m, v, $at[truth]] > most[m, v]) { most[m, v] = with[m, v, $at[truth]] }
        right[m] += v == $at[truth]
    }
}
END {
    print "method", "cells", "accuracy"
    for (m = 1; m <= n_of; m++) {
        clusters = 1; sum = 0
        for (k in most) { split(k, p, SUBSEP); if (p[1] == m) { sum += most[k]; if (p[2] in is_class) clusters = 0 } }
        printf "%s\t%d\t%.4f\n", method[m], n, (clusters ? sum : right[m]) / n
    }
}
