#!/usr/bin/env bats
load helper

# 120 cells in two clumps, which are their types; batches have nothing to do with places.
setup_file() {
    export F=$BATS_FILE_TMPDIR
    awk 'BEGIN { s = 1; print "cell\ta\tb"
        for (i = 0; i < 120; i++) {
            s = (s * 16807) % 2147483647; u = s / 2147483647
            s = (s * 16807) % 2147483647; v = s / 2147483647
            printf "c%d\t%.6f\t%.6f\n", i, u + 9 * (i % 2), v
        } }' >"$F/m.tsv"
    awk 'BEGIN { print "cell\ttype\tbatch\tguess\tone"
        for (i = 0; i < 120; i++) printf "c%d\t%s\t%s\t%s\tall\n", i, i % 2 ? "T" : "B", int(i / 2) % 2 ? "x" : "y",
            (i % 2 && i > 5) ? "1" : "0" }' >"$F/obs.tsv"
    sc-read -q --format csv "$F/m.tsv" | sc-annotate -q --obs "$F/obs.tsv" >"$F/cells.scz"
}

value() { awk -F '\t' -v m="$2" '$1 == m { print $2 }' "$1"; }

@test "types that stand apart and batches that are mixed get high marks" {
    sc-metrics --use-rep X --labels-key type --batch-key batch --cluster-key guess "$F/cells.scz" >"$T/m"
    [ "$(head -n 1 "$T/m")" = "$(printf 'metric\tvalue')" ]
    for m in asw_label isolated_labels_asw asw_batch bras kbet_acceptance clisi total; do
        awk -v v="$(value "$T/m" $m)" 'BEGIN { exit !(v > 0.8 && v <= 1) }'
    done
    [ "$(value "$T/m" graph_connectivity)" = 1 ]
    awk -v v="$(value "$T/m" pcr)" 'BEGIN { exit !(v < 0.05) }'
    awk -v v="$(value "$T/m" ari)" 'BEGIN { exit !(v > 0.7 && v < 1) }'
}

@test "batches in place of types get low marks" {
    sc-metrics --use-rep X --batch-key type "$F/cells.scz" >"$T/m"
    [ "$(value "$T/m" kbet_acceptance)" = 0 ]
    awk -v v="$(value "$T/m" pcr)" 'BEGIN { exit !(v > 0.9) }'
    [ -z "$(value "$T/m" asw_label)" ]
    [ -z "$(value "$T/m" total)" ]
}

@test "what was before is compared with what is now" {
    sc-metrics --use-rep X --before X --batch-key type "$F/cells.scz" >"$T/m"
    [ "$(value "$T/m" pcr_before)" = "$(value "$T/m" pcr)" ]
    [ "$(value "$T/m" pcr_comparison)" = 0 ]
}

@test "a row a cell, and the same figures for any number of threads and from a pipe" {
    sc-metrics --use-rep X --labels-key type --batch-key batch --per-cell "$F/cells.scz" >"$T/c"
    [ "$(head -n 1 "$T/c" | tr '\t' ' ')" = "cell silhouette lisi_batch lisi_label kbet_chi2 kbet_pvalue" ]
    [ "$(wc -l <"$T/c")" -eq 121 ]
    [ "$(sed -n '$p' "$T/c" | cut -f 1)" = c119 ]
    sc-metrics -@ 1 --use-rep X --labels-key type --batch-key batch "$F/cells.scz" >"$T/one"
    cat "$F/cells.scz" | sc-metrics -@ 3 --use-rep X --labels-key type --batch-key batch | cmp - "$T/one"
}

@test "what is missing or senseless is named" {
    fails 2 "--labels-key, --batch-key" sc-metrics --use-rep X "$F/cells.scz" -o "$T/out"
    fails 2 "--cluster-key" sc-metrics --use-rep X --batch-key batch --cluster-key guess "$F/cells.scz" -o "$T/out"
    fails 2 "--before" sc-metrics --use-rep X --labels-key type --before X "$F/cells.scz" -o "$T/out"
    fails 3 "'batch'" sc-metrics --use-rep X --batch-key bacth "$F/cells.scz" -o "$T/out"
    fails 3 "only one value" sc-metrics --use-rep X --batch-key one "$F/cells.scz" -o "$T/out"
    fails 3 "no representation" sc-metrics --batch-key batch "$F/cells.scz" -o "$T/out"
    head -n 50 "$F/m.tsv" >"$T/few.tsv"
    head -n 50 "$F/obs.tsv" >"$T/few_obs.tsv"
    sc-read -q --format csv "$T/few.tsv" | sc-annotate -q --obs "$T/few_obs.tsv" >"$T/few.scz"
    fails 3 "49 cells" sc-metrics --use-rep X --batch-key batch "$T/few.scz" -o "$T/out"
    [ ! -e "$T/out" ]
}
