#!/usr/bin/env bats
load helper

# 300 cells in three clumps of ten dimensions, and their graph.
setup_file() {
    export F=$BATS_FILE_TMPDIR
    awk 'BEGIN { s = 1
        printf "cell"; for (k = 0; k < 10; k++) printf "\tg%d", k; print ""
        for (i = 0; i < 300; i++) {
            printf "c%d", i
            for (k = 0; k < 10; k++) {
                s = (s * 16807) % 2147483647
                printf "\t%.6f", s / 2147483647 + (k == i % 3 ? 3 : 0)
            }
            print ""
        } }' >"$F/m.tsv"
    sc-read -q --format csv "$F/m.tsv" | sc-neighbors -q --use-rep X -k 10 >"$F/graph.scz"
}

@test "cells of a clump stand together" {
    sc-umap "$F/graph.scz" | sc-view -t obsm/X_umap >"$T/y.tsv"
    awk -F '\t' 'NR > 1 { x[NR - 2] = $2; y[NR - 2] = $3 }
        END { for (i = 0; i < 300; i++) { best = 1e30
                for (j = 0; j < 300; j++) { d = (x[i] - x[j])^2 + (y[i] - y[j])^2
                    if (j != i && d < best) { best = d; n = j } }
                wrong += (n % 3 != i % 3) }
              exit !(NR == 301 && wrong == 0) }' "$T/y.tsv"
}

@test "the same seed gives the same bytes for any number of threads, another seed does not" {
    sc-umap --no-PG -@ 1 --n-epochs 50 --seed 3 "$F/graph.scz" >"$T/a.scz"
    sc-umap --no-PG -@ 3 --n-epochs 50 --seed 3 <"$F/graph.scz" | cmp - "$T/a.scz"
    cat "$F/graph.scz" | sc-umap --no-PG -@ 2 --n-epochs 50 --seed 3 | cmp - "$T/a.scz"
    ! sc-umap --no-PG --n-epochs 50 --seed 4 "$F/graph.scz" | cmp -s - "$T/a.scz"
    sc-view --check "$T/a.scz"
}

@test "as many dimensions as wanted, under the name wanted, and what else is there stays" {
    sc-umap --n-components 3 --key-added X_three --n-epochs 20 "$F/graph.scz" >"$T/u.scz"
    [ "$(sc-view -t obsm/X_three "$T/u.scz" | head -n 1 | awk '{ print NF }')" -eq 4 ]
    cmp <(sc-view -t obsp/connectivities "$T/u.scz") <(sc-view -t obsp/connectivities "$F/graph.scz")
    cmp <(sc-view -t X "$T/u.scz") <(sc-view -t X "$F/graph.scz")
    for d in 1 5; do sc-umap --n-components $d --n-epochs 20 "$F/graph.scz" >/dev/null; done
}

@test "the curve is the one that umap-learn fits" {
    a=$(sc-umap --min-dist 0.3 --n-epochs 1 "$F/graph.scz" | sc-view -t uns | grep '"a"' | tr -dc '0-9.')
    awk -v a="$a" 'BEGIN { exit !(a > 0.992175 && a < 0.992176) }'
    b=$(sc-umap --min-dist 0.1 --n-epochs 1 "$F/graph.scz" | sc-view -t uns | grep '"b"' | tr -dc '0-9.')
    awk -v b="$b" 'BEGIN { exit !(b > 0.895060 && b < 0.895062) }'
}

@test "parts that nothing joins, and few cells, have places too" {
    awk 'BEGIN { print "cell\ta\tb"; for (i = 0; i < 40; i++)
        printf "c%d\t%d\t%.3f\n", i, 100 * (i % 4), (i * 7 % 40) / 40 }' >"$T/m.tsv"
    sc-read -q --format csv "$T/m.tsv" | sc-neighbors -q --use-rep X -k 4 | sc-umap | sc-view -t obsm/X_umap >"$T/y.tsv"
    [ "$(wc -l <"$T/y.tsv")" -eq 41 ]
    ! grep -qi nan "$T/y.tsv"
    head -n 3 "$T/m.tsv" >"$T/two.tsv"
    sc-read -q --format csv "$T/two.tsv" | sc-neighbors -q --use-rep X -k 2 | sc-umap | sc-view -t obsm/X_umap | grep -qv nan
}

@test "without pushes, or of one epoch, there is a layout as well" {
    sc-umap --negative-sample-rate 0 --n-epochs 5 "$F/graph.scz" | sc-view -t obsm/X_umap >"$T/y.tsv"
    ! grep -qi nan "$T/y.tsv"
}

@test "what is missing or senseless is named" {
    sc-read -q --format csv "$F/m.tsv" >"$T/m.scz"
    fails 3 "sc-neighbors" sc-umap "$T/m.scz" -o "$T/out.scz"
    fails 3 "obsp/near_connectivities" sc-umap --neighbors-key near "$F/graph.scz" -o "$T/out.scz"
    fails 2 "min-dist" sc-umap --min-dist 2 "$F/graph.scz" -o "$T/out.scz"
    [ ! -e "$T/out.scz" ]
}
