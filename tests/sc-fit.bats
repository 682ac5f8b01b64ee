#!/usr/bin/env bats
load helper

setup_file() {
    export F=$BATS_FILE_TMPDIR
    sc-sim -q --n-obs 300 --n-vars 80 --n-types 3 --n-batches 2 --seed 1 >"$F/sim.scz"
    sc-fit -q -m ldvae --n-latent 4 --n-hidden 16 --max-epochs 4 --check-val-every 2 --lr 5e-3 \
        -o "$F/ldvae.scm" "$F/sim.scz"
}

fit() {
    sc-fit -q --no-PG -m scvi --n-hidden 16 --n-latent 3 --max-epochs 2 "$@"
}

@test "the model is the same bytes for any number of threads, from a file or a pipe" {
    fit -@ 1 "$F/sim.scz" >"$T/1.scm"
    for n in 2 3 4; do fit -@ $n <"$F/sim.scz" | cmp - "$T/1.scm"; done
}

@test "a weight that encoders and decoder share sums its gradient in one order" {
    shared() {
        fit --batch-key batch --batch-representation embedding --encode-covariates --no-use-observed-lib-size --max-epochs 5 "$@" "$F/sim.scz"
    }
    shared -@ 1 >"$T/1.scm"
    for n in 2 3 4 2 3 4; do shared -@ $n | cmp - "$T/1.scm"; done
}

@test "another seed, another model" {
    fit "$F/sim.scz" >"$T/0.scm"
    fit --seed 1 "$F/sim.scz" >"$T/1.scm"
    run cmp -s "$T/0.scm" "$T/1.scm"; [ "$status" -eq 1 ]
}

@test "a given prior of the library size is in the model; a wrong one is named" {
    prior() { printf 'batch\tlog_mean\tlog_var\n' && printf '%s\t%s\t%s\n' "$@"; }
    lib() { fit -m ldvae --batch-key batch --max-epochs 1 --library-prior "$1" "$F/sim.scz"; }
    lib <(prior batch_2 6 0.25 batch_1 5 0.5) | sc-view -t tensors/library_log_means >"$T/means"
    [ "$(tail -1 "$T/means")" = $'0\t5\t6' ]
    fails 3 "lacks batch 'batch_2'" lib <(prior batch_1 5 0.5)
    fails 3 "no batch 'batch_7'" lib <(prior batch_1 5 0.5 batch_2 6 1 batch_7 6 1)
    fails 3 "log_var of batch 'batch_2' is '0'" lib <(prior batch_1 5 0.5 batch_2 6 0)
    fails 2 "this model observes it" fit --library-prior <(prior batch_1 5 0.5) "$F/sim.scz"
}

@test "cells without counts are refused with their file, and with what to do" {
    printf 'cell,A,B\nc1,1,0.5\nc2,2,3\n' | sc-read -q -o "$T/part.scz"
    fails 3 "$T/part.scz: counts are needed, and there are only: X (counts-fractional); --layer takes" fit "$T/part.scz"
    [[ $output == *"fractional ones as they are; cell 'c1' has 0.5 of gene 'B'" ]]
    fit --layer X -o "$T/m.scm" "$T/part.scz"
    fit --max-epochs 1 -o "$T/m.scm" "$F/sim.scz"
    sc-embed -q --minify "$T/m.scm" "$F/sim.scz" >"$T/minified.scz"
    fails 3 "$T/minified.scz: counts are needed, and there is no matrix of cells by genes; the cells are minified, and have only what a model decodes" fit "$T/minified.scz"
    fails 3 "$F/sim.scz: obs has no column 'bacth'; did you mean 'batch'?" fit --batch-key bacth "$F/sim.scz"
}

@test "batches of hardly a cell are told of" {
    run sc-fit -m scvi --n-hidden 4 --max-epochs 1 --batch-key library_size -o "$T/m.scm" "$F/sim.scz"
    [ "$status" -eq 0 ]
    [[ $output == *" batches of obs column 'library_size' have fewer than 3 cells"* ]]
    run sc-fit -m scvi --n-hidden 4 --max-epochs 1 --cat-covariate batch --cat-covariate library_size -o "$T/m.scm" "$F/sim.scz"
    echo "$output"
    [[ $output == *" categories of obs column 'library_size' have fewer than 3 cells"* && $output != *"'batch'"* ]]
    run sc-fit -m scvi --n-hidden 4 --max-epochs 1 --batch-key batch -o "$T/m.scm" "$F/sim.scz"
    [[ $output != *"fewer than"* ]]
}

@test "options that mean nothing in the model are refused, never ignored" {
    fails 2 "'--embedding-dim' changes nothing" fit --embedding-dim 3 "$F/sim.scz"
    fails 2 "'--deeply-inject-covariates' changes nothing" \
        fit --no-deeply-inject-covariates --batch-key batch "$F/sim.scz"
    fails 2 "takes no size factors" fit -m ldvae --size-factor-key library_size "$F/sim.scz"
    fails 2 "no --labels-key is given" fit --dispersion gene-label "$F/sim.scz"
}

@test "a cell without counts trains with every likelihood" {
    sc-sim -q --n-obs 60 --n-vars 12 --seed 2 | sc-view -t X | awk -F'\t' -v OFS='\t' \
        'NR == 5 { for (i = 2; i <= NF; i++) $i = 0 } { print }' >"$T/empty.tsv"
    sc-read -q -o "$T/empty.scz" "$T/empty.tsv"
    for l in zinb nb poisson normal; do fit --gene-likelihood $l -o "$T/m.scm" "$T/empty.scz"; done
    fit --gene-likelihood zinb --batch-size 1 -o "$T/m.scm" "$T/empty.scz"
    printf 'cell,A,B\nc1,0,0\nc2,0,0\nc3,0,0\n' | sc-read -q -o "$T/zeros.scz"
    fit -o "$T/m.scm" "$T/zeros.scz"
}

@test "a latent library size without spread is refused, and its batch is named" {
    sc-view -t obs "$F/sim.scz" | awk -F'\t' 'NR == 1 { print "cell\tsample" } NR > 1 { print $1 "\t" (NR == 2 ? "solo" : "all") }' >"$T/s.tsv"
    sc-annotate --obs "$T/s.tsv" -o "$T/s.scz" "$F/sim.scz"
    fails 3 "all cells of batch 'solo' have the same library size" fit -m ldvae --batch-key sample -o "$T/m.scm" "$T/s.scz"
    [ ! -e "$T/m.scm" ]
    fit -m ldvae --batch-key sample --use-observed-lib-size -o "$T/m.scm" "$T/s.scz"
    fit -m ldvae --batch-key sample --library-prior <(printf 'batch\tlog_mean\tlog_var\nsolo\t5\t1\nall\t5\t1\n') -o "$T/m.scm" "$T/s.scz"
    printf 'cell,A,B\nc1,3,4\nc2,4,3\nc3,1,6\n' | sc-read -q -o "$T/same.scz"
    fails 3 "all cells have the same library size" fit -m ldvae -o "$T/m.scm" "$T/same.scz"
}

@test "the history has a row an epoch, and validation where it ran" {
    sc-view -t history "$F/ldvae.scm" >"$T/history"
    [ "$(head -1 "$T/history" | cut -f1-3,8)" = $'epoch\ttrain_loss\telbo_train\telbo_validation' ]
    [ "$(wc -l <"$T/history")" -eq 5 ]
    [ -z "$(sed -n 2p "$T/history" | cut -f8)" ]
    [ -n "$(sed -n 3p "$T/history" | cut -f8)" ]
}

@test "-v says every epoch; a tool with nothing more to say has no -v" {
    run sc-fit -v -m scvi --n-hidden 8 --max-epochs 4 -o "$T/m.scm" "$F/sim.scz"
    [ "${#lines[@]}" -eq 4 ]
    fails 2 "-v" sc-view -v "$F/sim.scz"
}

@test "training lowers the loss" {
    sc-view -t history "$F/ldvae.scm" | awk -F'\t' 'NR == 2 { first = $3 } { last = $3 } END { exit !(last < first) }'
}

@test "the weights are those that validated best; --no-load-best ends with the last" {
    validated() { fit --max-epochs 8 --lr 0.3 --check-val-every 1 "$@" "$F/sim.scz"; }
    validated -o "$T/m.scm"
    best=$(sc-view -t history "$T/m.scm" | awk -F'\t' 'NR > 1 { if (NR == 2 || $8 < b) { b = $8; e = $1 } } END { print e }')
    sc-view --json "$T/m.scm" | tr ',' '\n' | grep -q "\"best_epoch\": *$best\$"
    [ "$best" -lt 7 ]
    validated --no-load-best | sc-view -t tensors/px_r >"$T/last"
    fit --max-epochs 8 --lr 0.3 "$F/sim.scz" | sc-view -t tensors/px_r | cmp - "$T/last"
    sc-view -t tensors/px_r "$T/m.scm" >"$T/best"
    run cmp -s "$T/best" "$T/last"
    [ "$status" -eq 1 ]
}

@test "a validation that is not finite is never the best one" {
    sc-view -t X "$F/sim.scz" | awk -F'\t' -v OFS='\t' 'NR == 2 { $2 = "3e38" } { print }' >"$T/x.tsv"
    sed -n '2{s/\t.*//;p}' "$T/x.tsv" >"$T/cell"
    sc-read -q "$T/x.tsv" >"$T/x.scz"
    validated() { fit --max-epochs 4 --check-val-every 1 --validation-cells "$T/cell" "$@" "$T/x.scz"; }
    validated -o "$T/m.scm"
    [ -z "$(sc-view -t history "$T/m.scm" | cut -f 8 | tail -n +2 | tr -d '\n')" ]
    sc-view -t tensors/px_r "$T/m.scm" >"$T/a"
    validated --no-load-best | sc-view -t tensors/px_r | cmp - "$T/a"
}

# kl_weights OPTION...: the KL weight of each epoch of four steps, of the epoch's last minibatch
kl_weights() {
    fit --max-epochs 5 --train-size 1 --batch-size 75 "$@" "$F/sim.scz" | sc-view -t history |
        awk -F'\t' 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "kl_weight") c = i; next } { printf "%s%g", (NR > 2 ? " " : ""), $c }'
}

@test "the KL weight rises by epochs or by steps, between its bounds, as scvi-tools' does" {
    [ "$(kl_weights)" = "0 0.0025 0.005 0.0075 0.01" ]
    [ "$(kl_weights --n-epochs-kl-warmup 4)" = "0 0.25 0.5 0.75 1" ]
    [ "$(kl_weights --n-epochs-kl-warmup 4 --min-kl-weight 0.2 --max-kl-weight 0.6)" = "0.2 0.3 0.4 0.5 0.6" ]
    [ "$(kl_weights --n-epochs-kl-warmup 0 --max-kl-weight 3)" = "3 3 3 3 3" ]
    [ "$(kl_weights --n-steps-kl-warmup 16 --min-kl-weight 0.2 --max-kl-weight 1.8)" = "0.5 0.9 1.3 1.7 1.8" ]
}

@test "options of training that mean nothing together are refused, not ignored" {
    fails 2 "--min-kl-weight is 0.9, above --max-kl-weight, which is 0.5" fit --min-kl-weight 0.9 --max-kl-weight 0.5 "$F/sim.scz"
    fails 2 "--n-epochs-kl-warmup and --n-steps-kl-warmup exclude each other" fit --n-epochs-kl-warmup 3 --n-steps-kl-warmup 9 "$F/sim.scz"
    fails 2 "--min-kl-weight means nothing without a warm-up" fit --n-epochs-kl-warmup 0 --min-kl-weight 0.5 "$F/sim.scz"
    fails 2 "--early-stopping needs validation cells, and there are none" fit --early-stopping --train-size 1 "$F/sim.scz"
    fails 2 "--reduce-lr-on-plateau needs validation cells, and there are none" fit --reduce-lr-on-plateau --train-size 1 "$F/sim.scz"
    fit --max-epochs 2 --reduce-lr-on-plateau --lr-scheduler-metric elbo_train --train-size 1 "$F/sim.scz" >"$T/m.scm"
    sc-view -t obs "$F/sim.scz" | cut -f1 | sed -n '2,9p' >"$T/cells"
    fit --validation-cells "$T/cells" "$F/sim.scz" >"$T/list.scm"
    sc-view -t obs "$F/sim.scz" | sed -n '1,9p' >"$T/table" # names first, below a header row
    fit --validation-cells "$T/table" "$F/sim.scz" | cmp - "$T/list.scm"
    fails 3 "/dev/null: there are no names in it" fit --validation-cells /dev/null "$F/sim.scz"
    fails 2 "--cat-covariate names 'batch' twice" fit --cat-covariate batch --cat-covariate batch "$F/sim.scz"
    fails 2 "unknown model 'own.so'; a plugin's file is named with its folder: './own.so'" sc-fit -m own.so "$F/sim.scz"
    fails 2 "--train-size means nothing with --validation-cells" fit --validation-cells "$T/cells" --train-size 0.8 "$F/sim.scz"
    fails 2 "--validation-size means nothing with --validation-cells" fit --validation-cells "$T/cells" --validation-size 0.1 "$F/sim.scz"
}

@test "validation cells are those of the list" {
    sc-view -t obs "$F/sim.scz" | cut -f1 | sed -n '2,31p' >"$T/cells"
    fit --validation-cells "$T/cells" "$F/sim.scz" | sc-view --json | tr ',' '\n' | grep -q '"n_validation": *30$'
    echo nobody >>"$T/cells"
    fails 3 "validation cell 'nobody' is not in the data" fit --validation-cells "$T/cells" "$F/sim.scz"
}

@test "loadings are genes x dimensions; --top gives the ends of each" {
    sc-loadings "$F/ldvae.scm" >"$T/loadings"
    [ "$(wc -l <"$T/loadings")" -eq 81 ]
    [ "$(head -1 "$T/loadings")" = $'gene\tZ_0\tZ_1\tZ_2\tZ_3' ]
    sc-loadings --top 2 "$F/ldvae.scm" >"$T/top"
    [ "$(wc -l <"$T/top")" -eq 17 ]
    [ "$(sed -n 2p "$T/top" | cut -f5)" = "$(tail -n +2 "$T/loadings" | cut -f2 | sort -g | tail -1)" ]
}

@test "sorted loadings: most explained variance first, largest loading positive, names kept" {
    sc-loadings "$F/ldvae.scm" >"$T/raw"
    sc-loadings --sort "$F/ldvae.scm" >"$T/sorted"
    [ "$(head -1 "$T/sorted" | tr '\t' '\n' | sort)" = "$(head -1 "$T/raw" | tr '\t' '\n' | sort)" ]
    awk -F'\t' 'NR > 1 { for (k = 2; k <= NF; k++) { v[k] += $k ^ 2
            if ($k > max[k]) max[k] = $k; if ($k < min[k]) min[k] = $k } }
        END { for (k = 2; k <= NF; k++) if (max[k] < -min[k] || (k > 2 && v[k] > v[k - 1])) exit 1 }' "$T/sorted"
    columns() { # without the signs
        awk -F'\t' 'NR == 1 { split($0, name); next }
            { for (k = 2; k <= NF; k++) { sub(/^-/, "", $k); print name[k], $1, $k } }' "$1" | sort
    }
    columns "$T/raw" | diff - <(columns "$T/sorted")
    [ "$(sc-loadings --sort --top 1 "$F/ldvae.scm" | sed -n 2p | cut -f1)" = "$(head -1 "$T/sorted" | cut -f2)" ]
}

@test "a model without a linear decoder has no loadings" {
    fit -o "$T/m.scm" "$F/sim.scz"
    fails 2 "no linear decoder" sc-loadings "$T/m.scm"
}

@test "a cell has the same embedding alone, in any order, and for any number of threads" {
    fit --batch-key batch --encode-covariates -o "$T/m.scm" "$F/sim.scz"
    sc-embed -@ 1 "$T/m.scm" "$F/sim.scz" | sc-view -t obsm/X_scvi >"$T/z"
    for n in 2 4; do sc-embed -@ $n "$T/m.scm" "$F/sim.scz" | sc-view -t obsm/X_scvi | cmp - "$T/z"; done
    # the two halves as streams of their own, in the other order
    sc-sim -q --n-obs 300 --n-vars 80 --n-types 3 --n-batches 2 --seed 1 | sc-write -q --matrix X -o "$T/x.csv"
    { head -1 "$T/x.csv"; tail -n +2 "$T/x.csv" | tail -1; } >"$T/last.csv"
    fit -o "$T/plain.scm" "$F/sim.scz"
    sc-embed "$T/plain.scm" "$F/sim.scz" | sc-view -t obsm/X_scvi | tail -1 >"$T/in_all"
    sc-read -q "$T/last.csv" | sc-embed "$T/plain.scm" | sc-view -t obsm/X_scvi | tail -1 | cmp - "$T/in_all"
    { head -1 "$T/x.csv"; tail -n +2 "$T/x.csv" | sort -r; } >"$T/reversed.csv"
    sc-read -q "$T/reversed.csv" | sc-embed "$T/plain.scm" | sc-view -t obsm/X_scvi | tail -n +2 | sort >"$T/a"
    sc-embed "$T/plain.scm" "$F/sim.scz" | sc-view -t obsm/X_scvi | tail -n +2 | sort | cmp - "$T/a"
}

@test "draws are keyed by cell and seed; variance and columns of obs come when asked for" {
    sc-embed --latent sample "$F/ldvae.scm" "$F/sim.scz" | sc-view -t obsm/X_ldvae >"$T/a"
    sc-embed --latent sample -@ 1 "$F/ldvae.scm" "$F/sim.scz" | sc-view -t obsm/X_ldvae | cmp - "$T/a"
    sc-embed --latent sample --seed 1 "$F/ldvae.scm" "$F/sim.scz" | sc-view -t obsm/X_ldvae >"$T/b"
    run cmp -s "$T/a" "$T/b"; [ "$status" -eq 1 ]
    sc-embed --latent sample --n-samples 3 "$F/ldvae.scm" "$F/sim.scz" | sc-view -t obsm/X_ldvae >"$T/b"
    run cmp -s "$T/a" "$T/b"; [ "$status" -eq 1 ]
    sc-embed --variance --to-obs --key latent "$F/ldvae.scm" "$F/sim.scz" >"$T/e.scz"
    sc-view -t obsm/latent_var "$T/e.scz" | awk 'NR > 1 && $2 <= 0 { exit 1 }'
    sc-view -t obs "$T/e.scz" | head -1 | grep -q 'Z_0.*Z_3'
}

@test "genes may come in any order; a missing one is named" {
    sc-write -q --matrix X -o "$T/x.csv" "$F/sim.scz"
    awk -F, -v OFS=, '{ t = $2; $2 = $NF; $NF = t; print }' "$T/x.csv" >"$T/swapped.csv"
    sc-embed "$F/ldvae.scm" "$F/sim.scz" | sc-view -t obsm/X_ldvae | tail -n +2 >"$T/a"
    sc-read -q "$T/swapped.csv" | sc-embed "$F/ldvae.scm" | sc-view -t obsm/X_ldvae | tail -n +2 | cmp - "$T/a"
    cut -d, -f1-80 "$T/x.csv" >"$T/short.csv"
    sc-read -q -o "$T/short.scz" "$T/short.csv"
    fails 3 "lack 1 of the model's 80 genes" sc-embed "$F/ldvae.scm" "$T/short.scz"
}

@test "misuse and data that break the contract: one sentence and its status" {
    fails 2 "unknown model 'sciv'" sc-fit -m sciv "$F/sim.scz"
    fails 2 "which model? -m takes one of ldvae, poisson, pyro-scanvi, scanvi, scvi, " sc-fit "$F/sim.scz"
    fails 2 "unknown model 'gan'; is the folder of its plugin in SLUICE_PLUGIN_PATH? found: ldvae, poisson, " sc-fit -m gan "$F/sim.scz"
    fails 2 "--n-latnet" sc-fit -m scvi --n-latnet 3 "$F/sim.scz"
    fails 3 "did you mean 'batch'" sc-fit -m scvi --batch-key btach "$F/sim.scz"
    fails 2 "avx9000" sc-fit -q -m scvi --isa avx9000 "$F/sim.scz"
    fails 1 "nowhere.scz" sc-fit -m scvi "$T/nowhere.scz"
    sc-norm -q --log1p "$F/sim.scz" | sc-view -t X >"$T/log.tsv"
    sc-read -q -o "$T/log.scz" "$T/log.tsv"
    fails 3 "counts" sc-fit -q -m scvi "$T/log.scz"
    fails 1 "No space left" bash -c 'sc-fit -q -m scvi --max-epochs 1 "$1" >/dev/full' - "$F/sim.scz"
    head -c 3000 "$F/sim.scz" >"$T/cut.scz"
    fails 1 "stream ends early" sc-fit -q -m scvi "$T/cut.scz"
    [ ! -e "$T/m.scm" ]
}

@test "training that diverges says where, and leaves no model" {
    fails 4 "diverged in epoch" sc-fit -q -m scvi --lr 10 --eps 1e-30 --max-epochs 50 --batch-size 8 --no-use-observed-lib-size \
        -o "$T/m.scm" "$F/sim.scz"
    [ ! -e "$T/m.scm" ]
}

@test "--isa base works everywhere and says so in the model" {
    fit --isa base "$F/sim.scz" | sc-view --json | tr ',' '\n' | grep -q '"isa": *"base"'
}

@test "models of scvi-tools embed without a conversion" {
    need_shared parity/scvi_zinb_default/model.pt
    sc-read -q "$SHARED/parity/scvi_zinb_default/adata.h5ad" |
        sc-embed "$SHARED/parity/scvi_zinb_default/model.pt" | sc-view -t obsm/X_scvi | tail -n +2 >"$T/z"
    [ "$(wc -l <"$T/z")" -gt 50 ]
    need_shared parity/ldvae_default/model.pt
    sc-loadings "$SHARED/parity/ldvae_default/model.pt" | head -1 | grep -q 'gene.Z_0'
}
