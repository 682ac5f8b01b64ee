#!/usr/bin/env bats
load helper

# Five cells and six genes, small enough to count by hand; the fifth cell is empty.
setup_file() {
    export F=$BATS_FILE_TMPDIR
    printf '%s\n' 'cell MT-1 mt-2 a b c d' 'c1 1 1 6 2 0 0' 'c2 5 0 0 3 2 0' 'c3 0 0 1 0 0 0' 'c4 0 0 4 4 4 4' 'c5 0 0 0 0 0 0' |
        tr ' ' '\t' >"$F/x.tsv"
    printf 'cell\ttech\nc1\tv2\nc2\tv2\nc3\tv3\nc4\tv3\nc5\tv3\n' >"$F/obs.tsv"
    printf 'gene\tribo\tsymbol\nMT-1\tFalse\tA\nmt-2\tFalse\tB\na\tTrue\tmito1\nb\tFalse\tC\nc\tFalse\tD\nd\tTrue\tE\n' >"$F/var.tsv"
    sc-read -q "$F/x.tsv" | sc-annotate -q --obs "$F/obs.tsv" --var "$F/var.tsv" -o "$F/x.scz"
}

# column NAME: of the obs or var on stdin, one line
column() {
    awk -F '\t' -v n="$1" 'NR == 1 { for (c = 1; c <= NF; c++) if ($c == n) k = c; if (!k) { print "no column " n; exit 1 } }
        NR > 1 { printf "%s%s", (NR == 2 ? "" : " "), ($k == "" ? "-" : $k) } END { print "" }'
}
obs() { sc-view -t obs "$T/out.scz" | column "$1"; }
var() { sc-view -t var "$T/out.scz" | column "$1"; }

@test "metrics of cells and genes are those that a hand counts" {
    run sc-filter --percent-top 1,3 -o "$T/out.scz" "$F/x.scz"
    [ "$status" -eq 0 ]
    [ -z "$output" ]
    [ "$(obs n_genes_by_counts)" = "4 3 1 4 0" ]
    [ "$(obs total_counts)" = "10 10 1 16 0" ]
    [ "$(obs log1p_total_counts)" = "2.39789527 2.39789527 0.693147181 2.83321334 0" ]
    [ "$(obs log1p_n_genes_by_counts)" = "1.60943791 1.38629436 0.693147181 1.60943791 0" ]
    [ "$(obs pct_counts_in_top_1_genes)" = "60 50 100 25 -" ]
    [ "$(obs pct_counts_in_top_3_genes)" = "90 100 100 75 -" ]
    [ "$(obs total_counts_mt)" = "2 5 0 0 0" ]
    [ "$(obs pct_counts_mt)" = "20 50 0 0 -" ]
    [ "$(var mt)" = "True True False False False False" ]
    [ "$(var n_cells_by_counts)" = "2 1 3 3 2 1" ]
    [ "$(var total_counts)" = "6 1 11 9 6 4" ]
    [ "$(var mean_counts)" = "1.2 0.2 2.2 1.8 1.2 0.8" ]
    [ "$(var pct_dropout_by_counts)" = "60 80 40 40 60 80" ]
    [ "$(var log1p_mean_counts)" = "0.78845736 0.182321557 1.16315081 1.02961942 0.78845736 0.587786665" ]
    [ "$(obs tech)" = "v2 v2 v3 v3 v3" ]
    cmp <(sc-view -t X "$T/out.scz") <(sc-view -t X "$F/x.scz")
}

@test "columns stand in scanpy's order, and a second run replaces those of the first" {
    sc-filter "$F/x.scz" | sc-filter -q --cells <(printf 'c1\nc4\n') --qc yes -o "$T/out.scz"
    [ "$(sc-view -t obs "$T/out.scz" | head -n 1 | tr '\t' ' ')" = "cell tech n_genes_by_counts log1p_n_genes_by_counts total_counts log1p_total_counts total_counts_mt log1p_total_counts_mt pct_counts_mt" ]
    [ "$(sc-view -t var "$T/out.scz" | head -n 1 | tr '\t' ' ')" = "gene ribo symbol mt n_cells_by_counts mean_counts log1p_mean_counts pct_dropout_by_counts total_counts log1p_total_counts" ]
    [ "$(var n_cells_by_counts)" = "1 1 2 2 1 1" ]
}

@test "limits keep what is on them, and say what each took" {
    run sc-filter --min-counts 10 --max-counts 15 --max-pct-mt 20 -o "$T/out.scz" "$F/x.scz"
    [ "$status" -eq 0 ]
    [ "$output" = "sc-filter: 1 of 5 cells are kept: 2 fail --min-counts 10, 1 --max-counts 15, 1 --max-pct-mt 20" ]
    [ "$(obs cell)" = c1 ]
    sc-filter -q --min-genes 3 --max-genes 3 -o "$T/out.scz" "$F/x.scz"
    [ "$(obs cell)" = c2 ]
    sc-filter -q --max-pct-mt 100 -o "$T/out.scz" "$F/x.scz"
    [ "$(obs cell)" = "c1 c2 c3 c4" ]
}

@test "genes are counted in the cells that are kept" {
    run sc-filter --min-counts 10 --min-cells 2 -o "$T/out.scz" "$F/x.scz"
    [ "${lines[0]}" = "sc-filter: 3 of 5 cells are kept: 2 fail --min-counts 10" ]
    [ "${lines[1]}" = "sc-filter: 4 of 6 genes are kept: 2 fail --min-cells 2" ]
    [ "$(var gene)" = "MT-1 a b c" ]
    [ "$(var n_cells_by_counts)" = "2 2 3 2" ]
    [ "$(obs total_counts)" = "10 10 16" ]
    [ "$(sc-view -t X "$T/out.scz" | tail -n 1 | tr '\t' ' ')" = "c4 0 4 4 4" ]
    sc-filter -q --max-cells 1 -o "$T/out.scz" "$F/x.scz"
    [ "$(var gene)" = "mt-2 d" ]
    sc-filter -q --min-counts-per-gene 6 --max-counts-per-gene 9 -o "$T/out.scz" "$F/x.scz"
    [ "$(var gene)" = "MT-1 b c" ]
}

@test "lists keep and drop, and names of nobody are said" {
    printf 'cell\tx\nc4\t1\nc1\t2\nnobody\t3\n' >"$T/list"
    run sc-filter --cells "$T/list" -o "$T/out.scz" "$F/x.scz"
    [ "${lines[0]}" = "sc-filter: 1 of the 3 names in $T/list are of no cell: 'nobody'" ]
    [ "${lines[1]}" = "sc-filter: 2 of 5 cells are kept: 3 fail --cells $T/list" ]
    [ "$(obs cell)" = "c1 c4" ]
    [ "$(sc-view -t obs "$T/out.scz" | head -n 1 | tr '\t' ' ')" = "cell tech" ]
    sc-filter -q --drop-cells "$T/list" --drop-genes <(printf 'a\nb\n') -o "$T/out.scz" "$F/x.scz"
    [ "$(obs cell)" = "c2 c3 c5" ]
    [ "$(var gene)" = "MT-1 mt-2 c d" ]
    sc-filter -q --genes <(printf 'd\na\n') -o "$T/out.scz" "$F/x.scz"
    [ "$(var gene)" = "a d" ]
    gzip "$T/list"
    sc-filter -q --cells "$T/list.gz" -o "$T/out.scz" "$F/x.scz"
    [ "$(obs cell)" = "c1 c4" ]
}

@test "conditions ask columns, those of the metrics too" {
    run sc-filter --obs 'tech == v2' -o "$T/out.scz" "$F/x.scz"
    [ "$output" = "sc-filter: 2 of 5 cells are kept: 3 fail --obs 'tech == v2'" ]
    [ "$(obs cell)" = "c1 c2" ]
    sc-filter -q --qc yes --obs 'tech == v3 & total_counts > 1' -o "$T/out.scz" "$F/x.scz"
    [ "$(obs cell)" = c4 ]
    sc-filter -q --qc-var ribo --obs 'pct_counts_ribo > 0' --obs 'pct_counts_ribo < 100' -o "$T/out.scz" "$F/x.scz"
    [ "$(obs cell)" = "c1 c4" ]
    [ "$(obs pct_counts_ribo)" = "60 50" ]
    sc-filter -q --var 'ribo == True' -o "$T/out.scz" "$F/x.scz"
    [ "$(var gene)" = "a d" ]
    sc-filter -q --qc yes --var 'n_cells_by_counts >= 2 & ribo != True' -o "$T/out.scz" "$F/x.scz"
    [ "$(var gene)" = "MT-1 b c" ]
    run sc-filter --obs 'tech != v22' -o "$T/out.scz" "$F/x.scz" # which keeps all that there is
    [[ ${lines[0]} == "sc-filter: obs column 'tech' has no 'v22'; near to it: 'v2'"* ]]
    run sc-filter --obs 'tech == chromium' -o "$T/none.scz" "$F/x.scz"
    [ "$status" -eq 3 ]
    [ "${lines[0]}" = "sc-filter: obs column 'tech' has no 'chromium'; there are: 'v2', 'v3'" ]
    fails 3 "did you mean 'tech'" sc-filter --obs 'teck == v2' -o "$T/none.scz" "$F/x.scz"
    fails 2 "var column 'symbol' has no numbers" sc-filter --var 'symbol > 2' -o "$T/none.scz" "$F/x.scz"
    fails 2 "no condition" sc-filter --obs 'tech' -o "$T/none.scz" "$F/x.scz"
    [ ! -e "$T/none.scz" ]
}

@test "mitochondrial genes go by prefix, by another column, or by flags" {
    sc-filter -q --mt-prefix MT- -o "$T/out.scz" "$F/x.scz"
    [ "$(obs total_counts_mt)" = "1 5 0 0 0" ]
    sc-filter -q --mt-prefix c --mt-prefix d -o "$T/out.scz" "$F/x.scz"
    [ "$(obs total_counts_mt)" = "0 2 0 8 0" ]
    sc-filter -q --gene-names symbol --mt-prefix mito -o "$T/out.scz" "$F/x.scz"
    [ "$(obs total_counts_mt)" = "6 0 1 4 0" ]
    sc-annotate -q --rename ribo=mt "$F/x.scz" | sc-filter -q --qc-var mt --max-pct-mt 60 -o "$T/out.scz"
    [ "$(obs pct_counts_mt)" = "60 0 50" ]
    fails 3 "--mt-prefix says how" sc-filter --gene-names symbol --max-pct-mt 5 -o "$T/none.scz" "$F/x.scz"
    sc-filter -q --drop-genes <(printf 'MT-1\nmt-2\n') "$F/x.scz" | sc-filter -q -o "$T/out.scz"
    run obs total_counts_mt
    [ "$output" = "no column total_counts_mt" ]
}

@test "metrics stay out where they are not wanted" {
    sc-filter -q --qc no --min-counts 10 --min-cells 2 -o "$T/out.scz" "$F/x.scz"
    [ "$(sc-view -t obs "$T/out.scz" | head -n 1 | tr '\t' ' ')" = "cell tech" ]
    [ "$(var gene)" = "MT-1 a b c" ]
    sc-norm -q --log1p --target-sum 10 "$F/x.scz" | sc-annotate -q --drop ribo | sc-filter -q --obs 'tech == v2' -o "$T/out.scz"
    [ "$(obs cell)" = "c1 c2" ]
    cmp <(sc-view -t layers/counts "$T/out.scz") <(sc-view -t X "$F/x.scz" | head -n 3)
    fails 2 "nothing to do" sc-filter --qc no -o "$T/none.scz" "$F/x.scz"
    fails 2 "--qc-var" sc-filter --qc no --min-counts 1 --qc-var ribo -o "$T/none.scz" "$F/x.scz"
    fails 2 "--layer" sc-filter --obs 'tech == v2' --layer X -o "$T/none.scz" "$F/x.scz"
}

@test "nothing left is an error that says what took most" {
    fails 3 "no cell is left of 5: 4 fail --min-counts 11, which takes most" sc-filter --min-counts 11 --max-counts 12 -o "$T/none.scz" "$F/x.scz"
    fails 3 "no gene is left of 6: 6 fail --min-cells 4" sc-filter --min-cells 4 -o "$T/none.scz" "$F/x.scz"
    fails 3 "no cell has a name that $F/var.tsv lists: 'MT-1' is its first" sc-filter --cells "$F/var.tsv" -o "$T/none.scz" "$F/x.scz"
    : >"$T/empty"
    fails 3 "there are no names in it" sc-filter --genes "$T/empty" -o "$T/none.scz" "$F/x.scz"
    fails 1 "No such file" sc-filter --genes "$T/nowhere" -o "$T/none.scz" "$F/x.scz"
    fails 2 "there are 6 genes, of which no top 7" sc-filter --percent-top 7 -o "$T/none.scz" "$F/x.scz"
    fails 2 "or none" sc-filter --percent-top 5,x -o "$T/none.scz" "$F/x.scz"
    [ ! -e "$T/none.scz" ]
}

@test "layers, obsm, varm, raw and graphs follow their cells and genes" {
    sc-sim -q --n-obs 2500 --n-vars 120 --seed 3 | sc-norm -q --log1p --target-sum 100 |
        sc-hvg -q -n 50 --keep-raw | sc-pca -q -n 5 | sc-neighbors -q --use-rep X_pca -k 4 -o "$T/n.scz"
    sc-filter -q --qc yes --obs 'total_counts > 35' --var 'highly_variable == True' -o "$T/out.scz" "$T/n.scz"
    sc-view --check "$T/out.scz"
    obs cell | tr ' ' '\n' >"$T/kept"
    n=$(wc -l <"$T/kept")
    [ "$n" -gt 100 ] && [ "$n" -lt 2400 ]
    for m in obsm/X_pca raw/X; do
        cmp <(sc-view -t $m "$T/out.scz" | tail -n +2) <(sc-view -t $m "$T/n.scz" | awk 'NR == FNR { k[$1]; next } $1 in k' "$T/kept" -)
    done
    [ "$(sc-view -t layers/counts "$T/out.scz" | awk '{ print NF }' | sort -u)" -eq 51 ]
    # an edge between two cells that stay is there, and no other: by name, as their numbers change
    edges() { # STREAM MATRIX
        awk 'NR == FNR { name[FNR - 2] = $1; next } FNR > 1 { print $1, name[$2], $3 }' <(sc-view -t obs "$1") <(sc-view -t "$2" "$1")
    }
    for m in obsp/distances obsp/connectivities; do
        edges "$T/out.scz" $m >"$T/edges"
        [ "$(wc -l <"$T/edges")" -gt 1000 ]
        edges "$T/n.scz" $m | awk 'NR == FNR { k[$1]; next } $1 in k && $2 in k' "$T/kept" - | cmp - "$T/edges"
    done
}

@test "a pipe gives the bytes that a file gives" {
    sc-sim -q --n-obs 3000 --n-vars 200 --seed 1 -o "$T/s.scz"
    for args in '--min-genes 40 --min-cells 20' '--obs total_counts>0 --qc yes' '--genes genes'; do
        sc-view -t var "$T/s.scz" | head -n 30 >"$T/genes"
        cd "$T"
        sc-filter -q --no-PG $args s.scz >file.scz
        cat s.scz | sc-filter -q --no-PG $args | cmp - file.scz
        sc-view --check file.scz
    done
}

@test "values that are no counts are named" {
    fails 3 "counts" sc-filter --layer X -o "$T/none.scz" <(sc-norm -q --log1p "$F/x.scz")
    printf 'cell\ta\tb\nc1\t1\t2\nc2\t-1\t3\n' | sc-read -q - >"$T/neg.scz"
    fails 3 "X" sc-filter -o "$T/none.scz" "$T/neg.scz"
}

# scanpy 1.11.5: read_h5ad of `sc-read pbmc1k_v3.tar.gz | sc-write -o a.h5ad`, X as float64,
# var["mt"] = var_names.str.startswith("MT-"), calculate_qc_metrics(a, qc_vars=["mt"], inplace=True)
@test "PBMC: scanpy's numbers" {
    need_shared data/pbmc1k_v3.tar.gz
    sc-read -q "$SHARED/data/pbmc1k_v3.tar.gz" >"$T/a.scz"
    sc-filter -q -o "$T/out.scz" "$T/a.scz"
    first() { obs "$1" | cut -d ' ' -f 1; }
    [ "$(first n_genes_by_counts) $(first total_counts) $(first total_counts_mt)" = "2618 8286 893" ]
    [ "$(first pct_counts_in_top_50_genes) $(first pct_counts_in_top_100_genes)" = "35.3005069 44.5812213" ]
    [ "$(first pct_counts_in_top_200_genes) $(first pct_counts_in_top_500_genes)" = "54.1877866 67.4269853" ]
    [ "$(first log1p_n_genes_by_counts) $(first log1p_total_counts) $(first pct_counts_mt)" = "7.87054784 9.0224433 10.7772146" ]
    [ "$(sc-view -t var "$T/out.scz" | awk '$1 == "LYZ"' | cut -f 4- | tr '\t' ' ')" = "False 252 15.4039735 2.79752359 72.1854305 13956 9.54373645" ]
    # a[(a.obs.total_counts > 3000) & (a.obs.pct_counts_mt < 12)], its metrics, genes in 3 cells: (599, 13418)
    sc-filter --qc yes --obs 'total_counts > 3000 & pct_counts_mt < 12' --min-cells 3 -o "$T/f.scz" "$T/a.scz"
    sc-view "$T/f.scz" | grep -qx "cells: 599"
    sc-view "$T/f.scz" | grep -qx "genes: 13418"
}

@test "where a value is no count, its cell and gene are named" {
    printf 'cell,A,B\nc1,1,0\nc2,2,-3\n' | sc-read -q -o "$T/minus.scz"
    fails 3 "$T/minus.scz: counts are needed, and there are only: X (real); cell 'c2' has -3 of gene 'B'" sc-filter --min-counts 1 "$T/minus.scz"
    fails 3 "stdin: counts are needed, and there are only: X (real); cell 'c2' has -3 of gene 'B'" sc-filter --min-counts 1 <"$T/minus.scz"
}
