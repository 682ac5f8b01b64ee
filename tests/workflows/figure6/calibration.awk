# awk -v truth=T -v seeds=S -v of=A -f calibration.awk OBS: how often column A is right, by A_prob in ten bins, where S
# is Unknown; the last row is the expected calibration error.
BEGIN { FS = OFS = "\t" }
NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
$at[seeds] == "Unknown" {
    p = $at[of "_prob"]; b = p >= 1 ? 9 : int(p * 10)
    n++; cells[b]++; confidence[b] += p; right[b] += $at[of] == $at[truth]
}
END {
    print "bin", "cells", "confidence", "accuracy"
    for (b = 0; b < 10; b++) {
        if (!cells[b]) continue
        printf "%.1f-%.1f\t%d\t%.4f\t%.4f\n", b / 10, (b + 1) / 10, cells[b], confidence[b] / cells[b], right[b] / cells[b]
        gap = confidence[b] - right[b]; error += gap < 0 ? -gap : gap
    }
    printf "error\t%d\t\t%.4f\n", n, error / n
}
