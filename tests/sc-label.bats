#!/usr/bin/env bats
load helper

setup_file() {
    export F=$BATS_FILE_TMPDIR
    sc-sim -q --n-obs 200 --n-vars 60 --n-types 3 --seed 1 >"$F/sim.scz"
}

# obs COLUMN...: these columns of the stream on stdin, without the header row
obs() {
    sc-view -t obs | awk -F'\t' -v OFS='\t' -v want="$*" '
        NR == 1 { n = split(want, w, " "); for (i = 1; i <= NF; i++) at[$i] = i; next }
        { for (i = 1; i <= n; i++) printf "%s%s", $at[w[i]], i < n ? OFS : "\n" }'
}

@test "the classifier of a model that scvi-tools saved gives its probabilities" {
    need_shared parity/scanvi_linear
    local dir=$SHARED/parity/scanvi_linear
    sc-read -q "$dir/adata.h5ad" | sc-label --soft "$dir/model.pt" >"$T/o"
    sc-view -t obsm/cell_type_partial_pred_probs "$T/o" | sed -n 2p | cut -f2-5 >"$T/p"
    [ "$(awk '{ printf "%.5f %.5f %.5f %.5f", $1, $2, $3, $4 }' "$T/p")" = "0.06950 0.07820 0.10211 0.75020" ]
    [ "$(obs cell_type_partial_pred <"$T/o" | head -1)" = T ]
    obs cell_type_partial_pred_prob cell_type_partial_pred_uncertainty <"$T/o" |
        awk '{ d = $1 + $2 - 1; if (d * d > 1e-10) exit 1 }'
}

@test "a model from before scvi-tools 1.1 gives probabilities as it did then" {
    need_shared data/models/pre_logits_fix_scanvi
    local dir=$SHARED/data/models/pre_logits_fix_scanvi
    sc-read -q "$dir/adata.h5ad" | sc-label --soft "$dir/model.pt" | sc-view -t obsm/labels_pred_probs |
        awk 'NR == 4 { exit !($2 - 0.470231712 < 1e-6 && 0.470231712 - $2 < 1e-6) }'
}

@test "a cell's label does not depend on the cells beside it, nor on threads" {
    need_shared parity/scanvi_default
    local dir=$SHARED/parity/scanvi_default
    sc-read -q "$dir/adata.h5ad" >"$T/in"
    sc-label -@ 1 "$dir/model.pt" "$T/in" | sc-view -t obs >"$T/1"
    sc-label -@ 4 "$dir/model.pt" <"$T/in" | sc-view -t obs | cmp - "$T/1"
}

@test "--min-prob leaves unsure cells without a label, and says why" {
    need_shared parity/scanvi_linear
    local dir=$SHARED/parity/scanvi_linear key=cell_type_partial_pred
    sc-read -q "$dir/adata.h5ad" | sc-label --min-prob 0.72 --unknown none "$dir/model.pt" >"$T/o"
    obs $key ${key}_prob ${key}_reason <"$T/o" >"$T/t"
    awk -F'\t' '($2 < 0.72) != ($1 == "none") || ($1 == "none") != ($3 == "probability too low") { exit 1 }' "$T/t"
    grep -q '^none' "$T/t"
    grep -qv '^none' "$T/t"
}

@test "calibration and sets need cells of known class, and say what is wrong with others" {
    need_shared parity/scanvi_linear
    local dir=$SHARED/parity/scanvi_linear key=cell_type_partial_pred
    sc-read -q "$dir/adata.h5ad" >"$T/in"
    sc-label --calibrate "$T/in" --conformal 0.8 "$dir/model.pt" "$T/in" >"$T/o" 2>"$T/e"
    grep -q '^sc-label: temperature .* cells: their calibration error was' "$T/e"
    obs $key ${key}_set cell_type_partial <"$T/o" >"$T/t"
    awk -F'\t' '$3 != "Unknown" { n++; held += index("|" $2 "|", "|" $3 "|") > 0 }
        $1 != "Unknown" && !index("|" $2 "|", "|" $1 "|") { exit 1 }
        END { exit !(held >= 0.8 * n) }' "$T/t"
    sc-label "$dir/model.pt" "$T/in" | obs $key >"$T/plain"
    paste "$T/plain" "$T/t" | awk -F'\t' '$2 != "Unknown" && $1 != $2 { exit 1 }'

    fails 2 "--conformal needs labelled cells: --calibrate FILE" sc-label --conformal 0.9 "$dir/model.pt" "$T/in"
    fails 3 "obs has no column 'nope'" sc-label --calibrate "$T/in" --label-key nope -o "$T/x" "$dir/model.pt" "$T/in"
    fails 3 "which is no class of the model" \
        sc-label --calibrate "$T/in" --label-key batch -o "$T/x" "$dir/model.pt" "$T/in"
    echo nobody >"$T/names"
    fails 3 "has 0 of the 1 cells that '$T/names' names" \
        sc-label --calibrate "$T/in" --calibrate-cells "$T/names" -o "$T/x" "$dir/model.pt" "$T/in"
    [ ! -e "$T/x" ]
}

@test "no column is overwritten" {
    need_shared parity/scanvi_linear
    local dir=$SHARED/parity/scanvi_linear
    sc-read -q "$dir/adata.h5ad" >"$T/in"
    fails 3 "there is a column 'batch' already" sc-label --key batch -o "$T/x" "$dir/model.pt" "$T/in"
}

@test "a model without a classifier, and no model, are misuse" {
    sc-fit -q -m scvi --n-hidden 8 --max-epochs 1 -o "$T/m" "$F/sim.scz"
    fails 2 "model 'scvi' has no classifier" sc-label -o "$T/x" "$T/m" "$F/sim.scz"
    fails 2 "which model?" sc-label -o "$T/x"
    fails 2 "--n-seeds is for --seed-labels" sc-label --n-seeds 3 -o "$T/x" "$T/m" "$F/sim.scz"
}

# Cells 0..5 of a table whose best ones can be counted by eye.
markers() {
    printf 'cell\tA\tB\tC\tother\nc0\t9\t0\t0\t1\nc1\t8\t0\t0\t2\nc2\t0\t9\t0\t1\nc3\t0\t8\t9\t1\nc4\t0\t0\t0\t0\nc5\t1\t1\t1\t7\n' |
        sc-read -q --format csv - >"$T/in"
}

@test "--seed-labels labels the cells with the best scores" {
    markers
    printf 'class\tpositive\tnegative\none\tA\tB\ntwo\tB\tC,A\n' >"$T/m.tsv"
    sc-label --seed-labels "$T/m.tsv" --n-seeds 1 "$T/in" 2>"$T/e" | sc-view -t obs | cut -f2 | paste -sd' ' >"$T/o"
    [ "$(cat "$T/o")" = "seed_label one Unknown two Unknown Unknown Unknown" ]
    grep -q "^sc-label: 1 cells are labelled 'one'" "$T/e"
    sc-label -q --seed-labels "$T/m.tsv" --n-seeds 1 --key k --unknown no <"$T/in" | obs k | sort | uniq -c | grep -q ' 4 no'
}

@test "markers that don't fit are one sentence" {
    markers
    printf 'class\tpositive\tnegative\none\tA\tZ\n' >"$T/m.tsv"
    fails 3 "the data have no marker gene 'Z'" sc-label --seed-labels "$T/m.tsv" -o "$T/x" "$T/in"
    printf 'class\tpositive\tnegative\none\tA\tA\n' >"$T/m.tsv"
    fails 1 "gene 'A' is both a positive and a negative one of 'one'" sc-label --seed-labels "$T/m.tsv" -o "$T/x" "$T/in"
    printf 'class\tpositive\none\t\n' >"$T/m.tsv"
    fails 1 "class 'one' has no marker genes" sc-label --seed-labels "$T/m.tsv" -o "$T/x" "$T/in"
    printf 'class\tgenes\none\tA\n' >"$T/m.tsv"
    fails 1 "there is no column 'positive'" sc-label --seed-labels "$T/m.tsv" -o "$T/x" "$T/in"
    printf 'class\tpositive\none\tA\n' >"$T/m.tsv"
    fails 2 "--soft has no meaning with --seed-labels" sc-label --soft --seed-labels "$T/m.tsv" -o "$T/x" "$T/in"
}
