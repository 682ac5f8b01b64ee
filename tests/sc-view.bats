# sc-view on simulated cells, and what it says of damaged ones.
load helper

setup() {
    cd "$T"
    sc-sim --mock -o s.scz
}

@test "the summary names cells, genes, matrices, columns and the commands" {
    run sc-view s.scz
    [ "$status" -eq 0 ]
    [[ $output == *"cells: 200"* && $output == *"genes: 100"* && $output == *"X: counts, sparse"* ]]
    [[ $output == *"cell_type (category: type_1, type_2, type_3)"* && $output == *"by: sc-sim "* ]]
}

@test "obs and var are tables with a header row" {
    [ "$(sc-view -t obs s.scz | wc -l)" -eq 201 ]
    [ "$(sc-view -t var s.scz | wc -l)" -eq 101 ]
    [ "$(sc-view -t obs s.scz | cut -f1 | head -1)" = cell ]
    [ "$(sc-view -t var -n 0 s.scz | cut -f1)" = gene ]
    [ "$(sc-view -t obs -n 3 s.scz | wc -l)" -eq 4 ]
    [ "$(sc-view -t X s.scz | awk -F'\t' '{ print NF }' | sort -u)" = 101 ]
}

@test "X is the counts: their sum is the library size" {
    sc-view -t obs s.scz >obs.tsv
    sc-view -t X s.scz >x.tsv
    awk -F'\t' 'NR > 1 { for (j = 2; j <= NF; j++) if ($j != int($j) || $j < 0) exit 1 }' x.tsv
    diff <(cut -f1 obs.tsv) <(cut -f1 x.tsv)
}

@test "obsm and varm have a row a cell and a row a gene" {
    [ "$(sc-view -t obsm/X_true s.scz | head -1 | cut -f1,2)" = "$(printf 'cell\tX_true_0')" ]
    [ "$(sc-view -t obsm/X_true s.scz | wc -l)" -eq 201 ]
    [ "$(sc-view -t varm/loadings_true s.scz | wc -l)" -eq 101 ]
}

@test "a pipe gives the same as a file" {
    for t in obs var X uns obsm/X_true; do
        diff <(sc-view -t $t s.scz) <(cat s.scz | sc-view -t $t)
    done
}

@test "json is JSON, of the header alone too" {
    need_command python3
    sc-view --json s.scz | python3 -c 'import json, sys; assert json.load(sys.stdin)["n_obs"] == 200'
    sc-view -H --json s.scz | python3 -c 'import json, sys; assert json.load(sys.stdin)["n_vars"] == 100'
}

@test "a table that is not there: the near ones are named, exit 3" {
    fails 3 "'obs'" sc-view -t osb s.scz
    fails 3 "there are: obs, var, uns, X" sc-view -t zzzzzzzzz s.scz
    sc-fit -q -m scvi --n-hidden 4 --max-epochs 1 -o m.scm s.scz # of more names than a sentence takes
    fails 3 "m.scm: there is no 'zzzzzzzzz'; there are: history, meta, tensors, var, tensors/" sc-view -t zzzzzzzzz m.scm
    [[ $output == *", ..." && ${#output} -lt 500 ]]
}

@test "options that do nothing together are refused" {
    fails 2 "--rows needs a --table" sc-view -n 3 s.scz
    fails 2 "--table goes with" sc-view -t obs --json s.scz
    fails 2 "--header" sc-view -H --check s.scz
}

@test "head closes the pipe, and that is no error" {
    run bash -c 'set -o pipefail; sc-view -t X s.scz | head -1 | wc -l'
    [ "$status" -eq 0 ] && [ "$output" -eq 1 ]
}

@test "a full disk is an error" {
    [ -w /dev/full ] || skip "there is no /dev/full"
    fails 1 "No space left" bash -c 'sc-view -t obs s.scz >/dev/full'
}

@test "missing, empty and foreign files: one sentence each" {
    : >empty
    echo hello >text
    fails 1 "nope: No such file" sc-view nope
    fails 1 "empty: is empty" sc-view empty
    fails 1 "text: is not a .scz stream" sc-view text
    printf '\211SCZ\n\032\000more' >spoilt
    fails 1 "spoilt: is not a .scz stream, nor a model; sc-read makes streams of other files of cells; this one is spoilt, as by a transfer that converts line ends" sc-view spoilt
}

@test "--check says that a stream is whole" {
    [ "$(sc-view --check s.scz)" = "whole: 200 cells, 100 genes, matrices: 3" ]
}

@test "a stream that was cut is refused, and the next tool in the pipe fails too" {
    local n k cut
    n=$(stat -c %s s.scz)
    for k in 1 2 3 4 5 6 7 8 9; do
        cut=$((n * k / 10))
        head -c "$cut" s.scz >cut.scz
        fails 1 "stream ends early" sc-view cut.scz
    done
    head -c $((n - 10)) s.scz >cut.scz
    run bash -c 'sc-norm --log1p cut.scz 2>/dev/null | sc-view 2>&1 >/dev/null'
    [ "$status" -eq 1 ] && [[ $output == *"stdin: "* ]]
}

@test "flipped bits and bytes at the end are refused" {
    local n k at byte
    n=$(stat -c %s s.scz)
    for k in 1 5 9 13 17 21 25 29; do
        at=$((n * k / 30))
        cp s.scz bad.scz
        byte=$(od -An -tu1 -j$at -N1 s.scz)
        printf "\\x$(printf %x $((byte ^ (1 << k % 8))))" | dd of=bad.scz bs=1 seek=$at conv=notrunc status=none
        run sc-view bad.scz
        [ "$status" -eq 1 ] && [ "${#lines[@]}" -eq 1 ]
        run bash -c 'sc-norm -q --log1p bad.scz >/dev/null'
        [ "$status" -eq 1 ]
    done
    cat s.scz s.scz >twice.scz
    fails 1 "bytes follow the end" sc-view twice.scz
}

@test "real counts: smaller than gzipped h5ad would be, and whole" {
    need_shared data/pbmc1k_v3.tar.gz
    sc-read -q "$SHARED/data/pbmc1k_v3.tar.gz" >p.scz
    [ "$(stat -c %s p.scz)" -lt 1600000 ] # the h5ad that anndata writes has 4.1 MB
    sc-view --check p.scz
}

# need_model: m.scm, which a test of the library leaves.
need_model() {
    [ -x "$SLUICE_BUILD/tests/test_damage" ] || skip "the tests of the library are not built"
    SLUICE_SEEDS=$T "$SLUICE_BUILD/tests/test_damage" >/dev/null 2>&1
    mv seed.scm m.scm
}

@test "a model: summary, history, tensors" {
    need_model
    run sc-view m.scm
    [ "$status" -eq 0 ]
    [[ $output == *"variant: ldvae"* && $output == *"history: 2 rows"* && $output == *"tensors: 2 of 720 values"* ]]
    [ "$(sc-view -t history m.scm)" = "$(printf 'epoch\telbo_train\n0\t12.5\n1\t')" ]
    [ "$(sc-view -t history -n 1 m.scm | wc -l)" -eq 2 ]
    [ "$(sc-view -t tensors m.scm)" = "$(printf 'tensor\tshape\ndecoder.weight\t60x10\npx_r\t120')" ]
    [ "$(sc-view -t tensors/px_r m.scm | head -1)" = "$(printf 'row\tvalue')" ]
    [ "$(sc-view -t tensors/px_r m.scm | wc -l)" -eq 121 ]
    [ "$(sc-view -t tensors/decoder.weight m.scm | awk -F'\t' '{ print NF }' | sort -u)" = 11 ]
    [ "$(sc-view -t var m.scm | wc -l)" -eq 121 ]
    fails 3 "tensors/px_r" sc-view -t tensors/px_s m.scm
    sc-view -t meta m.scm | grep -q n_latent
    [ "$(sc-view --check m.scm)" = "whole: a model of 2 tensors, 120 genes" ]
}

@test "cells are wanted and a model comes" {
    need_model
    fails 1 "m.scm: is a model, where cells are needed" sc-norm --log1p m.scm
}

@test "the same text on any number of threads, and of a damaged stream the rows before the damage" {
    sc-sim -q --n-obs 6000 --n-vars 30 -o "$T/s.scz"
    for t in X obs obsm/X_true; do
        sc-view -@ 1 -t $t "$T/s.scz" >"$T/one"
        [ "$(wc -l <"$T/one")" -eq 6001 ]
        sc-view -@ 4 -t $t "$T/s.scz" | cmp - "$T/one"
        sc-view -@ 4 -t $t -n 1500 "$T/s.scz" | cmp - <(head -n 1501 "$T/one")
    done
    sc-view -@ 1 -t obs "$T/s.scz" >"$T/one"
    head -c $(($(stat -c %s "$T/s.scz") / 2)) "$T/s.scz" >"$T/cut.scz"
    fails 1 "cut.scz: stream ends early" sc-view -@ 4 --check "$T/cut.scz"
    run bash -c 'sc-view -@ 4 -t obs "$T/cut.scz" 2>&1 >"$T/rows"'
    [ "$status" -eq 1 ]
    [ "$(wc -l <"$T/rows")" -gt 1024 ]
    cmp "$T/rows" <(head -n "$(wc -l <"$T/rows")" "$T/one")
}
