#!/usr/bin/env bats
load helper

# Four subtypes that are hard to tell apart; every fifth cell keeps its label, one cell a label of its own, one none.
setup_file() {
    export F=$BATS_FILE_TMPDIR
    sc-sim -q --n-obs 1200 --n-vars 200 --n-types 4 --depth 300 --separation 0.5 --seed 1 >"$F/sim.scz"
    sc-view -t obs "$F/sim.scz" | awk -F'\t' -v OFS='\t' '
        NR == 1 { for (i = 1; i <= NF; i++) if ($i == "cell_type") c = i; print "cell", "few"; next }
        { print $1, NR == 2 ? "lonely" : NR == 3 ? "" : NR % 5 ? "Unknown" : $c }' >"$F/few.tsv"
    sc-annotate -q --obs "$F/few.tsv" -o "$F/few.scz" "$F/sim.scz"
    sc-fit -q -m scanvi --labels-key few --n-hidden 32 --n-epochs-kl-warmup 10 --max-epochs 40 --lr 3e-3 \
        -o "$F/m.scm" "$F/few.scz"
}

# obs COLUMN...: these columns of the stream on stdin, without the header row
obs() {
    sc-view -t obs | awk -F'\t' -v OFS='\t' -v want="$*" '
        NR == 1 { n = split(want, w, " "); for (i = 1; i <= NF; i++) at[$i] = i; next }
        { for (i = 1; i <= n; i++) printf "%s%s", $at[w[i]], i < n ? OFS : "\n" }'
}

# right SUFFIX: the share of unlabelled cells whose few_SUFFIX is their type
right() {
    obs few cell_type "few_$1" | awk -F'\t' '$1 == "Unknown" { n++; ok += $2 == $3 } END { print ok / n }'
}

@test "labels of unlabelled cells are mostly right, also where a label stands once and a cell has none" {
    sc-label "$F/m.scm" "$F/few.scz" >"$T/o"
    right pred <"$T/o"
    right pred <"$T/o" | awk '{ exit !($1 > 0.65) }'
    sc-view --json "$F/m.scm" | tr -d ' \n' | grep -q '"n_labels":5'
    sc-view -H "$T/o" | grep -q "few_pred (category: type_4, lonely, type_1, type_2, type_3, Unknown)"
}

@test "a query with labels that the model does not know is labelled all the same" {
    sc-view -t obs "$F/sim.scz" | awk -v OFS='\t' 'NR == 1 { print "cell", "few"; next } { print $1, "martian" }' >"$T/t"
    sc-annotate -q --obs "$T/t" "$F/sim.scz" >"$T/q"
    sc-label "$F/m.scm" "$T/q" | obs few_pred >"$T/a"
    sc-label "$F/m.scm" "$F/sim.scz" | obs few_pred | cmp - "$T/a"
    fails 3 "has 'martian' in obs column 'few', which is no class of the model" \
        sc-label --calibrate "$T/q" -o "$T/x" "$F/m.scm" "$F/sim.scz"
}

@test "temperature makes probabilities honest, and sets hold what was asked" {
    obs few <"$F/few.scz" | paste <(sc-view -t obs "$F/few.scz" | tail -n +2 | cut -f1) - |
        awk -F'\t' '$2 == "Unknown" && ++n % 2 { print $1 }' >"$T/cells"
    sc-label --calibrate "$F/few.scz" --calibrate-cells "$T/cells" --label-key cell_type --conformal 0.9 \
        "$F/m.scm" "$F/few.scz" 2>"$T/e" >"$T/o"
    cat "$T/e"
    sc-label "$F/m.scm" "$F/few.scz" >"$T/plain"
    for f in plain o; do
        paste <(sc-view -t obs "$T/$f" | tail -n +2 | cut -f1) <(obs few cell_type few_pred_prob <"$T/$f") \
            <(obs few_pred <"$T/plain") | awk -F'\t' 'FNR == NR { seen[$1]; next } !($1 in seen) && $2 == "Unknown"' "$T/cells" - |
            awk -F'\t' '{ n++; b = int($4 * 15); gap[b] += $4 - ($5 == $3) }
                END { for (b in gap) e += gap[b] < 0 ? -gap[b] : gap[b]; print e / n }' >"$T/ece.$f"
    done
    cat "$T/ece.plain" "$T/ece.o"
    [ "$(paste "$T/ece.plain" "$T/ece.o" | awk '{ print ($2 < $1) }')" = 1 ]
    awk '{ exit !($1 < 0.06) }' "$T/ece.o"
    paste <(sc-view -t obs "$T/o" | tail -n +2 | cut -f1) <(obs few cell_type few_pred_set <"$T/o") |
        awk -F'\t' 'FNR == NR { seen[$1]; next } !($1 in seen) && $2 == "Unknown" { n++; held += index("|" $4 "|", "|" $3 "|") > 0 }
            END { print held / n; exit !(held > 0.86 * n && held < 0.94 * n) }' "$T/cells" -
}

@test "surgery maps a query whose cells have all, some or none of their labels; an unknown label is refused" {
    sc-fit -q -m scanvi --labels-key few --batch-key batch --n-hidden 8 --max-epochs 1 -o "$T/ref" "$F/few.scz"
    sc-sim -q --n-obs 60 --n-vars 200 --n-types 4 --depth 300 --seed 2 >"$T/sim"
    sc-view -t obs "$T/sim" | awk -v OFS='\t' 'NR == 1 { print "cell", "batch"; next } { print $1, "new" }' >"$T/batch.tsv"
    sc-annotate -q --drop batch "$T/sim" | sc-annotate -q --obs "$T/batch.tsv" >"$T/q"
    for how in all some martian; do
        sc-view -t obs "$T/q" | awk -F'\t' -v OFS='\t' -v how=$how '
            NR == 1 { print "cell", "few"; next }
            { print $1, how == "martian" ? how : how == "all" || NR % 2 ? $2 : "Unknown" }' >"$T/few.tsv"
        sc-annotate -q --obs "$T/few.tsv" "$T/q" >"$T/$how.scz"
    done
    for in in "$T/all.scz" "$T/some.scz" "$T/q"; do
        sc-surgery -q --max-epochs 1 -o "$T/m" "$T/ref" "$in"
        sc-label "$T/m" "$T/q" | obs few_pred few_pred_prob | awk -F'\t' '!($1 != "" && $2 > 0) { exit 1 }'
    done
    fails 3 "has 'martian' in obs column 'few', which the model does not know" \
        sc-surgery -q --max-epochs 1 -o "$T/x" "$T/ref" "$T/martian.scz"
}

@test "sets of too few calibrating cells hold all classes" {
    sc-view -t obs "$F/few.scz" | sed -n '5,8p' | cut -f1 >"$T/cells"
    sc-label --calibrate "$F/few.scz" --calibrate-cells "$T/cells" --label-key cell_type --conformal 0.95 \
        "$F/m.scm" "$F/few.scz" 2>"$T/e" | obs few_pred_set | sort -u >"$T/o"
    [ "$(cat "$T/o")" = "type_4|lonely|type_1|type_2|type_3" ]
    grep -q "4 cells are too few for a coverage of 0.95" "$T/e"
}

@test "pyro-scanvi labels too" {
    sc-fit -q -m pyro-scanvi --labels-key few --n-latent 5 --alpha 1 --max-epochs 25 -o "$T/m" "$F/few.scz"
    sc-label "$T/m" "$F/few.scz" | right pred | awk '{ exit !($1 > 0.5) }'
}

@test "an empty cell has no label, and says why" {
    { sc-view -t var "$F/few.scz" | tail -n +2 | cut -f1 | paste -sd'\t' | sed 's/^/cell\t/'
      awk 'BEGIN { printf "empty"; for (i = 0; i < 200; i++) printf "\t0"; print ""
                   printf "full"; for (i = 0; i < 200; i++) printf "\t%d", i % 3; print "" }'; } >"$T/two.tsv"
    sc-read -q --format csv "$T/two.tsv" | sc-label "$F/m.scm" | obs few_pred few_pred_reason >"$T/o"
    [ "$(head -1 "$T/o")" = $'Unknown\tno counts' ]
    [ "$(sed -n 2p "$T/o" | cut -f2)" = "" ]
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
    fails 3 "$T/in: the data have no marker gene 'Z'" sc-label --seed-labels "$T/m.tsv" -o "$T/x" "$T/in"
    printf 'class\tpositive\tnegative\none\tA\tA\n' >"$T/m.tsv"
    fails 1 "gene 'A' is both a positive and a negative one of 'one'" sc-label --seed-labels "$T/m.tsv" -o "$T/x" "$T/in"
    printf 'class\tpositive\none\t\n' >"$T/m.tsv"
    fails 1 "class 'one' has no marker genes" sc-label --seed-labels "$T/m.tsv" -o "$T/x" "$T/in"
    printf 'class\tgenes\none\tA\n' >"$T/m.tsv"
    fails 1 "there is no column 'positive'" sc-label --seed-labels "$T/m.tsv" -o "$T/x" "$T/in"
    printf 'class\tpositive\none\tA\n' >"$T/m.tsv"
    fails 2 "--soft has no meaning with --seed-labels" sc-label --soft --seed-labels "$T/m.tsv" -o "$T/x" "$T/in"
}

# Training is short here: 100 epochs at the usual rate reach an accuracy of 0.964 and a calibration error of 0.010.
@test "PBMC with four fifths of the labels hidden: accuracy, calibration error, coverage" {
    need_shared data/pbmc1k_v2.tar.gz data/pbmc1k_v3.tar.gz data/pbmc1k_5p.tar.gz data/pbmc1k_labels.tsv
    cd "$T"
    for tech in v2 v3 5p; do sc-read -q "$SHARED/data/pbmc1k_$tech.tar.gz" >$tech.scz; done
    awk -F'\t' -v OFS='\t' 'NR == 1 { print "cell", "cell_type", "few"; next }
        { print $2 "-" $1, $3, NR % 5 ? "Unknown" : $3 }' "$SHARED/data/pbmc1k_labels.tsv" >labels.tsv
    sc-cat -q --batch-key tech --suffix always v2.scz v3.scz 5p.scz | sc-annotate -q --obs labels.tsv |
        sc-hvg -q --flavor seurat_v3 --batch-key tech -n 600 --subset >in.scz
    sc-fit -q -m scanvi --batch-key tech --labels-key few --max-epochs 20 --lr 3e-3 --n-epochs-kl-warmup 20 -o m.scm in.scz
    awk -F'\t' '$3 == "Unknown" && ++n % 8 == 0 { print $1 }' labels.tsv >cells
    sc-label --calibrate in.scz --calibrate-cells cells --label-key cell_type --conformal 0.9 m.scm in.scz >sets.scz
    sc-label --calibrate in.scz --calibrate-cells cells --label-key cell_type --key plain m.scm sets.scz >out.scz
    sc-view -t obs out.scz | awk -F'\t' '
        FNR == NR { seen[$1]; next }
        FNR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
        $at["few"] != "Unknown" || $1 in seen { next }
        { n++; p = $at["plain_prob"]; ok = $at["plain"] == $at["cell_type"]; right += ok
          held += index("|" $at["few_pred_set"] "|", "|" $at["cell_type"] "|") > 0
          b = int(p * 15); gap[b] += p - ok }
        END { for (b in gap) e += gap[b] < 0 ? -gap[b] : gap[b]
              printf "accuracy %.4f, calibration error %.4f, coverage %.4f\n", right / n, e / n, held / n
              exit !(right / n > 0.92 && e / n < 0.04 && held / n > 0.86 && held / n < 0.94) }' cells - >figures || { cat figures; return 1; }
}
