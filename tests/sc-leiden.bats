#!/usr/bin/env bats
load helper

# 200 cells in four clumps, of 80, 60, 40 and 20 cells.
setup_file() {
    export F=$BATS_FILE_TMPDIR
    awk 'BEGIN { s = 1; print "cell\ta\tb"
        for (i = 0; i < 200; i++) {
            k = i % 10 < 4 ? 0 : i % 10 < 7 ? 1 : i % 10 < 9 ? 2 : 3
            s = (s * 16807) % 2147483647; u = s / 2147483647
            s = (s * 16807) % 2147483647; v = s / 2147483647
            printf "c%d\t%.6f\t%.6f\n", i, u + 5 * (k % 2), v + 5 * int(k / 2)
        } }' >"$F/m.tsv"
    sc-read -q --format csv "$F/m.tsv" | sc-neighbors -q --use-rep X -k 12 >"$F/graph.scz"
}

clusters() { # of a stream: name and cluster
    sc-view -t obs | awk -F '\t' -v key="${1:-leiden}" 'NR == 1 { for (c = 1; c <= NF; c++) if ($c == key) k = c }
        NR > 1 { print $1, $k }'
}

@test "clumps are clusters, the largest first" {
    sc-leiden --resolution 0.1 "$F/graph.scz" | clusters >"$T/c"
    [ "$(awk '{ n[$2]++ } END { print n[0], n[1], n[2], n[3], length(n) }' "$T/c")" = "80 60 40 20 4" ]
    awk '{ i = substr($1, 2) % 10; if ($2 != (i < 4 ? 0 : i < 7 ? 1 : i < 9 ? 2 : 3)) exit 1 }' "$T/c"
}

@test "more resolution, more clusters; few rounds are rounds too" {
    low=$(sc-leiden --resolution 0.1 "$F/graph.scz" | clusters | awk '{ print $2 }' | sort -u | wc -l)
    high=$(sc-leiden --resolution 4 --n-iterations 2 "$F/graph.scz" | clusters | awk '{ print $2 }' | sort -u | wc -l)
    [ "$high" -gt "$low" ]
}

@test "the same seed gives the same bytes, from a pipe too" {
    sc-leiden --no-PG --seed 5 "$F/graph.scz" >"$T/a.scz"
    cat "$F/graph.scz" | sc-leiden --no-PG --seed 5 | cmp - "$T/a.scz"
    sc-view --check "$T/a.scz"
    sc-view -t uns "$T/a.scz" | tr -d ' \n' | grep -q '"random_state":5'
}

@test "a column of that name is replaced, one of another is added" {
    sc-leiden --resolution 4 "$F/graph.scz" | sc-leiden --resolution 0.1 >"$T/a.scz"
    [ "$(sc-view -t obs "$T/a.scz" | head -n 1 | tr '\t' '\n' | grep -c leiden)" -eq 1 ]
    [ "$(clusters <"$T/a.scz" | awk '{ print $2 }' | sort -u | wc -l)" -eq 4 ]
    sc-leiden --key-added fine --resolution 4 "$T/a.scz" | clusters fine | awk '{ print $2 }' | sort -u | wc -l >"$T/n"
    [ "$(cat "$T/n")" -gt 4 ]
}

@test "what is missing or senseless is named" {
    sc-read -q --format csv "$F/m.tsv" >"$T/m.scz"
    fails 3 "sc-neighbors" sc-leiden "$T/m.scz" -o "$T/out.scz"
    fails 2 "n-iterations" sc-leiden --n-iterations 0 "$F/graph.scz" -o "$T/out.scz"
    [ ! -e "$T/out.scz" ]
}
