#!/usr/bin/env bats
load helper

# The reference is batches 1 and 2 of a simulation, the queries are batch 3 and what the tests make of it.
setup_file() {
    export F=$BATS_FILE_TMPDIR
    sc-sim -q --n-obs 300 --n-vars 80 --n-types 3 --n-batches 4 --seed 1 >"$F/sim.scz"
    sc-write -q --matrix X -o "$F/x.csv" "$F/sim.scz"
    sc-view -t obs "$F/sim.scz" >"$F/obs.tsv"
    part 'batch_[12]' >"$F/ref.scz"
    part batch_3 >"$F/q.scz"
    part batch_4 >"$F/q2.scz"
    part 'batch_[34]' >"$F/both.scz"
    arches --batch-key batch -o "$F/ref.scm" "$F/ref.scz"
    surgery -o "$F/q.scm" "$F/ref.scm" "$F/q.scz"
}

# part REGEX: the cells of these batches, as csv has them, with their obs.
part() {
    awk -F'\t' -v b="^$1\$" 'NR == FNR { if ($3 ~ b) keep[$1]; next } { split($0, c, ",") } FNR == 1 || c[1] in keep' \
        "$F/obs.tsv" "$F/x.csv" >"$F/part.csv"
    awk -F'\t' -v b="^$1\$" 'NR == 1 || $3 ~ b' "$F/obs.tsv" >"$F/part.tsv"
    sc-read -q "$F/part.csv" | sc-annotate -q --obs "$F/part.tsv"
}

arches() {
    sc-fit -q -m scvi --n-hidden 16 --n-latent 3 --n-layers 2 --encode-covariates --use-batch-norm none \
        --use-layer-norm both --max-epochs 3 "$@"
}

surgery() {
    sc-surgery -q --no-PG --max-epochs 2 "$@"
}

z() {
    sc-embed -q "$@" | sc-view -t obsm/X_scvi | tail -n +2
}

# says WORDS COMMAND...: COMMAND succeeds and stderr has WORDS.
says() {
    local words=$1
    shift
    "$@" 2>"$T/words" >/dev/null
    echo "expected '$words', got: $(cat "$T/words")"
    grep -qF -- "$words" "$T/words"
}

# csv_query FILTER...: the query's counts as csv, through a filter, back as a stream with its obs.
csv_query() {
    sc-write -q --matrix X -o "$T/in.csv" "$F/q.scz"
    sc-view -t obs "$F/q.scz" >"$T/in.tsv"
    "$@" <"$T/in.csv" >"$T/out.csv"
    sc-read -q "$T/out.csv" | sc-annotate -q --obs "$T/in.tsv"
}

@test "the reference's cells keep their embedding and their expression, bit for bit; --verify proves it" {
    sc-surgery --verify "$F/ref.scm" "$F/q.scm" -- "$F/ref.scz" >"$T/proof"
    n=$(($(sc-view -t obs "$F/ref.scz" | wc -l) - 1))
    [ "$(cut -f2- "$T/proof" | sed -n 2p)" = "embedding	$n	$n	0" ]
    [ "$(cut -f2- "$T/proof" | sed -n 3p)" = "expression	$n	$n	0" ]
    z "$F/ref.scm" "$F/ref.scz" >"$T/before"
    z "$F/q.scm" "$F/ref.scz" | cmp - "$T/before"
    sc-surgery --verify "$F/ref.scm" "$F/q.scm" <"$F/ref.scz" | cmp - "$T/proof"
}

@test "what moves the reference is found out" {
    surgery --unfreeze all -o "$T/all.scm" "$F/ref.scm" "$F/q.scz"
    fails 1 "all.scm embeds" sc-surgery --verify "$F/ref.scm" "$T/all.scm" -- "$F/ref.scz"
    fails 2 "usage is" sc-surgery --verify "$F/ref.scm"
}

@test "training moves the query's columns only, and the query's embedding" {
    surgery --max-epochs 4 -o "$T/longer.scm" "$F/ref.scm" "$F/q.scz"
    z "$F/q.scm" "$F/q.scz" >"$T/a"
    z "$T/longer.scm" "$F/q.scz" >"$T/b"
    run cmp -s "$T/a" "$T/b"; [ "$status" -eq 1 ]
    sc-view -t history "$T/longer.scm" | awk -F'\t' 'NR == 2 { first = $3 } { last = $3 } END { exit !(last < first) }'
}

@test "the model is the same bytes for any number of threads, from a file or a pipe, with little memory" {
    for n in 1 2 4; do surgery -@ $n "$F/ref.scm" <"$F/q.scz" | cmp - "$F/q.scm"; done
    weights() { sc-view -t "tensors/decoder.px_decoder.fc_layers.Layer 0.0.weight" "$@"; }
    weights "$F/q.scm" >"$T/weights"
    surgery --memory 1 "$F/ref.scm" "$F/q.scz" | weights | cmp - "$T/weights"
}

@test "a query is embedded alike with all queries or alone" {
    surgery -o "$T/both.scm" "$F/ref.scm" "$F/both.scz"
    { z "$T/both.scm" "$F/q.scz"; z "$T/both.scm" "$F/q2.scz"; } | sort >"$T/apart"
    z "$T/both.scm" "$F/both.scz" | sort | cmp - "$T/apart"
}

@test "chains: a query model is the next one's reference, and says what it comes from" {
    sc-surgery -q --max-epochs 2 -o "$T/q1.scm" "$F/ref.scm" "$F/q.scz"
    sc-surgery -q --max-epochs 2 -o "$T/q2.scm" "$T/q1.scm" "$F/q2.scz"
    sc-surgery --verify "$F/ref.scm" "$T/q1.scm" "$T/q2.scm" -- "$F/ref.scz"
    sc-surgery --verify "$T/q1.scm" "$T/q2.scm" -- "$F/q.scz"
    [ "$(sc-view "$T/q2.scm" | grep -c '^by: sc-surgery')" -eq 2 ]
    sc-view --json "$T/q2.scm" | tr -d ' \n' | grep -q '"levels":\["batch_1","batch_2","batch_3","batch_4"\]'
}

@test "genes in another order, and genes that the reference lacks, make no difference" {
    shuffled() { awk -F, -v OFS=, '{ t = $3; $3 = $(NF - 5); $(NF - 5) = t; print $0, (NR == 1 ? "extra" : NR) }'; }
    csv_query shuffled >"$T/shuffled.scz"
    surgery "$F/ref.scm" "$T/shuffled.scz" | z - "$F/q.scz" >"$T/a"
    z "$F/q.scm" "$F/q.scz" | cmp - "$T/a"
}

@test "a query that lacks genes works and says so, down to --min-gene-overlap" {
    lacks() { csv_query cut -d, -f1-$((81 - $1)); }
    lacks 4 >"$T/q5.scz"
    says "76 of the model's 80 genes are in the data; the 4 others ('gene_77' is the first) count as 0" \
        sc-surgery --max-epochs 1 -o "$T/q5.scm" "$F/ref.scm" "$T/q5.scz"
    says "76 of the model's 80 genes" sc-embed "$T/q5.scm" "$T/q5.scz"
    sc-surgery --verify "$F/ref.scm" "$T/q5.scm" -- "$F/ref.scz"
    lacks 16 >"$T/q20.scz"
    says "64 of the model's 80 genes" sc-surgery --max-epochs 1 -o "$T/q20.scm" "$F/ref.scm" "$T/q20.scz"
    lacks 48 >"$T/q60.scz"
    fails 3 "lack 48 of the model's 80 genes ('gene_33' is the first)" sc-surgery "$F/ref.scm" -o "$T/q60.scm" "$T/q60.scz"
    [ ! -e "$T/q60.scm" ]
    says "32 of the model's 80 genes" sc-surgery --min-gene-overlap 0.4 --max-epochs 1 -o "$T/q60.scm" "$F/ref.scm" "$T/q60.scz"
    # missing genes are zeros: the same as a query that has them, empty
    emptied() { awk -F, -v OFS=, 'NR > 1 { for (i = 78; i <= NF; i++) $i = 0 } { print }'; }
    csv_query emptied >"$T/emptied.scz"
    surgery "$F/ref.scm" "$T/q5.scz" | z - "$T/emptied.scz" >"$T/a"
    surgery "$F/ref.scm" "$T/emptied.scz" | z - "$T/emptied.scz" | cmp - "$T/a"
}

@test "genes are found by Ensembl id, with another version or none" {
    ids() { awk -F, -v OFS=, -v v="$1" 'NR == 1 { for (i = 2; i <= NF; i++) $i = "ENSG000000" (10000 + i) v } { print }'; }
    { printf 'gene\tgene_ids\n'; for i in $(seq 2 81); do printf 'gene_%02d\tENSG000000%d.7\n' $((i - 1)) $((10000 + i)); done; } >"$T/ids.tsv"
    sc-annotate -q --var "$T/ids.tsv" "$F/ref.scz" | arches --batch-key batch -o "$T/ref.scm"
    surgery "$T/ref.scm" "$F/q.scz" | z - "$F/q.scz" >"$T/by_name"
    for version in .7 .12 ''; do
        csv_query ids "$version" >"$T/ids.scz"
        says "80 of the model's 80 genes are in the data, matched by the names and the model's var column 'gene_ids'" \
            sc-surgery --max-epochs 2 -o "$T/q.scm" "$T/ref.scm" "$T/ids.scz"
        z "$T/q.scm" "$F/q.scz" | cmp - "$T/by_name"
    done
}

@test "a batch that the reference knows is used as it is; with nothing new there is nothing to train" {
    part 'batch_[23]' >"$T/mixed.scz"
    says "the reference knows batch 'batch_2'" sc-surgery --max-epochs 2 -o "$T/m.scm" "$F/ref.scm" "$T/mixed.scz"
    sc-surgery --verify "$F/ref.scm" "$T/m.scm" -- "$F/ref.scz"
    part batch_2 >"$T/known.scz"
    fails 3 "nothing to train" sc-surgery -o "$T/m.scm" "$F/ref.scm" "$T/known.scz"
    [ ! -e "$T/k.scm" ]
    surgery --unfreeze known-categories -o "$T/k.scm" "$F/ref.scm" "$T/mixed.scz"
    fails 1 "embeds" sc-surgery --verify "$F/ref.scm" "$T/k.scm" -- "$F/ref.scz"
}

@test "columns of another name, and columns that are not there" {
    sc-annotate -q --rename batch=sample "$F/q.scz" >"$T/renamed.scz"
    says "obs column 'sample' is the reference's 'batch'" \
        sc-surgery --batch-key sample --max-epochs 2 -o "$T/q.scm" "$F/ref.scm" "$T/renamed.scz"
    z --batch-key sample "$T/q.scm" "$T/renamed.scz" >"$T/a"
    z "$F/q.scm" "$F/q.scz" | cmp - "$T/a"
    fails 3 "no column 'batch'" sc-surgery "$F/ref.scm" -o "$T/q.scm" "$T/renamed.scz"
    fails 2 "without labels" sc-surgery --labels-key cell_type "$F/ref.scm" -o "$T/q.scm" "$F/q.scz"
    fails 2 "without size factors" sc-surgery --size-factor-key library_size "$F/ref.scm" -o "$T/q.scm" "$F/q.scz"
}

@test "a query without labels maps on a model that learnt from them" {
    sc-fit -q -m scanvi --labels-key cell_type --batch-key batch --n-hidden 16 --n-latent 3 --max-epochs 2 \
        -o "$T/ref.scm" "$F/ref.scz"
    sc-annotate -q --drop cell_type "$F/q.scz" >"$T/bare.scz"
    says "obs has no column 'cell_type': every cell counts as 'Unknown'" \
        sc-surgery --max-epochs 2 -o "$T/q.scm" "$T/ref.scm" "$T/bare.scz"
    sc-surgery --verify "$T/ref.scm" "$T/q.scm" -- "$F/ref.scz"
    awk -F'\t' -v OFS='\t' 'NR == 1 || $2 == "type_1" { print $1, (NR == 1 ? $2 : "type_9") }' "$F/obs.tsv" >"$T/new.tsv"
    sc-annotate -q --drop obs/cell_type --obs "$T/new.tsv" "$F/both.scz" >"$T/unknown.scz"
    fails 3 "type_9" sc-surgery -o "$T/q.scm" "$T/ref.scm" "$T/unknown.scz"
}

@test "a reference of a single batch, or of none" {
    part batch_1 >"$T/one.scz"
    arches --batch-key batch -o "$T/one.scm" "$T/one.scz"
    surgery -o "$T/q.scm" "$T/one.scm" "$F/q.scz"
    sc-surgery --verify "$T/one.scm" "$T/q.scm" -- "$T/one.scz"
    surgery --compat scvi-tools -o "$T/q.scm" "$T/one.scm" "$F/q.scz"
    fails 1 "embeds" sc-surgery --verify "$T/one.scm" "$T/q.scm" -- "$T/one.scz"
    arches -o "$T/none.scm" "$T/one.scz"
    fails 2 "without batches" sc-surgery --batch-key batch -o "$T/q.scm" "$T/none.scm" "$F/q.scz"
    fails 3 "nothing to train" sc-surgery -o "$T/q.scm" "$T/none.scm" "$F/q.scz"
}

# Faults of scvi-tools that --compat repeats: each moves the reference, or leaves the new batch untrained.
@test "several covariates keep their columns apart" {
    arches --batch-key batch --cat-covariate cell_type -o "$T/ref.scm" "$F/ref.scz"
    surgery -o "$T/q.scm" "$T/ref.scm" "$F/q.scz"
    sc-surgery --verify "$T/ref.scm" "$T/q.scm" -- "$F/ref.scz"
    surgery --compat scvi-tools -o "$T/q.scm" "$T/ref.scm" "$F/q.scz"
    fails 1 "embeds" sc-surgery --verify "$T/ref.scm" "$T/q.scm" -- "$F/ref.scz"
}

@test "decoder batch norm stays, and with it the reference's expression" {
    sc-fit -q -m scvi --n-hidden 16 --batch-key batch --max-epochs 3 -o "$T/ref.scm" "$F/ref.scz"
    surgery -o "$T/q.scm" "$T/ref.scm" "$F/q.scz"
    expression() { sc-surgery --verify "$T/ref.scm" "$T/q.scm" -- "$F/ref.scz" | awk -F'\t' '$2 == "expression" { exit !($3 == $4) }'; }
    expression
    surgery --train-mode -o "$T/q.scm" "$T/ref.scm" "$F/q.scz"
    expression
    surgery --compat scvi-tools -o "$T/q.scm" "$T/ref.scm" "$F/q.scz"
    run expression; [ "$status" -eq 1 ]
    surgery --unfreeze batchnorm-decoder -o "$T/q.scm" "$T/ref.scm" "$F/q.scz"
    run expression; [ "$status" -eq 1 ]
}

@test "a new batch's embedding and dispersion are learnt" {
    sc-fit -q -m scvi --n-hidden 16 --batch-key batch --batch-representation embedding --dispersion gene-batch \
        --max-epochs 3 -o "$T/ref.scm" "$F/ref.scz"
    for compat in none scvi-tools; do
        for epochs in 1 3; do
            sc-surgery -q --compat $compat --max-epochs $epochs -o "$T/$compat$epochs.scm" "$T/ref.scm" "$F/q.scz"
            for t in _embeddings_dict.batch.weight px_r; do sc-view -t tensors/$t "$T/$compat$epochs.scm"; done >"$T/$compat$epochs"
        done
    done
    sc-surgery --verify "$T/ref.scm" "$T/none3.scm" -- "$F/ref.scz"
    run cmp -s "$T/none1" "$T/none3"; [ "$status" -eq 1 ]
    cmp "$T/scvi-tools1" "$T/scvi-tools3"
}

# Each option at a value that is not its default must change what is learnt.
@test "each option changes what is learnt" {
    sc-fit -q -m scvi --n-hidden 16 --n-latent 3 --encode-covariates --batch-key batch --no-use-observed-lib-size \
        --use-layer-norm both --max-epochs 3 -o "$T/ref.scm" "$F/ref.scz"
    weights() {
        surgery -o "$T/w.scm" "$@" "$T/ref.scm" "$F/q.scz"
        for t in z_encoder.encoder.fc_layers.Layer\ 0.{0.weight,1.weight} decoder.px_decoder.fc_layers.Layer\ 0.{0.weight,1.weight} px_r; do
            sc-view -t "tensors/$t" "$T/w.scm"
        done | cksum
    }
    local base changed
    base=$(weights)
    [ "$base" = "$(weights)" ]
    while read -r option; do
        # shellcheck disable=SC2086
        changed=$(weights $option)
        [ "$base" != "$changed" ] || { echo "$option changes nothing"; return 1; }
    done <<'END'
--unfreeze all
--unfreeze expression
--unfreeze decoder-first-layer
--unfreeze batchnorm-encoder
--unfreeze batchnorm-decoder
--train-mode
--compat scvi-tools
--max-epochs 3
--batch-size 16
--lr 0.01
--eps 1e-8
--weight-decay 0.1
--n-epochs-kl-warmup 1
--min-kl-weight 0.5
--max-kl-weight 0 --n-epochs-kl-warmup 0
--n-steps-kl-warmup 3 --n-epochs-kl-warmup 0
--train-size 0.5
--gradient-clip-val 0.01
--lr-milestones 1
--seed 3
END
    [ "$(weights --train-mode)" != "$(weights --train-mode --freeze-dropout)" ]
    surgery --max-epochs 9 --early-stopping --early-stopping-patience 1 --early-stopping-min-delta 1e9 \
        "$T/ref.scm" "$F/q.scz" >"$T/stopped.scm"
    [ "$(sc-view -t history "$T/stopped.scm" | wc -l)" -eq 3 ]
}

@test "surgery that was stopped goes on to the same bytes" {
    options=(--max-epochs 6 --check-val-every 2)
    surgery "${options[@]}" -o "$T/whole.scm" "$F/ref.scm" "$F/q.scz"
    surgery "${options[@]}" --checkpoint "$T/c" --checkpoint-every 3 -o "$T/m.scm" "$F/ref.scm" "$F/q.scz"
    [ -s "$T/c" ]
    surgery "${options[@]}" --checkpoint "$T/c" --resume -o "$T/resumed.scm" "$F/ref.scm" "$F/q.scz"
    for f in m resumed; do
        sc-view -t "tensors/z_encoder.encoder.fc_layers.Layer 0.0.weight" "$T/$f.scm" >"$T/$f"
        sc-view -t "tensors/z_encoder.encoder.fc_layers.Layer 0.0.weight" "$T/whole.scm" | cmp - "$T/$f"
    done
}

@test "ldvae maps a query too" {
    sc-fit -q -m ldvae --n-hidden 16 --batch-key batch --max-epochs 3 -o "$T/ref.scm" "$F/ref.scz"
    surgery -o "$T/q.scm" "$T/ref.scm" "$F/q.scz"
    sc-surgery --verify "$T/ref.scm" "$T/q.scm" -- "$F/ref.scz"
    sc-loadings "$T/ref.scm" >"$T/loadings"
    sc-loadings "$T/q.scm" | cmp - "$T/loadings"
}

@test "a model that scvi-tools trained is a reference as it is" {
    need_shared parity/surgery_scvi/ref_model.pt
    sc-read -q "$SHARED/parity/surgery_scvi/adata.h5ad" >"$T/q.scz"
    sc-read -q "$SHARED/parity/surgery_scvi/ref_adata.h5ad" >"$T/ref.scz"
    surgery -o "$T/q.scm" "$SHARED/parity/surgery_scvi/ref_model.pt" "$T/q.scz"
    sc-surgery --verify "$SHARED/parity/surgery_scvi/ref_model.pt" "$T/q.scm" -- "$T/ref.scz"
}

@test "misuse: one sentence" {
    fails 2 "no part 'decoder'" sc-surgery --unfreeze decoder "$F/ref.scm" "$F/q.scz"
    fails 2 "--freeze-dropout" sc-surgery --freeze-dropout "$F/ref.scm" "$F/q.scz"
    fails 2 "unexpected operand" sc-surgery "$F/ref.scm" "$F/q.scz" "$F/q2.scz"
    fails 2 "no NAME=VALUE" sc-surgery --set dropout-rate -o "$T/q.scm" "$F/ref.scm" "$F/q.scz"
    fails 2 "dropout-rote" sc-surgery --set dropout-rote=1 -o "$T/q.scm" "$F/ref.scm" "$F/q.scz"
    fails 3 "of another model" sc-surgery --set n-hidden=8 -o "$T/q.scm" "$F/ref.scm" "$F/q.scz"
    fails 1 "nowhere.scm" sc-surgery "$T/nowhere.scm" "$F/q.scz"
    fails 2 "an operand is missing" sc-surgery
}

# The reference measured 29 proteins, the query 14 of them.
@test "totalvi maps a query that lacks proteins" {
    need_shared data/pbmc_5k_protein_v3.h5ad data/pbmc_10k_protein_v3.h5ad
    batches() { sc-view -t obs "$1" | awk -v b="$2" '{ print $1 "\t" (NR == 1 ? "batch" : b (NR % 2)) }' >"$T/b.tsv"; }
    sc-read -q "$SHARED/data/pbmc_5k_protein_v3.h5ad" | sc-hvg -q --flavor seurat_v3 -n 300 --subset >"$T/5k.scz"
    sc-read -q "$SHARED/data/pbmc_10k_protein_v3.h5ad" >"$T/10k.scz"
    batches "$T/5k.scz" 5k
    sc-annotate -q --obs "$T/b.tsv" "$T/5k.scz" >"$T/ref.scz"
    batches "$T/10k.scz" 10k
    sc-annotate -q --obs "$T/b.tsv" "$T/10k.scz" >"$T/q.scz"
    sc-fit -q -m totalvi --n-hidden 16 --n-latent 5 --batch-key batch --max-epochs 2 -o "$T/ref.scm" "$T/ref.scz"
    says "14 of the model's 29 proteins are in the data; the 15 others ('CD11b_TotalSeqB' is the first) count as 0" \
        sc-surgery --max-epochs 2 -o "$T/q.scm" "$T/ref.scm" "$T/q.scz"
    sc-surgery --verify "$T/ref.scm" "$T/q.scm" -- "$T/ref.scz" >"$T/proof"
    [ "$(awk -F'\t' 'NR > 1 && $3 == 200 && $4 == 200' "$T/proof" | wc -l)" -eq 2 ]
    sc-embed -q "$T/q.scm" "$T/q.scz" | sc-view -t obsm/X_totalvi | awk 'END { exit NR != 201 }'
    sc-view --json "$T/q.scm" | tr -d ' \n' | grep -q '"missing":\[\[\],\[\],\[3,'
    sc-surgery -q --max-epochs 2 --set scale-adversarial-loss=0 -o "$T/s.scm" "$T/ref.scm" "$T/q.scz"
    sc-view -t history "$T/s.scm" >"$T/history"
    run cmp -s "$T/history" <(sc-view -t history "$T/q.scm"); [ "$status" -eq 1 ]
    sc-view --json "$T/s.scm" | tr -d ' \n' | grep -q '"scale-adversarial-loss":0'
    fails 3 "there are no protein counts" sc-surgery --protein-key adt -o "$T/n.scm" "$T/ref.scm" "$T/q.scz"
}

@test "totalvi of scvi-tools is a reference as it is" {
    need_shared parity/surgery_totalvi/ref_model.pt
    for f in adata ref_adata; do sc-read -q "$SHARED/parity/surgery_totalvi/$f.h5ad" >"$T/$f.scz"; done
    surgery -o "$T/q.scm" "$SHARED/parity/surgery_totalvi/ref_model.pt" "$T/adata.scz"
    sc-surgery --verify "$SHARED/parity/surgery_totalvi/ref_model.pt" "$T/q.scm" -- "$T/ref_adata.scz"
}

@test "what is no model, or no cells, is said, and what makes them" {
    sc-sim -q --mock >"$T/cells.scz"
    sc-write -q -o "$T/cells.h5ad" "$T/cells.scz"
    mkdir "$T/saved"
    fails 1 "cells.h5ad: is an HDF5 file (h5ad, loom, h5 of 10x), where a model is needed" sc-surgery "$T/cells.h5ad" "$T/cells.scz"
    fails 1 "holds cells, where a model is needed, as sc-fit makes" sc-surgery "$T/cells.scz" "$T/cells.scz"
    fails 1 "is a folder, where a model is needed; one that scvi-tools saved is the file model.pt in it" sc-surgery "$T/saved" "$T/cells.scz"
    sc-fit -q -m scvi --n-hidden 8 --n-latent 2 --max-epochs 1 -o "$T/m.scm" "$T/cells.scz"
    fails 1 "cells.h5ad: is not a .scz stream, nor a model; sc-read makes streams" sc-surgery "$T/m.scm" "$T/cells.h5ad"
    fails 1 "is a model, where cells are needed" sc-surgery "$T/m.scm" "$T/m.scm"
}
