#!/usr/bin/env bats
# Models that need more than one row stream, proteins or a side network, trained from a stream of cells.
load helper

setup_file() {
    export F=$BATS_FILE_TMPDIR
    sc-sim -q --n-obs 300 --n-vars 80 --n-types 3 --n-batches 2 --seed 1 >"$F/sim.scz"
    # every third cell keeps its label
    sc-view -t obs "$F/sim.scz" | awk -F'\t' -v OFS='\t' '
        NR == 1 { for (i = 1; i <= NF; i++) if ($i == "cell_type") c = i; print "cell", "few"; next }
        { print $1, NR % 3 ? "Unknown" : $c }' >"$F/few.tsv"
    sc-annotate -q --obs "$F/few.tsv" -o "$F/few.scz" "$F/sim.scz"
}

semi() {
    sc-fit -q --no-PG --labels-key few --n-latent 4 --max-epochs 4 "$@"
}

@test "labelled and unlabelled minibatches: the same bytes for any number of threads" {
    for m in scanvi pyro-scanvi; do
        semi -@ 1 -m $m "$F/few.scz" >"$T/1.scm"
        for n in 2 4; do semi -@ $n -m $m "$F/few.scz" | cmp - "$T/1.scm"; done
    done
}

@test "minibatches are of labelled or of unlabelled cells: terms of all cells are for scores" {
    semi -m pyro-scanvi --train-size 1 -o "$T/m" "$F/few.scz"
    sc-view -t history "$T/m" | awk -F'\t' 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next } $at["kl_local_train"] != 0 { exit 1 }'
    sc-score --mean "$T/m" "$F/few.scz" | awk 'NR == 2 { exit !($4 > 0 && $5 > 0) }'
}

@test "the history tells of the classifier" {
    semi -m scanvi --max-epochs 8 --check-val-every 2 "$F/few.scz" | sc-view -t history >"$T/history"
    [ "$(head -1 "$T/history" | cut -f 14-17)" = $'train_classification_loss\ttrain_accuracy\ttrain_f1_score\ttrain_calibration_error' ]
    [ -n "$(sed -n 3p "$T/history" | cut -f 18)" ]
    awk -F'\t' 'NR == 2 { first = $14 } { last = $14; ok = $15 >= 0 && $15 <= 1 } END { exit !(last < first && ok) }' "$T/history"
}

@test "all cells labelled, or none, or a single one, or some without a value" {
    sc-fit -q -m scanvi --labels-key cell_type --max-epochs 2 "$F/sim.scz" >"$T/all.scm"
    sc-view --json "$T/all.scm" | tr -d ' \n' | grep -q '"n_labels":3'
    sc-view -t obs "$F/sim.scz" | awk -v OFS='\t' 'NR == 1 { print "cell", "one"; next } { print $1, "a" }' >"$F/one.tsv"
    sc-annotate -q --obs "$F/one.tsv" -o "$F/one.scz" "$F/sim.scz"
    for m in scanvi pyro-scanvi; do
        fails 3 "no class" sc-fit -q -m $m --labels-key one --unlabeled a "$F/one.scz"
    done
}

@test "--init: scanvi starts from a fitted scvi, with its genes, batches and options" {
    sc-fit -q -m scvi --batch-key batch --n-latent 3 --n-hidden 16 --max-epochs 3 -o "$T/scvi.scm" "$F/sim.scz"
    sc-fit -m scanvi --init "$T/scvi.scm" --labels-key few --max-epochs 0 -o "$T/m" "$F/few.scz" 2>"$T/e"
    grep -q "weights start from" "$T/e"
    [ "$(sc-view -t history "$T/m" | tail -n +2 | wc -l)" -eq 10 ]
    sc-view --json "$T/m" | tr -d ' \n' | grep -q '"n-latent":3'
    # nothing learned since: the embedding is that of the scvi
    sc-fit -q -m scanvi --init "$T/scvi.scm" --labels-key few --max-epochs 1 --lr 1e-30 --weight-decay 0 -o "$T/same" "$F/few.scz"
    for w in "z_encoder.mean_encoder.weight" "decoder.px_scale_decoder.0.bias" px_r; do
        cmp <(sc-view -t "tensors/$w" "$T/scvi.scm") <(sc-view -t "tensors/$w" "$T/same")
    done
}

@test "--init: other options, batches, genes and keys are refused" {
    sc-fit -q -m scvi --batch-key batch --n-latent 3 --n-hidden 16 --max-epochs 1 -o "$T/scvi.scm" "$F/sim.scz"
    init() { sc-fit -q --no-PG -m scanvi --init "$T/scvi.scm" --labels-key few --max-epochs 1 "$@"; }
    fails 2 "--n-latent is 3 in the model that training starts from, and can't be 4" init --n-latent 4 -o "$T/x" "$F/few.scz"
    sc-view -t obs "$F/few.scz" | awk -F'\t' -v OFS='\t' 'NR == 1 { print "cell", "batch"; next } { print $1, "mars" }' >"$T/b.tsv"
    sc-annotate -q --drop batch "$F/few.scz" | sc-annotate -q --obs "$T/b.tsv" >"$T/b.scz"
    fails 3 "does not know 'mars' of obs column 'batch'" init -o "$T/x" "$T/b.scz"
    sc-sim -q --n-obs 50 --n-vars 70 --n-batches 2 | sc-annotate -q --rename cell_type=few >"$T/g.scz"
    fails 3 "gene" init -o "$T/x" "$T/g.scz"
    fails 2 "the reference was trained without size factors" init --size-factor-key library_size -o "$T/x" "$F/few.scz"
}
