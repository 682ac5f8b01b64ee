#!/usr/bin/env bats
bats_require_minimum_version 1.5.0
# Normalization and gene selection on real data against scanpy's numbers (shared/parity).
load helper

setup() {
    need_shared data/pbmc1k_v2.tar.gz parity/preprocess reference/genes_1000.txt
}

setup_file() {
    export F=$BATS_FILE_TMPDIR
    [ -e "$SHARED/data/pbmc1k_v2.tar.gz" ] || return 0
    local k
    for k in v2 v3 5p; do
        sc-read -q "$SHARED/data/pbmc1k_$k.tar.gz" >"$F/$k.scz"
    done
    for k in v2 v3; do
        without_repeated_names "$SHARED/data/pbmc1k_$k.tar.gz" "$F/$k"
        sc-read -q "$F/$k" >"$F/drop_$k.scz"
    done
    sc-norm -q --target-sum 1e4 --log1p "$F/drop_v3.scz" >"$F/pbmc1k_v3.scz"
    sc-cat -q --join inner --batch-key batch --batch-names v2,v3 "$F/drop_v2.scz" "$F/drop_v3.scz" |
        sc-norm -q --target-sum 1e4 --log1p >"$F/pbmc1k_v2_v3.scz"
}

# without_repeated_names TARBALL FOLDER: the parity tables know no gene whose name comes twice
without_repeated_names() {
    mkdir "$2"
    tar -xzf "$1" -C "$2" --strip-components 1
    gzip -d "$2"/*.gz
    awk -F '\t' 'NR == FNR { n[$2]++; next } n[$2] == 1' "$2/features.tsv" "$2/features.tsv" >"$2/f"
    awk -F '\t' 'FILENAME ~ /features/ { n[$2]++; name[FNR] = $2; next }
        FNR == 1 { for (j = 1; j in name; j++) if (n[name[j]] == 1) to[j] = ++n_new }
        /^%/ { next }
        !size { split($0, v, " "); size = v[2]; next }
        { split($0, v, " "); if (v[1] in to) { print to[v[1]], v[2], v[3]; nnz++ } }
        END { print n_new, size, nnz > "/dev/stderr" }' "$2/features.tsv" "$2/matrix.mtx" \
        >"$2/entries" 2>"$2/size"
    { echo '%%MatrixMarket matrix coordinate integer general' && cat "$2/size" "$2/entries"; } \
        >"$2/matrix.mtx"
    mv "$2/f" "$2/features.tsv"
    rm "$2/entries" "$2/size"
}

# agrees TSV CSV: the columns that both have are the same, to the tolerances of the parity README.
agrees() {
    awk -v tsv="$1" '
        function bad(a, b, name,    d, size) {
            if (a == b) return 0
            if (a == "" || b == "") return 1
            if (name ~ /^highly_variable$|intersection/) return tolower(a) != tolower(b)
            d = a - b; if (d < 0) d = -d
            size = b < 0 ? -b : b
            if (name ~ /rank/) return d > 1 # genes that tie may change places
            if (name ~ /nbatches/) return d > 0
            if (name ~ /_norm/) return d > 1e-4 * (size > 1 ? size : 1)
            return d > 1e-5 * size
        }
        FILENAME == tsv && FNR == 1 { n = split($0, name, "\t"); next }
        FILENAME == tsv {
            k = split($0, v, "\t")
            for (c = 2; c <= n; c++) table[v[1], name[c]] = c <= k ? v[c] : ""
            seen[v[1]] = 1
            for (c = 2; c <= n; c++) if (name[c] == "highly_variable" && v[c] == "True") selected++
            next
        }
        FNR == 1 { m = split($0, want, ","); next }
        {
            k = split($0, v, ",")
            if (!(v[1] in seen)) { print "no gene " v[1]; fail = 1; next }
            for (c = 3; c <= m; c++) {
                got = table[v[1], want[c]]
                if (want[c] == "highly_variable") got = got == "True" ? 1 : 0
                compared++
                if (bad(got, v[c], want[c])) { print v[1], want[c], got, "is not", v[c]; fail = 1 }
            }
        }
        END {
            if (selected != 300) { print selected " genes are selected, not 300"; fail = 1 }
            exit fail || compared < 3000
        }' "$1" "$2"
}

# check_flavor SET FLAVOR SUFFIX OPTION...: one table of the parity folder
check_flavor() {
    local set=$1 flavor=$2 suffix=$3
    shift 3
    sc-hvg -q --flavor "$flavor" -n 300 "$@" "$F/$set.scz" | sc-view -t var >"$T/var.tsv"
    agrees "$T/var.tsv" "$SHARED/parity/preprocess/$set.hvg_$flavor$suffix.csv"
}

@test "seurat_v3 selects scanpy's genes" {
    check_flavor pbmc1k_v3 seurat_v3 ""
    check_flavor pbmc1k_v2_v3 seurat_v3 ""
}

@test "seurat selects scanpy's genes" {
    check_flavor pbmc1k_v3 seurat ""
    check_flavor pbmc1k_v2_v3 seurat ""
}

@test "cell_ranger selects scanpy's genes" {
    check_flavor pbmc1k_v3 cell_ranger ""
    check_flavor pbmc1k_v2_v3 cell_ranger ""
}

@test "all flavors select scanpy's genes in batches" {
    local f
    for f in seurat_v3 seurat_v3_paper seurat cell_ranger; do
        check_flavor pbmc1k_v2_v3 $f _batch --batch-key batch
    done
}

@test "normalized values are scanpy's" {
    local s=pbmc1k_v3 p=$SHARED/parity/preprocess
    # the first, the middle and the last cell have all their values there
    sc-norm -q --target-sum 1e4 "$F/drop_v3.scz" >"$T/norm.scz"
    local k
    for k in norm log1p; do
        if [ $k = norm ]; then sc-view -t X "$T/norm.scz"; else sc-view -t X "$F/$s.scz"; fi |
            awk -F '\t' 'NR == 1 { for (j = 2; j <= NF; j++) gene[j] = $j; next }
                NR == 2 || NR == 455 || NR == 907 {
                    for (j = 2; j <= NF; j++) if ($j != 0) print NR - 2 "," gene[j] "," $j
                }' >"$T/$k.csv"
    done
    awk -F , -v OFS=, 'FNR == 1 { file++ }
        file < 3 { got[file, $1, $2] = $3; n[file]++; next }
        FNR > 1 {
            for (f = 1; f < 3; f++) {
                d = got[f, $1, $2] / $(3 + f) - 1
                if (d > 1e-6 || d < -1e-6) { print $0, got[f, $1, $2]; bad = 1 }
            }
            want++
        }
        END { exit bad || !want || n[1] != want || n[2] != want }' "$T/norm.csv" "$T/log1p.csv" "$p/$s.values.csv"
    run --separate-stderr sc-norm --target-sum 0 "$F/drop_v3.scz" -o "$T/median.scz"
    [[ $stderr == *"6101.5"* ]]
}

@test "the genes of the tutorial are those of the reference" {
    sc-cat -q --join inner --batch-key tech "$F/v2.scz" "$F/v3.scz" "$F/5p.scz" |
        sc-norm -q --target-sum 1e5 --log1p >"$T/all.scz"
    local n
    for n in 1000 2000; do
        sc-hvg -q --flavor seurat_v3 -n $n --subset --keep-raw "$T/all.scz" >"$T/hvg.scz"
        sc-view -t var "$T/hvg.scz" | tail -n +2 | cut -f 1 | cmp - "$SHARED/reference/genes_$n.txt"
    done
    [ "$(sc-view -t obs "$T/hvg.scz" | tail -n +2 | wc -l)" -eq 2860 ]
}
