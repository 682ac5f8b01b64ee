#!/bin/sh
# seeds.sh [FOLDER]: figure6.sh on simulated cells of RUNS (0 1 2 3 4), another seed each, with the settings it comes with;
# FOLDER/table.tsv has the accuracies, and by how much scANVI is above the others: for each run, the mean over them and
# the standard deviation. A run that is there already is kept.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-figure6-seeds}
mkdir -p "$folder"
for seed in ${RUNS:-0 1 2 3 4}; do
    [ ! -e "$folder/$seed/row.tsv" ] || continue
    SEED=$seed PICTURES=no "$here/figure6.sh" "$folder/$seed"
    awk -F'\t' -v OFS='\t' -v seed="$seed" '
        NR > 1 { of[$1] = $3 }
        END { print seed, of["scanvi"], of["knn"], of["kmeans"], of["scanvi"] - of["knn"], of["scanvi"] - of["kmeans"] }
    ' "$folder/$seed/accuracy.tsv" >"$folder/$seed/row.tsv"
done
for seed in ${RUNS:-0 1 2 3 4}; do cat "$folder/$seed/row.tsv"; done | awk -F'\t' -v OFS='\t' '
    BEGIN { print "seed", "scanvi", "knn", "kmeans", "above_knn", "above_kmeans" }
    { print; for (i = 2; i <= NF; i++) { sum[i] += $i; square[i] += $i * $i } }
    END {
        mean = "mean"; sd = "sd"
        for (i = 2; i <= NF; i++) {
            mean = mean OFS sprintf("%.4f", sum[i] / NR)
            v = NR > 1 ? (square[i] - sum[i] * sum[i] / NR) / (NR - 1) : 0
            sd = sd OFS sprintf("%.4f", v > 0 ? sqrt(v) : 0)
        }
        print mean; print sd
    }' >"$folder/table.tsv"
cat "$folder/table.tsv"
