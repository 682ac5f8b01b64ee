#!/usr/bin/env bats
load helper

# 40 cells of two batches and 60 genes with counts of many sizes.
setup_file() {
    export F=$BATS_FILE_TMPDIR
    mkdir "$F/m"
    awk 'BEGIN {
        s = 1
        for (i = 1; i <= 40; i++) {
            for (j = 0; j < 60; j++) {
                s = (s * 16807) % 2147483647
                u = int(s / 65536)
                x = u % 3 ? int((u % (2 + j % 13)) * (u % (1 + j)) / (1 + int(j / 3))) : 0
                if (x) entry[++n] = j + 1 " " i " " x
            }
        }
        print "%%MatrixMarket matrix coordinate integer general"
        print 60, 40, n
        for (k = 1; k <= n; k++) print entry[k]
    }' >"$F/m/matrix.mtx"
    awk 'BEGIN { for (j = 0; j < 60; j++) print "g" j "\tg" j "\tGene Expression" }' >"$F/m/features.tsv"
    awk 'BEGIN { for (i = 0; i < 40; i++) print "c" i }' >"$F/m/barcodes.tsv"
    sc-read -q "$F/m" >"$F/plain.scz"
    awk 'BEGIN { print "cell\tbatch"; for (i = 0; i < 40; i++) print "c" i "\t" (i % 3 ? "q" : "p") }' \
        >"$F/batch.tsv"
    sc-annotate -q --obs "$F/batch.tsv" "$F/plain.scz" >"$F/counts.scz"
    sc-norm -q --target-sum 100 --log1p "$F/counts.scz" >"$F/log.scz"
}

columns() {
    sc-view -t var | head -n 1 | tr '\t' ' ' | sed 's/ gene_ids feature_types//'
}

selected() {
    sc-view -t var | awk -F '\t' 'NR == 1 { for (c = 1; c <= NF; c++) if ($c == "highly_variable") h = c }
        NR > 1 && $h == "True" { print $1 }'
}

@test "counts flavors name their columns as scanpy does" {
    sc-hvg --flavor seurat_v3 -n 10 "$F/counts.scz" >"$T/h.scz"
    [ "$(columns <"$T/h.scz")" = \
        "gene highly_variable highly_variable_rank means variances variances_norm" ]
    [ "$(selected <"$T/h.scz" | wc -l)" -eq 10 ]
    sc-view -t uns "$T/h.scz" | grep -q seurat_v3
    sc-hvg --flavor seurat_v3_paper -n 10 --batch-key batch "$F/counts.scz" >"$T/h.scz"
    [ "$(columns <"$T/h.scz")" = \
        "gene highly_variable highly_variable_rank means variances variances_norm highly_variable_nbatches" ]
}

@test "log flavors name their columns as scanpy does" {
    sc-hvg --flavor seurat -n 10 "$F/log.scz" >"$T/h.scz"
    [ "$(columns <"$T/h.scz")" = "gene highly_variable means dispersions dispersions_norm" ]
    [ "$(selected <"$T/h.scz" | wc -l)" -eq 10 ]
    sc-hvg --flavor cell_ranger -n 10 --batch-key batch "$F/log.scz" >"$T/h.scz"
    [ "$(columns <"$T/h.scz")" = \
        "gene highly_variable means dispersions dispersions_norm highly_variable_nbatches highly_variable_intersection" ]
}

@test "counts are found in their layer once X is log data, and give the same genes" {
    sc-hvg -n 10 "$F/counts.scz" | selected >"$T/a"
    sc-hvg -n 10 "$F/log.scz" 2>"$T/note" | selected >"$T/b"
    cmp "$T/a" "$T/b"
    grep -q counts "$T/note"
}

@test "a subset has the genes selected, in X, layers and var, and raw the whole of X" {
    sc-hvg -q -n 10 "$F/log.scz" | selected >"$T/genes"
    sc-hvg -q -n 10 --subset --keep-raw "$F/log.scz" >"$T/h.scz"
    sc-view -t var "$T/h.scz" | tail -n +2 | cut -f 1 | cmp - "$T/genes"
    for m in X layers/counts; do
        sc-view -t $m "$T/h.scz" | head -n 1 | tr '\t' '\n' | tail -n +2 | cmp - "$T/genes"
        col=$(sc-view -t $m "$F/log.scz" | head -n 1 | tr '\t' '\n' | grep -nx "$(head -n 1 "$T/genes")" | cut -d : -f 1)
        cmp <(sc-view -t $m "$T/h.scz" | cut -f 2) <(sc-view -t $m "$F/log.scz" | cut -f "$col")
    done
    cmp <(sc-view -t raw/X "$T/h.scz") <(sc-view -t X "$F/log.scz")
    cmp <(sc-view -t obs "$T/h.scz") <(sc-view -t obs "$F/log.scz")
    fails 3 "raw" sc-hvg -q -n 5 --keep-raw "$T/h.scz" -o "$T/out.scz"
}

@test "a second run replaces the columns of the first" {
    sc-hvg -q -n 10 "$F/log.scz" | sc-hvg -q -n 5 >"$T/h.scz"
    [ "$(selected <"$T/h.scz" | wc -l)" -eq 5 ]
    [ "$(columns <"$T/h.scz" | tr ' ' '\n' | grep -cx highly_variable)" -eq 1 ]
}

@test "a pipe gives the bytes that a file gives" {
    for f in seurat_v3 seurat; do
        cat "$F/log.scz" | sc-hvg -q --no-PG --flavor $f -n 10 --batch-key batch --subset >"$T/pipe.scz"
        sc-hvg -q --no-PG --flavor $f -n 10 --batch-key batch --subset "$F/log.scz" | cmp - "$T/pipe.scz"
    done
}

@test "more genes than there are selects all" {
    [ "$(sc-hvg -q -n 1000 "$F/log.scz" | selected | wc -l)" -eq 60 ]
    for o in "" "--flavor cell_ranger --batch-key batch"; do
        sc-hvg $o -n 1000 -o "$T/h.scz" "$F/log.scz" 2>"$T/note"
        grep -qx 'sc-hvg: 60 genes are fewer than -n 1000: marking all 60' "$T/note"
    done
    fails 0 "sc-hvg: 60 genes are fewer than -n 1000: marking the 59 that have a dispersion" \
        sc-hvg --flavor seurat -n 1000 -o "$T/h.scz" "$F/log.scz"
    [ "$(selected <"$T/h.scz" | wc -l)" -eq 59 ]
    sc-hvg -n 60 -o "$T/h.scz" "$F/counts.scz" 2>"$T/note"
    [ ! -s "$T/note" ]
    sc-hvg -o "$T/h.scz" "$F/counts.scz" 2>"$T/note" # 2000 are marked where no number is named
    grep -qx 'sc-hvg: 60 genes are fewer than -n 2000: marking all 60' "$T/note"
}

@test "the wrong kind of data is refused with one sentence" {
    fails 3 "counts" sc-hvg --flavor seurat -n 10 "$F/counts.scz" -o "$T/out.scz"
    fails 3 "seurat_v3" sc-hvg --flavor seurat --layer counts -n 10 "$F/log.scz" -o "$T/out.scz"
    fails 3 "layers/none" sc-hvg --flavor seurat --layer none -n 10 "$F/log.scz" -o "$T/out.scz"
    fails 3 "X" sc-hvg --layer X -n 10 "$F/log.scz" -o "$T/out.scz"
    fails 3 "'batch'" sc-hvg -n 10 --batch-key bacth "$F/counts.scz" -o "$T/out.scz"
    fails 3 "genes that vary are too few" sc-hvg -n 10 --span 0.001 "$F/counts.scz" -o "$T/out.scz"
    [[ $output == *"a larger --span"* ]]
    [ ! -e "$T/out.scz" ]
}

@test "options that would be ignored are refused" {
    fails 2 "limits" sc-hvg --flavor seurat_v3 --min-mean 0.1 "$F/counts.scz"
    fails 2 "limits" sc-hvg --flavor seurat -n 10 --max-disp 2 "$F/log.scz"
    fails 2 "--span" sc-hvg --flavor seurat --span 0.5 "$F/log.scz"
    fails 2 "--n-bins" sc-hvg --flavor cell_ranger --n-bins 5 "$F/log.scz"
    fails 2 "flavor" sc-hvg --flavor seurat_v4 "$F/log.scz"
}

@test "the genes chosen do not depend on the number of threads" {
    sc-sim --mock -q --n-obs 9000 --n-vars 60 | sc-norm -q --log1p >"$T/many.scz"
    for o in "--flavor seurat_v3" "--flavor seurat --batch-key batch" "--flavor cell_ranger --keep-raw"; do
        sc-hvg -q --no-PG $o -n 20 --subset -@ 1 "$T/many.scz" >"$T/one.scz"
        sc-hvg -q --no-PG $o -n 20 --subset -@ 5 "$T/many.scz" | cmp - "$T/one.scz"
        cat "$T/many.scz" | sc-hvg -q --no-PG $o -n 20 --subset -@ 3 | cmp - "$T/one.scz"
    done
}

@test "where a value is no count, its cell and gene are named" {
    printf 'cell,A,B\nc1,1,0\nc2,2,-3\n' | sc-read -q -o "$T/minus.scz"
    fails 3 "$T/minus.scz: counts are needed, and there are only: X (real); cell 'c2' has -3 of gene 'B'" sc-hvg --flavor seurat_v3 -n 1 "$T/minus.scz"
    fails 3 "stdin: counts are needed, and there are only: X (real); cell 'c2' has -3 of gene 'B'" sc-hvg --flavor seurat_v3 -n 1 <"$T/minus.scz"
}
