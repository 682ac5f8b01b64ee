# Damaged streams and models through the tools that read them: one sentence, exit 1, no crash, and the next one fails too.
load helper

setup_file() {
    cd "$BATS_FILE_TMPDIR"
    sc-sim --mock -o s.scz
}

setup() {
    cd "$T"
    cp "$BATS_FILE_TMPDIR/s.scz" .
}

# flip FILE OFFSET BIT: in place.
flip() {
    local byte
    byte=$(od -An -tu1 -j"$2" -N1 "$1")
    printf "\\x$(printf %x $((byte ^ (1 << $3))))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# refuses COMMAND...: says one sentence (after notes, if any) and leaves with 1.
refuses() {
    run "$@"
    echo "$*: status $status, output: $output"
    [ "$status" -eq 1 ] && [[ ${lines[-1]} == sc-*": "* ]]
}

# damaged_in_turn COMMAND...: the last argument is the file to damage.
damaged_in_turn() {
    local file=${!#} n k
    n=$(stat -c %s "$file")
    cp "$file" whole
    for k in 1 4 7; do
        head -c $((n * k / 8)) whole >"$file"
        refuses "$@"
    done
    for k in 2 5 9 13 17 19; do
        cp whole "$file"
        flip "$file" $((n * k / 20)) $((k % 8))
        refuses "$@"
    done
    cp whole "$file" # the next round would otherwise flip the bit back
}

@test "sc-read" {
    damaged_in_turn sc-read -q -o out s.scz
    [ ! -e out ]
}
@test "sc-norm" { damaged_in_turn sc-norm -q --log1p -o out s.scz; }
@test "sc-norm, in two passes" { damaged_in_turn sc-norm -q -o out s.scz; }
@test "sc-hvg" { damaged_in_turn sc-hvg -q -n 20 -o out s.scz; }
@test "sc-cat" { damaged_in_turn sc-cat -q --batch-key tech -o out s.scz; }
@test "sc-write" {
    damaged_in_turn sc-write -q -o out.csv s.scz
    [ ! -e out.csv ]
}
@test "sc-annotate" {
    damaged_in_turn sc-annotate -q --rename cell_type=kind -o out s.scz
}
@test "sc-fit" {
    need_command sc-fit
    damaged_in_turn sc-fit -q -m scvi --max-epochs 1 -o m.scm s.scz
    [ ! -e m.scm ]
}
@test "sc-embed and sc-loadings: the model" {
    need_command sc-embed
    need_command sc-fit
    sc-fit -q -m ldvae --max-epochs 1 -o m.scm s.scz
    cp m.scm good.scm
    damaged_in_turn sc-loadings m.scm
    damaged_in_turn sc-view m.scm
    damaged_in_turn sc-embed -q -o out good.scm s.scz
}
@test "sc-decode, sc-sample and sc-score: the cells, minified ones too" {
    sc-fit -q -m scvi --max-epochs 1 -o m.scm s.scz
    damaged_in_turn sc-decode -q --latent sample --n-samples 2 --each-sample -o out m.scm s.scz
    damaged_in_turn sc-sample -q -o out m.scm s.scz
    damaged_in_turn sc-score -q -o out m.scm s.scz
    sc-embed --minify -o min.scz m.scm s.scz
    damaged_in_turn sc-decode -q -o out m.scm min.scz
    [ ! -e out ]
}

@test "a pipeline fails where one of its first tools does, without pipefail" {
    head -c 3000 s.scz >cut.scz
    run bash -c 'sc-norm -q --log1p cut.scz 2>/dev/null | sc-hvg -q --flavor seurat -n 20 2>/dev/null | sc-view >/dev/null'
    [ "$status" -eq 1 ] && [[ $output == *"stream ends early"* || $output == *"is empty"* ]]
}
