#!/usr/bin/env bats
# Labels carried over from reference cells.
load helper

setup_file() {
    export F=$BATS_FILE_TMPDIR
    sc-sim -q --n-obs 600 --n-vars 100 --n-types 3 --seed 1 | sc-norm -q --log1p | sc-pca -q --n-comps 5 >"$F/all.scz"
    sc-view -t obs "$F/all.scz" | awk -F'\t' -v OFS='\t' '
        NR == 1 { for (i = 1; i <= NF; i++) if ($i == "cell_type") c = i; print "cell", "known"; next }
        { print $1, NR % 4 == 0 ? "Unknown" : NR % 4 == 1 ? "" : $c }' >"$F/known.tsv"
    sc-annotate -q --obs "$F/known.tsv" "$F/all.scz" >"$F/ref.scz"
}

# obs COLUMN...: these columns of the stream on stdin, without the header row
obs() {
    sc-view -t obs | awk -F'\t' -v OFS='\t' -v want="$*" '
        NR == 1 { n = split(want, w, " "); for (i = 1; i <= NF; i++) at[$i] = i; next }
        { for (i = 1; i <= n; i++) printf "%s%s", $at[w[i]], i < n ? OFS : "\n" }'
}

@test "each method labels cells that the reference does not, by those that it does" {
    for method in knn forest network; do
        sc-label -q --reference "$F/ref.scz" --label-key known --use-rep X_pca --method $method --soft "$F/all.scz" >"$T/o"
        obs known_pred cell_type <"$T/o" | awk '$1 == $2 { n++ } END { print n / NR; exit !(n / NR > 0.93) }'
        sc-view -t obsm/known_pred_probs "$T/o" | head -n 1 | grep -q "^cell	type_1	type_2	type_3$"
        obs known_pred_prob known_pred_uncertainty <"$T/o" | awk '{ d = $1 + $2 - 1; if (d * d > 1e-12) exit 1 }'
        sc-label -q -@ 1 --no-PG --reference "$F/ref.scz" --label-key known --use-rep X_pca --method $method <"$F/all.scz" >"$T/a"
        sc-label -q -@ 3 --no-PG --reference "$F/ref.scz" --label-key known --use-rep X_pca --method $method "$F/all.scz" | cmp - "$T/a"
    done
}

@test "unsure cells are Unknown, and the neighbors asked can be few or more than there are" {
    sc-label -q --reference "$F/ref.scz" --label-key known --use-rep X_pca --key near -k 1 "$F/all.scz" | obs near_prob |
        sort -u >"$T/p"
    [ "$(cat "$T/p")" = 1 ]
    sc-label --reference "$F/ref.scz" --label-key known --use-rep X_pca -k 5000 --min-prob 0.999999 "$F/all.scz" 2>"$T/e" >"$T/o"
    grep -q "only 300 labelled cells: all are asked" "$T/e"
    obs known_pred known_pred_reason <"$T/o" | grep -q "^Unknown	probability too low$"
}

@test "embeddings of two models are not compared, those of a reference and of its query are" {
    sc-sim -q --n-obs 200 --n-vars 60 --n-types 3 --n-batches 2 --seed 1 >"$T/sim.scz"
    cp "$T/sim.scz" "$T/r.scz"
    sc-view -t obs "$T/sim.scz" | awk -v OFS='\t' '{ print $1, NR == 1 ? "batch" : "new" }' >"$T/b.tsv"
    sc-annotate -q --obs "$T/b.tsv" --drop batch -o "$T/q.scz" "$T/sim.scz"
    for seed in 1 2; do
        sc-fit -q -m scvi --batch-key batch --encode-covariates --n-hidden 16 --n-latent 4 --max-epochs 3 --seed $seed -o "$T/$seed.scm" "$T/r.scz"
    done
    sc-surgery -q --max-epochs 3 -o "$T/query.scm" "$T/1.scm" "$T/q.scz"
    sc-embed -q "$T/1.scm" "$T/r.scz" >"$T/ref.scz"
    sc-embed -q "$T/2.scm" "$T/r.scz" >"$T/other.scz"
    sc-embed -q "$T/query.scm" "$T/q.scz" >"$T/cells.scz"
    sc-label -q --reference "$T/ref.scz" --use-rep X_scvi --label-key cell_type "$T/cells.scz" >/dev/null
    fails 3 "'X_scvi' is of one model here and of another in '$T/ref.scz'" sc-label --reference "$T/ref.scz" --use-rep X_scvi --label-key cell_type "$T/other.scz"
    sc-label -q --any-space --reference "$T/ref.scz" --use-rep X_scvi --label-key cell_type "$T/other.scz" >/dev/null
    # what leads to the latent space was trained on: it is another one
    sc-surgery -q --max-epochs 3 --unfreeze expression -o "$T/query.scm" "$T/1.scm" "$T/q.scz"
    fails 3 "is of one model here" sc-label --reference "$T/ref.scz" --use-rep X_scvi --label-key cell_type <(sc-embed -q "$T/query.scm" "$T/q.scz")
    # by name: an embedding under another name says nothing of this one
    sc-embed -q --key mine "$T/2.scm" "$T/ref.scz" | sc-label -q --reference "$T/ref.scz" --use-rep X_scvi --label-key cell_type >/dev/null
    fails 2 "is for --reference" sc-label --any-space "$T/1.scm" "$T/ref.scz"
}

# npy FILE COLUMNS: format 1.0 of floats or 32-bit integers as text, a row a line
npy() {
    local size type=f4
    size=$(od -An -t u2 -j 8 -N 2 "$1" | tr -d ' ')
    ! head -c 100 "$1" | grep -aq "<i4" || type=d4
    ! head -c 100 "$1" | grep -aq "<f8" || type=f8
    od -An -v -t $type -w$((${type#?} * $2)) -j $((10 + size)) "$1"
}

# cells FILE.npy: as a stream, with cells c1, c2 ... and X the array
cells() {
    npy "$1" 10 | awk -v OFS='\t' 'BEGIN { print "cell", "g0", "g1", "g2", "g3", "g4", "g5", "g6", "g7", "g8", "g9" }
        { $1 = $1; print "c" NR, $0 }' >"$T/x.tsv"
    sc-read -q "$T/x.tsv"
}

@test "pbmc 5p labelled by v2 and v3: labels and uncertainties are those of scArches' rule" {
    need_shared parity/label_transfer_pbmc1k
    c=$SHARED/parity/label_transfer_pbmc1k
    npy "$c/input/ref_labels.npy" 1 | awk -v OFS='\t' 'BEGIN { print "cell", "type" } { print "c" NR, "t" $1 }' >"$T/labels.tsv"
    cells "$c/input/ref_latent.npy" | sc-annotate -q --obs "$T/labels.tsv" >"$T/ref"
    cells "$c/input/query_latent.npy" >"$T/query"
    sc-label --reference "$T/ref" --label-key type --use-rep X "$T/query" | obs type_pred type_pred_uncertainty >"$T/ours"
    paste "$T/ours" <(npy "$c/expected/label.npy" 1) <(npy "$c/expected/uncertainty.f64.npy" 1) |
        awk '{ d = $2 - $4; n++; if ($1 != "t" ($3 + 0) || d * d > 1e-12) { print; exit bad = 1 } } END { exit bad || n != 1000 }'
    sc-label --reference "$T/ref" --label-key type --use-rep X --min-prob 0.8 "$T/query" | obs type_pred | grep -c Unknown >"$T/n"
    [ "$(cat "$T/n")" = 130 ]
}

@test "misuse and data that do not fit: one sentence each" {
    fails 2 "needs --label-key" sc-label --reference "$F/ref.scz" -o "$T/x" "$F/all.scz"
    fails 3 "obsm has 'X_true', 'X_pca'; say with --use-rep" sc-label --reference "$F/ref.scz" --label-key known -o "$T/x" "$F/all.scz"
    fails 3 "$F/ref.scz: there is no 'X_none' in obsm, which has " sc-label --reference "$F/ref.scz" --label-key known --use-rep X_none -o "$T/x" "$F/all.scz"
    sc-sim -q --mock -o "$T/bare.scz"
    fails 3 "$T/bare.scz: there is no 'X_pca' in obsm, which has 'X_true'" sc-label --reference "$F/ref.scz" --label-key known --use-rep X_pca -o "$T/x" "$T/bare.scz"
    fails 3 "obs has no column 'knwon'" sc-label --reference "$F/ref.scz" --label-key knwon --use-rep X_pca -o "$T/x" "$F/all.scz"
    sc-pca -q --n-comps 4 "$F/all.scz" >"$T/four"
    fails 3 "has 4 columns here and 5 in" sc-label --reference "$F/ref.scz" --label-key known --use-rep X_pca -o "$T/x" "$T/four"
    fails 2 "--conformal has no meaning with --reference" sc-label --reference "$F/ref.scz" --label-key known --conformal 0.9 -o "$T/x" "$F/all.scz"
    fails 2 "is for --method forest" sc-label --reference "$F/ref.scz" --label-key known --n-trees 9 -o "$T/x" "$F/all.scz"
    fails 2 "--method is for --reference" sc-label --method forest -o "$T/x" m "$F/all.scz"
    fails 2 "can't both come from stdin" sc-label --reference - --label-key known -o "$T/x" <"$F/all.scz"
    fails 2 "takes cells only, and no model" sc-label --reference "$F/ref.scz" --label-key known -o "$T/x" m "$F/all.scz"
}
