#!/usr/bin/env bats
load helper

# Three cells, one of them empty: 0 0 0 / 1 2 3 / 10 0 2.
setup() {
    mkdir "$T/m"
    printf '%s\n' '%%MatrixMarket matrix coordinate integer general' '3 3 5' \
        '1 2 1' '2 2 2' '3 2 3' '1 3 10' '3 3 2' >"$T/m/matrix.mtx"
    printf '%s\n' g1 g2 g3 | awk '{ print $1 "\t" $1 "\tGene Expression" }' >"$T/m/features.tsv"
    printf '%s\n' empty small large >"$T/m/barcodes.tsv"
    sc-read -q "$T/m" >"$T/m.scz"
}

values() {
    sc-view -t "${1:-X}" | tail -n +2 | tr '\t\n' '  '
}

@test "cells get the library size asked for, and an empty one stays empty" {
    sc-norm --target-sum 10 "$T/m.scz" >"$T/n.scz"
    [ "$(values <"$T/n.scz")" = \
        "empty 0 0 0 small 1.66666663 3.33333325 5 large 8.33333302 0 1.66666663 " ]
}

@test "without a target it is the median of the cells that have counts, also from a pipe" {
    sc-norm "$T/m.scz" >"$T/n.scz" 2>"$T/note"
    grep -q 'median library size is 9$' "$T/note"
    [ "$(values <"$T/n.scz")" = "empty 0 0 0 small 1.5 3 4.5 large 7.5 0 1.5 " ]
    cat "$T/m.scz" | sc-norm -q --no-PG >"$T/pipe.scz"
    sc-norm -q --no-PG <"$T/m.scz" | cmp - "$T/pipe.scz"
}

@test "logs are natural, and the counts stay beside them" {
    sc-norm --target-sum 6 --log1p "$T/m.scz" >"$T/n.scz"
    [ "$(values <"$T/n.scz")" = \
        "empty 0 0 0 small 0.693147182 1.09861231 1.38629436 large 1.79175949 0 0.693147182 " ]
    [ "$(values layers/counts <"$T/n.scz")" = "empty 0 0 0 small 1 2 3 large 10 0 2 " ]
    sc-view -t uns "$T/n.scz" | grep -q log1p
}

@test "log data that has its counts beside it is made again from them, and that is said" {
    sc-norm --target-sum 6 --log1p "$T/m.scz" >"$T/n.scz"
    sc-norm --target-sum 10 "$T/n.scz" >"$T/again.scz" 2>"$T/note"
    grep -q "counts" "$T/note"
    [ "$(values <"$T/again.scz")" = "$(sc-norm --target-sum 10 "$T/m.scz" | values)" ]
    fails 3 "X" sc-norm --layer X "$T/n.scz" -o "$T/out.scz"
}

@test "genes that dominate a cell are left out of the library sizes" {
    sc-norm --target-sum 10 --exclude-highly-expressed --max-fraction 0.8 "$T/m.scz" >"$T/n.scz"
    [ "$(values <"$T/n.scz")" = "empty 0 0 0 small 2 4 6 large 50 0 10 " ]
    sc-norm -q --exclude-highly-expressed --max-fraction 0.8 "$T/m.scz" >"$T/n.scz"
    [ "$(values <"$T/n.scz")" = "empty 0 0 0 small 0.699999988 1.39999998 2.0999999 large 17.5 0 3.5 " ]
    fails 2 "--exclude-highly-expressed" sc-norm --max-fraction 0.8 "$T/m.scz"
}

@test "data without counts are refused, unless they are named and not negative" {
    sed -i 's/real\|integer/real/; s/^3 2 3$/3 2 2.5/' "$T/m/matrix.mtx"
    sc-read -q "$T/m" >"$T/f.scz"
    fails 3 "counts-fractional" sc-norm --target-sum 1e4 "$T/f.scz" -o "$T/out.scz"
    [ ! -e "$T/out.scz" ]
    sc-norm --layer X --target-sum 11 "$T/f.scz" >"$T/n.scz"
    [ "$(values <"$T/n.scz" | cut -d ' ' -f 5-8)" = "small 2 4 5" ]
}

@test "a stream cut in the middle is an error, here and in the next tool" {
    head -c $(($(stat -c %s "$T/m.scz") - 9)) "$T/m.scz" >"$T/cut.scz"
    fails 1 "cut.scz" sc-norm --target-sum 1e4 "$T/cut.scz" -o "$T/out.scz"
    [ ! -e "$T/out.scz" ]
    fails 1 "sc-hvg: stdin" bash -c "sc-norm --target-sum 1e4 $T/cut.scz 2>/dev/null | sc-hvg -n 1 -o $T/out.scz"
}

@test "unknown options are refused" {
    fails 2 "target" sc-norm --target-summ 3 "$T/m.scz"
    fails 2 "max-fraction" sc-norm --exclude-highly-expressed --max-fraction 2 "$T/m.scz"
}

@test "every run gives the same bytes" {
    sc-norm --target-sum 1e4 --log1p "$T/m.scz" >"$T/a.scz"
    sc-norm --target-sum 1e4 --log1p "$T/m.scz" | cmp - "$T/a.scz"
}

@test "blocks that are worked on at once come out in their order, with the same bytes" {
    sc-sim --mock -q --n-obs 9000 --n-vars 40 >"$T/many.scz"
    for o in "--target-sum 1e4 --log1p" "--exclude-highly-expressed"; do
        sc-norm -q --no-PG $o -@ 1 "$T/many.scz" >"$T/one.scz"
        sc-norm -q --no-PG $o -@ 7 "$T/many.scz" | cmp - "$T/one.scz"
        cat "$T/many.scz" | sc-norm -q --no-PG $o -@ 3 | cmp - "$T/one.scz"
    done
}

@test "a cut stream is an error for several threads too, and leaves no file" {
    sc-sim --mock -q --n-obs 9000 --n-vars 40 | head -c -3000 >"$T/cut.scz"
    run sc-norm -q -@ 7 --target-sum 1e4 -o "$T/none.scz" "$T/cut.scz"
    [ "$status" -eq 1 ]
    [[ "$output" == *"stream ends early"* ]]
    [ ! -e "$T/none.scz" ]
}

@test "where a value is no count, its cell and gene are named" {
    printf 'cell,A,B\nc1,1,0\nc2,2,-3\n' | sc-read -q -o "$T/minus.scz"
    fails 3 "$T/minus.scz: counts are needed, and there are only: X (real); cell 'c2' has -3 of gene 'B'" sc-norm "$T/minus.scz"
    fails 3 "stdin: counts are needed, and there are only: X (real); cell 'c2' has -3 of gene 'B'" sc-norm <"$T/minus.scz"
}
