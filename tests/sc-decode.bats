#!/usr/bin/env bats
load helper

setup_file() {
    export F=$BATS_FILE_TMPDIR
    sc-sim -q --n-obs 150 --n-vars 60 --n-types 3 --n-batches 2 --seed 1 >"$F/sim.scz"
    sc-fit -q -m scvi --batch-key batch --n-latent 3 --n-hidden 16 --max-epochs 3 -o "$F/m.scm" "$F/sim.scz"
}

@test "an output goes where its shape belongs: layers, var, obs, obsm" {
    sc-decode --what px_scale,px_rate,px_r,library,latent "$F/m.scm" "$F/sim.scz" >"$T/d"
    sc-view -H "$T/d" >"$T/h"
    grep -q '^layers/px_scale: real, dense$' "$T/h"
    grep -q '^layers/px_rate: real, dense$' "$T/h"
    grep -q '^obsm/latent: real, dense, 3 columns$' "$T/h"
    grep -q '^obs: .*library (real)' "$T/h"
    grep -q '^var: .*px_r (real)' "$T/h"
}

@test "px_scale is a share, and px_rate that share of the library" {
    sc-decode "$F/m.scm" "$F/sim.scz" | sc-view -t layers/px_scale |
        awk 'NR > 1 { s = 0; for (i = 2; i <= NF; i++) s += $i; if (s < 0.9999 || s > 1.0001) exit 1 }'
    sc-decode --what px_rate "$F/m.scm" "$F/sim.scz" | sc-view -t layers/px_rate >"$T/rate"
    sc-decode --library-size latent "$F/m.scm" "$F/sim.scz" | sc-view -t layers/px_scale | cmp - "$T/rate"
    sc-decode --library-size 1e4 "$F/m.scm" "$F/sim.scz" | sc-view -t layers/px_scale |
        awk 'NR > 1 { s = 0; for (i = 2; i <= NF; i++) s += $i; if (s < 9999 || s > 10001) exit 1 }'
}

@test "a cell decodes to the same bits in any company, and on any number of threads" {
    sc-decode -@ 1 --no-PG --latent sample --n-samples 3 "$F/m.scm" "$F/sim.scz" >"$T/a"
    sc-decode -@ 3 --no-PG --latent sample --n-samples 3 "$F/m.scm" <"$F/sim.scz" | cmp - "$T/a"
}

@test "draws a row each: their mean is the averaged output, and the cell's other columns repeat" {
    sc-decode --latent sample --n-samples 4 "$F/m.scm" "$F/sim.scz" | sc-view -t layers/px_scale | cut -f 1,2 >"$T/mean"
    sc-decode --latent sample --n-samples 4 --each-sample "$F/m.scm" "$F/sim.scz" >"$T/each"
    sc-view -t layers/px_scale "$T/each" | cut -f 1,2 | awk -v OFS='\t' '
        NR == 1 { print; next }
        { s += $2 } NR % 4 == 1 { printf "%s\t%.9g\n", $1, s / 4; s = 0 }' >"$T/ours"
    paste "$T/mean" "$T/ours" | awk 'NR > 1 { d = $2 - $4; if ($1 != $3 || d > 1e-7 || d < -1e-7) exit 1 }'
    [ "$(sc-view -t obs "$T/each" | awk -F'\t' 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "sample") c = i } NR > 1 && NR < 6 { printf "%s", $c }')" = 0123 ]
}

@test "--each-sample with more draws than a block has rows" {
    [ "$(sc-decode --latent sample --n-samples 1500 --each-sample "$F/m.scm" "$F/sim.scz" |
        sc-view -t obs | awk 'END { print NR }')" -eq 225001 ]
}

@test "--transform-batch: a cell of that batch stays as it is, and several are averaged" {
    sc-decode "$F/m.scm" "$F/sim.scz" | sc-view -t layers/px_scale | cut -f 1,2 >"$T/own"
    for b in batch_1 batch_2 batch_1,batch_2; do
        sc-decode --transform-batch "$b" "$F/m.scm" "$F/sim.scz" | sc-view -t layers/px_scale | cut -f 2 >"$T/$b"
    done
    sc-view -t obs "$F/sim.scz" | awk -F'\t' 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "batch") c = i } { print $c }' >"$T/batch"
    paste "$T/batch" "$T/own" "$T/batch_1" "$T/batch_2" "$T/batch_1,batch_2" | awk '
        NR == 1 { next }
        $3 != ($1 == "batch_1" ? $4 : $5) { exit 1 }
        { d = ($4 + $5) / 2 - $6; if (d > 1e-7 || d < -1e-7) exit 1 }
        $4 != $5 { differ++ }
        END { exit !differ }'
    fails 2 "knows no batch 'batch_3'; did you mean" sc-decode --transform-batch batch_3 "$F/m.scm" "$F/sim.scz"
}

# peak COMMAND...: its peak of memory in KB, without its output.
peak() {
    /usr/bin/time -f %M -o "$T/kb" "$@" >/dev/null && tail -n 1 "$T/kb"
}

@test "cells x genes stream: memory of what decodes, draws or scores them is that of a few blocks" {
    need_command /usr/bin/time
    ! grep -q __asan_init "$(command -v sc-decode)" || skip "AddressSanitizer takes memory of its own"
    sc-sim -q --n-obs 20000 --n-vars 2000 --n-types 3 --n-batches 2 --seed 1 -o "$T/many.scz" # decoded 160 MB
    sc-sim -q --n-obs 500 --n-vars 2000 --n-types 3 --n-batches 2 --seed 1 -o "$T/few.scz"
    sc-fit -q -m scvi --batch-key batch --n-hidden 16 --max-epochs 1 -o "$T/m.scm" "$T/few.scz"
    for tool in sc-decode sc-sample sc-score "sc-embed --minify" "sc-decode --latent sample --transform-batch batch_1,batch_2"; do
        # shellcheck disable=SC2086
        kb=$(peak $tool -q -@ 2 "$T/m.scm" "$T/many.scz")
        echo "$tool: $kb KB"
        [ "$kb" -gt 1000 ] && [ "$kb" -lt 100000 ]
    done
    for what in px_scale px_scale,px_rate,px_dropout; do # blocks side by side, but not for every thread
        kb=$(peak sc-decode -q -@ 16 --what $what "$T/m.scm" "$T/many.scz")
        echo "$what: $kb KB"
        [ "$kb" -lt 300000 ]
    done
    kb=$(peak sc-de -q -@ 2 --groupby cell_type --group1 type_1 "$T/m.scm" "$T/many.scz") # 80 MB are its draws
    echo "sc-de: $kb KB"
    [ "$kb" -lt 200000 ]
    sc-sim -q --n-obs 20 --n-vars 2000 --n-types 3 --n-batches 2 --seed 1 -o "$T/few.scz"
    few=$(peak sc-score -q -@ 2 --marginal-ll --n-mc-samples 10 "$T/m.scm" "$T/few.scz")
    many=$(peak sc-score -q -@ 2 --marginal-ll --n-mc-samples 1000 "$T/m.scm" "$T/few.scz") # 160 MB if draws were kept
    echo "marginal likelihood: $few and $many KB"
    [ "$many" -lt $((few + 10000)) ]
}

@test "minified cells decode to the bits that their counts give" {
    sc-embed --minify "$F/m.scm" "$F/sim.scz" >"$T/min.scz"
    run sc-view -H "$T/min.scz"
    [[ $output != *"X: counts"* ]]
    for o in "--what px_rate,px_scale" "--what px_rate,library --latent sample --n-samples 3 --transform-batch batch_2"; do
        # shellcheck disable=SC2086
        sc-decode $o "$F/m.scm" "$F/sim.scz" | sc-view -t layers/px_rate >"$T/a"
        # shellcheck disable=SC2086
        sc-decode $o "$F/m.scm" "$T/min.scz" | sc-view -t layers/px_rate | cmp - "$T/a"
    done
    sc-embed "$F/m.scm" "$F/sim.scz" | sc-view -t obsm/X_scvi >"$T/a"
    sc-embed "$F/m.scm" "$T/min.scz" | sc-view -t obsm/X_scvi | cmp - "$T/a"
    fails 3 "minified and have no counts" sc-score "$F/m.scm" "$T/min.scz"
    fails 3 "minified already" sc-embed --minify "$F/m.scm" "$T/min.scz"
}

@test "a tool that needs expression says of minified cells that they are" {
    sc-embed -q --minify "$F/m.scm" "$F/sim.scz" >"$T/min.scz"
    gene=$(sc-view -t var "$F/sim.scz" | sed -n 2p | cut -f 1)
    printf 'label\tpositive\tnegative\nA\t%s\t\n' "$gene" >"$T/seeds.tsv"
    for tool in sc-norm sc-hvg "sc-hvg --layer counts" "sc-hvg --flavor seurat" sc-pca "sc-filter --min-genes 3" "sc-smooth --use-rep X_true" \
        "sc-fit -m scvi" "sc-surgery $F/m.scm" "sc-label --seed-labels $T/seeds.tsv" "sc-view -t X" "sc-view -t layers/counts" \
        "sc-plot latent --use-rep X_true --color $gene" "sc-plot dots --key $gene --group-by cell_type" "sc-write --format csv" "sc-write --format mtx" \
        "sc-write --format npy"; do
        fails 3 "; the cells are minified, and have only what a model decodes" $tool -o "$T/x" "$T/min.scz"
        [ "${#lines[@]}" -eq 1 ]
    done
    [ ! -e "$T/x" ]
}

@test "minified with counts: both are there; another model refuses the posterior" {
    sc-embed --minify=with-counts "$F/m.scm" "$F/sim.scz" >"$T/min.scz"
    sc-score "$F/m.scm" "$F/sim.scz" >"$T/a"
    sc-score "$F/m.scm" "$T/min.scz" | cmp - "$T/a"
    sc-fit -q -m scvi --batch-key batch --n-latent 3 --n-hidden 16 --max-epochs 1 --seed 5 -o "$T/other.scm" "$F/sim.scz"
    fails 3 "minified by another model" sc-decode "$T/other.scm" "$T/min.scz"
    fails 2 "takes one of with-counts" sc-embed --minify=all "$F/m.scm" "$F/sim.scz"
}

@test "minified cells with numbers that are no posterior are refused" {
    sc-embed -q --minify "$F/m.scm" "$F/sim.scz" >"$T/min.scz"
    sc-view -t obs "$T/min.scz" | awk -F'\t' -v OFS='\t' 'NR == 1 { for (i = 2; i <= NF; i++) if ($i == "observed_lib_size") c = i } { print $1, (NR == 3 ? -4 : $c) }' >"$T/obs.tsv"
    sc-annotate -q --drop observed_lib_size "$T/min.scz" | sc-annotate -q --obs "$T/obs.tsv" >"$T/bad.scz"
    fails 3 "is minified, and -4 stands in its 'observed_lib_size'" sc-decode "$F/m.scm" "$T/bad.scz"
    sc-annotate -q --drop observed_lib_size "$T/min.scz" >"$T/bad.scz"
    fails 3 "obs has no column 'observed_lib_size'" sc-decode "$F/m.scm" "$T/bad.scz"
}

@test "genes that the model does not know are left out; its own come in the data's order" {
    sc-sim -q --n-obs 150 --n-vars 60 --n-types 3 --n-batches 2 --seed 1 | sc-view -t X | awk '
        { printf "%s", $1; for (i = NF; i > 1; i--) printf "\t%s", $i; printf "\t%s\n", NR == 1 ? "EXTRA" : 3 }' >"$T/x.tsv"
    sc-view -t obs "$F/sim.scz" >"$T/obs.tsv"
    sc-read -q "$T/x.tsv" | sc-annotate -q --obs "$T/obs.tsv" >"$T/x.scz"
    sc-decode "$F/m.scm" "$F/sim.scz" | sc-view -t layers/px_scale | cut -f 2 >"$T/a"
    sc-decode "$F/m.scm" "$T/x.scz" >"$T/d"
    sc-view -t layers/px_scale "$T/d" | awk '{ print $NF }' | cmp - "$T/a"
    [ "$(sc-view -t var "$T/d" | awk 'END { print NR }')" -eq 61 ]
    [ "$(sc-view -t X -n 1 "$T/d" | awk '{ print NF }' | sort -u)" = 61 ]
}

@test "misuse: one sentence each" {
    fails 2 "has no output 'px'; it has latent, px_scale" sc-decode --what px "$F/m.scm" "$F/sim.scz"
    fails 2 "names 'px_r' twice" sc-decode --what px_r,px_r "$F/m.scm" "$F/sim.scz"
    fails 2 "need --latent sample" sc-decode --n-samples 3 "$F/m.scm" "$F/sim.scz"
    fails 2 "which --what does not name" sc-decode --what px_r --library-size 5 "$F/m.scm" "$F/sim.scz"
    fails 2 "takes a number above 0 or 'latent', not '-1'" sc-decode --library-size -1 "$F/m.scm" "$F/sim.scz"
    fails 2 "can't both come from stdin" sc-decode - <"$F/m.scm"
}
