load helper

# folder NAME: a 10x folder of 3 genes and 2 cells, plain files
folder() {
    mkdir -p "$T/$1"
    printf 'ENSG1\tCD3E\tGene Expression\nENSG2\tMS4A1\tGene Expression\nENSG3\tNKG7\tGene Expression\n' \
        >"$T/$1/features.tsv"
    printf 'AAA-1\nCCC-1\n' >"$T/$1/barcodes.tsv"
    matrix "$1" '1 1 5' '3 1 2' '2 2 7'
}

# matrix NAME ENTRY...: its matrix.mtx
matrix() {
    local to=$T/$1/matrix.mtx
    shift
    { printf '%%%%MatrixMarket matrix coordinate integer general\n%%made by a test\n'
      printf '3 2 %d\n' "${N:-$#}"
      printf '%s\n' "$@"; } >"$to"
}

# x IN...: what X is, as text on one line a cell
x() { sc-read -q "$@" | sc-view -t X; }

T3=$'cell\tCD3E\tMS4A1\tNKG7\nAAA-1\t5\t0\t2\nCCC-1\t0\t7\t0'

@test "a 10x folder is read" {
    folder a
    [ "$(x "$T/a")" = "$T3" ]
    [ "$(x "$T/a/matrix.mtx")" = "$T3" ]
    run sc-read -o "$T/a.scz" "$T/a"
    [[ $output == *"mtx, 2 cells x 3 genes, X is counts"* ]]
}

@test "gzip, zstd and plain members, in folders and archives, by path and through a pipe" {
    folder a
    gzip "$T/a/matrix.mtx"
    [ "$(x "$T/a")" = "$T3" ]
    tar -C "$T" -cf "$T/a.tar" a
    [ "$(x "$T/a.tar")" = "$T3" ]
    gzip -k "$T/a.tar"
    [ "$(x "$T/a.tar.gz")" = "$T3" ]
    [ "$(cat "$T/a.tar.gz" | x)" = "$T3" ]
    [ "$(x - <"$T/a.tar.gz")" = "$T3" ]
    need_command zstd
    zstd -q --rm "$T/a/barcodes.tsv"
    [ "$(x "$T/a")" = "$T3" ]
}

@test "the order of an archive's members does not matter" {
    folder a
    for order in "barcodes.tsv matrix.mtx features.tsv" "matrix.mtx features.tsv barcodes.tsv"; do
        (cd "$T" && tar -cf o.tar $(printf 'a/%s ' $order))
        [ "$(cat "$T/o.tar" | x)" = "$T3" ]
    done
}

@test "a version 2 folder, below its genome, and with a prefix" {
    folder a
    mkdir -p "$T/v2/hg19"
    cut -f 1,2 "$T/a/features.tsv" >"$T/v2/hg19/genes.tsv"
    cp "$T/a/matrix.mtx" "$T/a/barcodes.tsv" "$T/v2/hg19"
    [ "$(x "$T/v2")" = "$T3" ]
    mkdir "$T/p"
    for f in features.tsv barcodes.tsv matrix.mtx; do
        cp "$T/a/$f" "$T/p/GSM1_$f"
        cp "$T/a/$f" "$T/p/GSM2_$f"
    done
    fails 2 "('$T/p/GSM1_', '$T/p/GSM2_'); say which with --prefix" sc-read "$T/p"
    [ "$(x --prefix GSM2_ "$T/p")" = "$T3" ]
}

@test "entries in any order are sorted, repeated ones summed" {
    folder a
    matrix a '2 2 3' '3 1 2' '1 1 5' '2 2 4'
    [ "$(x "$T/a")" = "$T3" ]
    run sc-read -o "$T/a.scz" "$T/a"
    [[ $output == *"added up 1 entries"* ]]
}

@test "lines that end in CR LF are as good as others" {
    folder a
    sed -i 's/$/\r/' "$T"/a/*
    [ "$(x "$T/a")" = "$T3" ]
}

@test "antibodies go to obsm" {
    folder a
    sed -i '2s/Gene Expression/Antibody Capture/;3s/Gene Expression/Custom/' "$T/a/features.tsv"
    sc-read -o "$T/a.scz" "$T/a" 2>"$T/said"
    [ "$(sc-view -t X "$T/a.scz")" = $'cell\tCD3E\nAAA-1\t5\nCCC-1\t0' ]
    [ "$(sc-view -t obsm/protein_expression "$T/a.scz")" = $'cell\tMS4A1\nAAA-1\t0\nCCC-1\t7' ]
    grep -q 'left out 1 features' "$T/said"
    [ "$(x --all-features "$T/a")" = "$T3" ]
}

@test "gene names that repeat: made unique, dropped or summed, and said" {
    folder a
    sed -i '3s/NKG7/CD3E/' "$T/a/features.tsv"
    [ "$(x "$T/a" | head -1)" = $'cell\tCD3E\tMS4A1\tCD3E-1' ]
    [ "$(x --duplicates drop "$T/a")" = $'cell\tCD3E\tMS4A1\nAAA-1\t5\t0\nCCC-1\t0\t7' ]
    [ "$(x --duplicates sum "$T/a")" = $'cell\tCD3E\tMS4A1\nAAA-1\t7\t0\nCCC-1\t0\t7' ]
    run sc-read -o "$T/a.scz" "$T/a"
    [[ $output == *"1 genes with the name of another were made unique"* ]]
    [ "$(x --var-names ids "$T/a" | head -1)" = $'cell\tENSG1\tENSG2\tENSG3' ]
}

@test "bad matrices: one sentence with the line, and the status of the design" {
    folder a
    matrix a '1 1 5' '4 1 2'
    fails 1 "matrix.mtx: line 5: row index 4 is not within 1 to 3" sc-read "$T/a"
    matrix a '1 0 5'
    fails 1 "line 4: column index 0 is not within 1 to 2" sc-read "$T/a"
    N=4 matrix a '1 1 5' '3 1 2'
    fails 1 "4 entries are stated and the file ends after 2" sc-read "$T/a"
    N=1 matrix a '1 1 5' '3 1 2'
    fails 1 "line 5: more entries than the 1 stated" sc-read "$T/a"
    matrix a '1 1 NaN'
    fails 3 "line 4: the value is NaN" sc-read "$T/a"
    matrix a '1 1 5' '3 1 -2'
    fails 3 "line 5: the value -2 is negative" sc-read "$T/a"
    matrix a '1 1 five'
    fails 1 "line 4: 'five' is not a number" sc-read "$T/a"
    matrix a '1 1'
    fails 1 "line 4: '1 1' is not an entry" sc-read "$T/a"
    matrix a '1 1 1.5'
    [ "$(x "$T/a" | sed -n 2p)" = $'AAA-1\t1.5\t0\t0' ]
    echo '%%MatrixMarket matrix array real general' >"$T/a/matrix.mtx"
    fails 1 "'matrix coordinate' is wanted" sc-read "$T/a"
}

@test "tables that do not fit the matrix" {
    folder a
    echo GGG-1 >>"$T/a/barcodes.tsv"
    fails 1 "the matrix has 2 cells, and there are 3 barcodes" sc-read "$T/a"
    rm "$T/a/barcodes.tsv"
    fails 1 "there is a matrix but no barcodes.tsv" sc-read "$T/a"
    rm "$T/a/features.tsv"
    [ "$(x "$T/a" | head -2)" = $'cell\t0\t1\t2\n0\t5\t0\t2' ]
}

@test "a missing, an empty and an unknown input" {
    fails 1 "none.mtx: No such file or directory" sc-read "$T/none.mtx"
    : >"$T/empty.mtx"
    fails 1 "empty.mtx: the input is empty" sc-read "$T/empty.mtx"
    fails 1 "stdin: the input is empty" sc-read </dev/null
    head -c 1000 /dev/zero >"$T/zero"
    fails 1 "zero: not of a known format" sc-read "$T/zero"
    mkdir "$T/nothing"
    fails 1 "there is no matrix.mtx in this folder" sc-read "$T/nothing"
}

@test "a cut archive is an error, and the next tool fails too" {
    folder a
    tar -C "$T" -czf "$T/a.tar.gz" a
    head -c 200 "$T/a.tar.gz" >"$T/cut.tar.gz"
    run sc-read "$T/cut.tar.gz"
    [ "$status" -eq 1 ]
    run bash -c "sc-read $T/cut.tar.gz | sc-view --check"
    [ "$status" -ne 0 ]
}

@test "options that are unknown, or another format's" {
    folder a
    fails 2 "unknown" sc-read --formatt csv "$T/a"
    fails 2 "--genome is no option of format 'mtx'" sc-read --genome hg19 "$T/a"
    fails 2 "there is no format 'xls' to read" sc-read --format xls "$T/a"
    sc-read -q -o "$T/a.scz" "$T/a"
    fails 2 "--use is for other formats than scz" sc-read --use raw "$T/a.scz"
}

@test "a stream goes through without the formats' plugins, which take ten times its time to load" {
    printf 'cell,A\nc,1\n' | sc-read -q -o "$T/a.scz"
    loads() { LD_DEBUG=files sc-read "$@" 2>&1 >/dev/null | grep -c 'calling init: .*/csv.so'; }
    [ "$(loads "$T/a.scz")" -eq 0 ]
    [ "$(loads --format scz <"$T/a.scz")" -eq 0 ]
    [ "$(loads --use raw "$T/a.scz")" -eq 1 ]
    [ "$(loads --help)" -eq 1 ]
}

@test "a format that can't be loaded is an error of its own when it is named" {
    mkdir "$T/plugins"
    echo "not a library" >"$T/plugins/odd.so"
    folder a
    SLUICE_PLUGIN_PATH=$T/plugins fails 5 "odd.so' can't be loaded" sc-read --format odd "$T/a"
}

@test "a plugin for another ABI, or that is none, is refused with the reason" {
    need_command "${CC:-cc}"
    mkdir "$T/plugins"
    folder a
    printf '#include "sc_plugin.h"\nconst sc_plugin sc_plugin_entry = {.abi = 99, .size = sizeof(sc_plugin)};\n' |
        "${CC:-cc}" -shared -fPIC $(printf " -I%s" "$ROOT"/lib/*/) -o "$T/plugins/new.so" -x c -
    SLUICE_PLUGIN_PATH=$T/plugins fails 5 "it is built for plugin ABI 99, not 1" sc-read --format new "$T/a"
    echo 'int x;' | "${CC:-cc}" -shared -fPIC -o "$T/plugins/none.so" -x c -
    SLUICE_PLUGIN_PATH=$T/plugins fails 5 "it has no sc_plugin_entry" sc-read --format none "$T/a"
    SLUICE_PLUGIN_PATH=$T/plugins sc-read -q "$T/a" | sc-view --check
}

@test "a full disk is an error" {
    folder a
    fails 1 "No space left" sc-read -o /dev/full "$T/a"
}

@test "csv: header, names, comments, quotes, transposed, white space" {
    printf '# a comment\n"","g,1",g2\nc1,1,0\r\nc2,0,2.5\n' >"$T/t.csv"
    [ "$(x "$T/t.csv")" = $'cell\tg,1\tg2\nc1\t1\t0\nc2\t0\t2.5' ]
    [ "$(gzip -c "$T/t.csv" | x)" = $'cell\tg,1\tg2\nc1\t1\t0\nc2\t0\t2.5' ]
    [ "$(x --transpose "$T/t.csv")" = $'cell\tc1\tc2\ng,1\t1\t0\ng2\t0\t2.5' ]
    printf 'g1\tg2\nc1\t1\t0\n' >"$T/t.tsv"
    [ "$(x "$T/t.tsv")" = $'cell\tg1\tg2\nc1\t1\t0' ]
    printf '  1 2 3\n4  5 6 \n' >"$T/t.txt"
    [ "$(x "$T/t.txt")" = $'cell\t0\t1\t2\n0\t1\t2\t3\n1\t4\t5\t6' ]
    printf '1;2\n3;4\n' >"$T/t.txt"
    [ "$(x --delimiter ';' "$T/t.txt")" = $'cell\t0\t1\n0\t1\t2\n1\t3\t4' ]
}

@test "bad csv: one sentence with the line" {
    printf 'cell,a,b\nc1,1,2\nc2,3\n' >"$T/t.csv"
    fails 1 "line 3: 1 values, and the lines before have 2" sc-read "$T/t.csv"
    printf 'cell,a,b\nc1,1,x\n' >"$T/t.csv"
    fails 1 "line 2: 'x' is not a number" sc-read "$T/t.csv"
    printf 'cell,a,b\nc1,1,\n' >"$T/t.csv"
    fails 1 "line 2: an empty field is not a number" sc-read "$T/t.csv"
    printf 'cell,a,b\nc1,1,nan\n' >"$T/t.csv"
    fails 3 "line 2: the value is NaN, in column 'b'" sc-read "$T/t.csv"
    gzip -c "$T/t.csv" | head -c 30 >"$T/cut.csv.gz"
    fails 1 "cut.csv.gz: compressed, and cut or damaged" sc-read "$T/cut.csv.gz"
    printf 'cell,a,b\n' >"$T/t.csv"
    fails 1 "there is no line after the header" sc-read "$T/t.csv"
}

@test "a stream passes as it is" {
    folder a
    sc-read -q -o "$T/a.scz" "$T/a"
    [ "$(x "$T/a.scz")" = "$T3" ]
    [ "$(cat "$T/a.scz" | x)" = "$T3" ]
}

@test "the PBMC archives of the tutorial" {
    need_shared data/pbmc1k_v2.tar.gz
    sc-read -o "$T/v2.scz" "$SHARED/data/pbmc1k_v2.tar.gz" 2>"$T/said"
    grep -q 'mtx, 954 cells x 12518 genes, X is counts' "$T/said"
    run sc-view --check "$T/v2.scz"
    [ "$status" -eq 0 ]
    [ "$(cat "$SHARED/data/pbmc1k_v2.tar.gz" | sc-read -q --no-PG - | cksum)" = \
        "$(sc-read -q --no-PG "$SHARED/data/pbmc1k_v2.tar.gz" | cksum)" ]
}

# big_mtx: three million entries, cell by cell, which are kept in a file meanwhile; one line with a
# comment, and one with a value that is no whole number of the plainest kind.
big_mtx() {
    awk -v last="$1" 'BEGIN {
        print "%%MatrixMarket matrix coordinate integer general"
        print 2000, 1500, 3000000
        for (j = 1; j <= 1500; j++) for (i = 1; i <= 2000; i++) {
            if (i == 7 && j == 3) print "% a comment"
            print i, j, (i == 2000 && j == 1500 ? last : (i * j) % 9 + 1)
        }
    }'
}

@test "many entries come back, on any number of threads, whatever they were kept as" {
    big_mtx 70000 | gzip -1 >"$T/big.mtx.gz"
    sc-read -q --no-PG -@ 1 "$T/big.mtx.gz" >"$T/one.scz"
    sc-read -q --no-PG -@ 5 - <"$T/big.mtx.gz" | cmp - "$T/one.scz"
    sc-view -t X "$T/one.scz" | awk 'NR == 1 { next }
        { for (i = 2; i <= NF; i++) if ($i != ((i - 1) * (NR - 1)) % 9 + 1) { n++; last = $i } }
        END { exit !(NR == 1501 && n == 1 && last == 70000) }'
}

@test "what is wrong far down in a compressed file is found, with its line" {
    big_mtx -3 | gzip -1 >"$T/bad.mtx.gz"
    run sc-read -q "$T/bad.mtx.gz" -o "$T/none.scz"
    [ "$status" -eq 3 ]
    [[ $output == *"line 3000003: the value -3 is negative"* ]]
    big_mtx 1 | gzip -1 | head -c 3000000 >"$T/cut.mtx.gz"
    run sc-read -q "$T/cut.mtx.gz" -o "$T/none.scz"
    [ "$status" -eq 1 ]
    [[ $output == "sc-read: "*cut.mtx.gz* ]]
    [ ! -e "$T/none.scz" ]
}

@test "repeated cell names are told of, in every format, and kept" {
    printf 'cell,A,B\nc1,1,0\nc2,2,3\nc2,4,5\nc1,6,7\n' >"$T/in.csv"
    for f in in.csv in.h5ad in.tar.gz; do
        run sc-read -o "$T/$f.scz" "$T/$f"
        [ "$status" -eq 0 ]
        [[ $output == *"sc-read: $T/$f: 2 cells have the name of another ('c2' is the first); they stay as they are"* ]]
        [ "$(sc-view -t obs "$T/$f.scz" | cut -f1 | tr '\n' ' ')" = "cell c1 c2 c2 c1 " ]
        sc-write -q -o "$T/in.h5ad" "$T/$f.scz"
        sc-write -q -o "$T/in.tar.gz" "$T/$f.scz"
    done
    run sc-read -q -o "$T/q.scz" "$T/in.csv"
    [ -z "$output" ]
    sc-sim -q --n-obs 9000 --n-vars 3 | sc-write -q -o "$T/many.csv"
    run sc-read -o "$T/many.scz" "$T/many.csv"
    [[ $output != *"the name of another"* ]]
}

@test "a folder is read from stdin, too" {
    printf 'cell,A,B\nc1,1,0\nc2,2,3\n' | sc-read -q | sc-write -q -o "$T/m/"
    sc-read -q <"$T/m" | sc-view -t X | cmp - <(sc-read -q "$T/m" | sc-view -t X)
    mkdir "$T/none"
    fails 1 "sc-read: stdin: there is no matrix.mtx in this folder" sc-read <"$T/none"
}
