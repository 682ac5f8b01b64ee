#!/usr/bin/env bats
load helper

setup_file() {
    export F=$BATS_FILE_TMPDIR
    sc-sim -q --n-obs 150 --n-vars 40 --n-types 3 --n-batches 2 --seed 1 >"$F/plain.scz"
    sc-view -t obs "$F/plain.scz" | awk -F'\t' -v OFS='\t' \
        'NR == 1 { print "cell", "few"; next } { print $1, NR % 2 ? $2 : "Unknown" }' >"$F/few.tsv"
    sc-annotate -q --obs "$F/few.tsv" "$F/plain.scz" >"$F/sim.scz"
}

fit() {
    sc-fit -q --max-epochs 2 --n-hidden 8 --n-latent 3 "$@" "$F/sim.scz"
}

@test "list names what the tools would find, and why something does not load" {
    sc-model list >"$T/list"
    [ "$(head -1 "$T/list")" = $'kind\tname\tloads\twhat\tpath' ]
    grep -q $'^model\tscvi\tyes' "$T/list"
    grep -q $'^format\th5ad\tyes' "$T/list"
    mkdir "$T/plugins"
    echo 'no plugin' >"$T/plugins/broken.so"
    SLUICE_PLUGIN_PATH=$T/plugins sc-model list | grep $'^plugin\tbroken\tno\t' | grep -q "can't be loaded"
}

@test "show tells options, data and outputs, of a model of ours and of scvi-tools" {
    fit -m scvi --batch-key batch --encoder-activation gelu -o "$T/m.scm"
    sc-model show "$T/m.scm" >"$T/show"
    grep -qx $'model\tvariant\tscvi' "$T/show"
    grep -qx $'option\tencoder-activation\tgelu' "$T/show"
    grep -qx $'data\tbatch\tbatch: batch_1, batch_2' "$T/show"
    grep -q $'^output\tpx_rate\t' "$T/show"
    sc-model export "$T/out" "$T/m.scm"
    sc-model show "$T/out/model.pt" | grep -v ^training | diff - <(grep -v ^training "$T/show")
}

# Options that scvi-tools keeps in other places, and kinds of data.
models() {
    cat <<'END'
scvi
scvi --batch-key batch --labels-key cell_type --dispersion gene-label --gene-likelihood nb
scvi --batch-key batch --encode-covariates --cat-covariate cell_type --cont-covariate library_size --n-layers 2
scvi --batch-key batch --batch-representation embedding --embedding-dim 3 --use-layer-norm both
scvi --var-activation softplus --var-eps 0.001 --encoder-activation leaky-relu --no-decoder-bias
scvi --encoder-activation identity --decoder-activation elu --var-activation square --no-log-variational
scvi --encoder-activation mish --decoder-activation selu
scvi --encoder-activation hardswish --decoder-activation softsign --no-encoder-bias
scvi --encoder-activation celu --decoder-activation gelu
scvi --batch-key batch --no-use-observed-lib-size --dispersion gene-cell --use-batch-norm none
scvi --size-factor-key library_size --gene-likelihood poisson
scvi --latent-distribution ln --gene-likelihood normal
ldvae --batch-key batch --bias
ldvae --labels-key cell_type --dispersion gene-label --n-layers-encoder 2 --use-observed-lib-size
ldvae --no-use-batch-norm --gene-likelihood zinb
scanvi --labels-key few --batch-key batch
scanvi --labels-key cell_type --linear-classifier --encode-covariates --batch-key batch
scanvi --labels-key few --classifier-n-layers 2 --classifier-n-hidden 7 --n-layers 2
END
}

@test "what is exported is read back as the same model" {
    local model options
    while read -r model options; do
        # shellcheck disable=SC2086
        fit -m "$model" $options -o "$T/m.scm"
        sc-model export --to scvi-tools "$T/out" "$T/m.scm"
        sc-score --latent mean "$T/m.scm" "$F/sim.scz" >"$T/ours"
        sc-score --latent mean "$T/out/model.pt" "$F/sim.scz" | cmp - "$T/ours"
    done < <(models)
}

@test "batches that are numbers are found by their value: scvi-tools spells them 1.0" {
    sc-view -t obs "$F/plain.scz" | awk -F'\t' -v OFS='\t' \
        'NR == 1 { print "cell", "plate"; next } { print $1, NR % 3 ? "1.0" : "0.3333" }' >"$T/plate.tsv"
    sc-annotate -q --obs "$T/plate.tsv" --cast obs/plate=real "$F/plain.scz" >"$T/x.scz"
    sc-fit -q --max-epochs 1 --n-hidden 4 -m scvi --batch-key plate --encode-covariates -o "$T/m.scm" "$T/x.scz"
    sc-model export "$T/out" "$T/m.scm" "$T/x.scz"
    sc-model show "$T/out/model.pt" | grep -qx $'data\tbatch\tplate: 0.3333, 1.0'
    sc-score --latent mean "$T/out/model.pt" "$T/x.scz" | cmp - <(sc-score --latent mean "$T/m.scm" "$T/x.scz")
    for b in 1 1.0; do
        sc-decode --no-PG --transform-batch $b "$T/out/model.pt" "$T/x.scz" | sc-view -t layers/px_scale >"$T/$b"
    done
    cmp "$T/1" "$T/1.0"
    fails 2 "no batch '2'" sc-decode --transform-batch 2 "$T/out/model.pt" "$T/x.scz"
}

# for_python MODEL CELLS DIR: exports, with what export_check.py compares
for_python() {
    sc-model export --to scvi-tools "$3" "$1" "$2"
    local variant
    variant=$(sc-model show "$1" | sed -n $'s/^model\tvariant\t//p')
    sc-embed -q "$1" "$2" | sc-view -t "obsm/X_$variant" >"$3/latent.tsv"
    sc-score -q --latent mean "$1" "$2" >"$3/score.tsv"
    [ "$variant" != scanvi ] ||
        sc-label -q --key class --soft "$1" "$2" | sc-view -t obsm/class_probs >"$3/classes.tsv"
}

@test "scvi-tools loads what is exported: the same latent, the same ELBO, and surgery takes it" {
    [ "$SCVI_PYTHON" ] || skip "SCVI_PYTHON names no Python with scvi-tools"
    local model options case n=0
    while read -r model options; do
        n=$((n + 1))
        # shellcheck disable=SC2086
        fit -m "$model" $options -o "$T/m.scm"
        for_python "$T/m.scm" "$F/sim.scz" "$T/$n"
    done < <(models)
    for case in "$SHARED"/parity/{scvi,ldvae,scanvi,totalvi}_*; do
        [ -d "$case" ] || continue
        n=$((n + 1))
        sc-read -q "$case/adata.h5ad" >"$T/cells.scz"
        for_python "$case/model.pt" "$T/cells.scz" "$T/$n"
    done
    "$SCVI_PYTHON" "$ROOT/tests/export_check.py" $(seq -f "$T/%g" $n)
}

@test "the exported cells have the model's genes in its order, and nothing else of them is lost" {
    fit -m scvi --batch-key batch -o "$T/m.scm"
    sc-model export "$T/same" "$T/m.scm" "$F/sim.scz"
    sc-read -q "$T/same/adata.h5ad" | sc-view -t X | cmp - <(sc-view -t X "$F/sim.scz")
    sc-view -t X "$F/sim.scz" | awk -F'\t' -v OFS='\t' '{ t = $2; $2 = $9; $9 = t; $(NF + 1) = NR == 1 ? "other" : 1; print }' |
        sc-read -q --format csv >"$T/x.scz"
    sc-view -t obs "$F/sim.scz" >"$T/obs"
    sc-annotate -q --obs "$T/obs" "$T/x.scz" >"$T/shuffled.scz"
    sc-model export "$T/other" "$T/m.scm" "$T/shuffled.scz"
    sc-read -q "$T/other/adata.h5ad" | sc-view -t X | cmp - <(sc-view -t X "$F/sim.scz")
    sc-read -q "$T/other/adata.h5ad" | sc-view -t obs | cut -f1-3 | cmp - <(cut -f1-3 "$T/obs")
}

@test "an export that is killed leaves no part of a file" {
    need_command mkfifo
    mkfifo "$T/pipe"
    fit -m scvi --batch-key batch -o "$T/m.scm"
    sc-model export "$T/out" "$T/m.scm" "$T/pipe" &
    pid=$!
    exec 7>"$T/pipe"
    head -c 3000 "$F/sim.scz" >&7
    for ((k = 0; k < 100; k++)); do
        [ -z "$(find "/proc/$pid/fd" -lname "$T/out/*")" ] || break
        sleep 0.05
    done
    [ "$k" -lt 100 ] # it has begun
    find "/proc/$pid/fd" -lname "$T/out/*deleted)" | grep -q . || skip "files have names from the beginning here"
    kill -KILL $pid
    wait $pid || true
    exec 7>&-
    [ -z "$(ls -A "$T/out")" ]
}

@test "sc-model: misuse and data that break the contract, in one sentence" {
    fit -m ldvae --dispersion gene-cell -o "$T/cell.scm"
    fails 2 "1.4 has no models with '--dispersion gene-cell'" sc-model export "$T/out" "$T/cell.scm"
    [ ! -e "$T/out/model.pt" ]
    fails 2 "unknown command 'lisp'" sc-model lisp
    fails 2 "usage is" sc-model show
    fails 2 "no -o" sc-model export -o x "$T/out" "$T/cell.scm"
    fit -m scvi --batch-key batch -o "$T/m.scm"
    sc-view -t X "$F/sim.scz" | sc-read -q --format csv >"$T/x.scz"
    fails 3 "batch" sc-model export "$T/out" "$T/m.scm" "$T/x.scz"
    fails 1 "nowhere" sc-model show "$T/nowhere.scm"
    [ ! -e "$T/out" ] # not even the folder
}

@test "a model comes from a pipe as from a file, ours and scvi-tools'" {
    sc-sim -q --n-obs 60 --n-vars 20 --seed 1 >"$T/sim.scz"
    sc-fit -q -m ldvae --n-hidden 8 --n-latent 2 --max-epochs 1 -o "$T/m.scm" "$T/sim.scz"
    sc-model export --to scvi-tools "$T/dir" "$T/m.scm"
    sc-loadings "$T/m.scm" >"$T/a"
    for m in "$T/m.scm" "$T/dir/model.pt"; do
        cat "$m" | sc-loadings - | cmp - "$T/a"
        sc-loadings - <"$m" | cmp - "$T/a"
        sc-loadings <(cat "$m") | cmp - "$T/a"
    done
    cat "$T/dir/model.pt" | sc-embed --no-PG - "$T/sim.scz" | cmp - <(sc-embed --no-PG "$T/dir/model.pt" "$T/sim.scz")
    fails 1 "stdin: is neither a .scm nor a model.pt, where a model is needed" bash -c 'echo hello, world | sc-loadings -'
    fails 1 "/nowhere" env TMPDIR=/nowhere bash -c 'cat "$1" | sc-loadings -' - "$T/m.scm"
}
