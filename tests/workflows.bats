# The scripts of tests/workflows, as users copy them, and the README's tutorial on real data; training is short here.
load helper

@test "tutorial.sh leaves model, loadings, embedding and pictures" {
    EPOCHS=2 run "$ROOT/tests/workflows/tutorial.sh" "$T/demo"
    echo "$output"
    [ "$status" -eq 0 ]
    cd "$T/demo"
    sc-view --check ldvae.scm
    [ "$(wc -l <loadings.tsv)" -eq 1001 ]
    [ "$(head -n 1 loadings.tsv | tr '\t' ' ')" = "gene Z_0 Z_1 Z_2 Z_3 Z_4 Z_5 Z_6 Z_7 Z_8 Z_9" ]
    [ "$(wc -l <top.tsv)" -eq 101 ]
    [ "$(wc -l <embedding.tsv)" -eq 3001 ]
    [ "$(head -c 5 history.svg)" = '<?xml' ]
    [ "$(head -c 5 latent.svg)" = '<?xml' ]
    [ "$(head -c 4 latent.png | tail -c 3)" = PNG ]
    [ -s embedding.h5ad ]
}

@test "tutorial.sh takes a file of counts" {
    EPOCHS=1 run "$ROOT/tests/workflows/tutorial.sh" "$T/own" "$T/none.h5ad"
    [ "$status" -eq 1 ]
    [[ ${lines[-1]} == "sc-read: "*"none.h5ad: No such file or directory" ]]
}

@test "the tutorial on three PBMC data sets: the reference's 1000 genes, 10 dimensions, 2860 cells" {
    need_shared data/pbmc1k_v2.tar.gz data/pbmc1k_v3.tar.gz data/pbmc1k_5p.tar.gz reference/genes_1000.txt
    cd "$T"
    for tech in v2 v3 5p; do sc-read -q "$SHARED/data/pbmc1k_$tech.tar.gz" >$tech.scz; done
    sc-cat --join inner --batch-key tech v2.scz v3.scz 5p.scz |
        sc-norm --target-sum 1e5 --log1p |
        sc-hvg --flavor seurat_v3 -n 1000 --subset --keep-raw >hvg.scz
    sc-view -t var hvg.scz | tail -n +2 | cut -f1 >genes.txt
    cmp genes.txt "$SHARED/reference/genes_1000.txt"
    sc-fit -q -m ldvae --n-latent 10 --max-epochs 2 --lr 5e-3 --check-val-every 1 -o m.scm hvg.scz
    sc-loadings m.scm --top 5 >top.tsv
    [ "$(wc -l <top.tsv)" -eq 101 ]
    [ "$(sc-loadings m.scm | awk -F'\t' 'NR > 1 && NF == 11' | wc -l)" -eq 1000 ]
    sc-plot history -o h.svg m.scm
    sc-embed m.scm hvg.scz | sc-plot latent -o z.svg
    [ -s h.svg ] && [ -s z.svg ]
    sc-embed m.scm hvg.scz | sc-write -o out.h5ad
    sc-read -q out.h5ad | sc-view >seen.txt
    cat seen.txt
    for what in "cells: 2860" "genes: 1000" "layers/counts: counts" "obsm/X_ldvae" "raw"; do grep -q "$what" seen.txt; done
    [ "$(sc-read -q out.h5ad | sc-view -t obsm/X_ldvae | md5sum)" = "$(sc-embed -q m.scm hvg.scz | sc-view -t obsm/X_ldvae | md5sum)" ]
}

@test "make clean of a workflow needs no data, which making does" {
    cd "$T"
    for f in mapping/Makefile mapping/proteins.mk imputation/Makefile; do
        mkdir made
        fails 2 "there is nothing in 'nowhere'; DATA=FOLDER says where the data are.  Stop." \
            make -f "$ROOT/tests/workflows/$f" OUT=made DATA=nowhere
        make -s -f "$ROOT/tests/workflows/$f" OUT=made DATA=nowhere clean
        [ ! -e made ]
    done
}

@test "mapping: a query mapped jointly, batch by batch and in a chain, with proofs and a table" {
    need_shared data/pbmc1k_v2.tar.gz data/pbmc1k_v3.tar.gz data/pbmc1k_5p.tar.gz data/pbmc1k_labels.tsv
    cd "$T"
    run make -s -f "$ROOT/tests/workflows/mapping/Makefile" OUT=m DATA="$(realpath "$SHARED")/data" EPOCHS_REF=3 EPOCHS=2 GENES=300
    echo "$output"
    [ "$status" -eq 0 ]
    [ "$(awk -F'\t' '$3 > 0 && $3 == $4 && $5 == 0' m/proofs.txt | wc -l)" -eq 12 ]
    grep -q 'identical (1000 cells)' m/proofs.txt
    [ "$(awk -F'\t' 'NF == 6' m/table.tsv | wc -l)" -eq 11 ]
}

@test "mapping with proteins: the same with totalVI, for a query that lacks half of them" {
    need_shared data/pbmc_5k_protein_v3.h5ad data/pbmc_10k_protein_v3.h5ad
    cd "$T"
    run make -s -f "$ROOT/tests/workflows/mapping/proteins.mk" OUT=m DATA="$(realpath "$SHARED")/data" EPOCHS_REF=2 EPOCHS=2 GENES=200
    echo "$output"
    [ "$status" -eq 0 ]
    [ "$(awk -F'\t' '$3 > 0 && $3 == $4 && $5 == 0' m/proofs.txt | wc -l)" -eq 12 ]
    grep -q 'identical (200 cells)' m/proofs.txt
    [ "$(awk -F'\t' 'NF == 5' m/table.tsv | wc -l)" -eq 9 ]
}

@test "figure6.sh labels simulated subtypes from seeds, and compares" {
    N_OBS=400 EPOCHS=3 SEEDS=10 GENES=300 run "$ROOT/tests/workflows/figure6/figure6.sh" "$T/f"
    echo "$output"
    [ "$status" -eq 0 ]
    cd "$T/f"
    [ "$(cut -f1 accuracy.tsv | paste -sd' ')" = "method scanvi knn kmeans" ]
    awk 'NR > 1 && !($3 > 0 && $3 <= 1) { exit 1 }' accuracy.tsv
    [ "$(head -1 confusion.tsv | cut -f1)" = truth ]
    [ "$(awk -F'\t' 'NR > 1 { for (i = 2; i <= NF; i++) n += $i } END { print n }' confusion.tsv)" = "$(awk 'NR == 2 { print $2 }' accuracy.tsv)" ]
    for picture in calibration confusion; do [ "$(tail -n 1 $picture.svg)" = "</svg>" ]; done
    for column in cell_type seed scanvi knn probability_type_1 probability_type_4; do [ -s "umap_$column.svg" ]; done
}

@test "figure6's seeds.sh: a row a run, their mean and spread" {
    N_OBS=300 EPOCHS=1 SEEDS=10 GENES=200 RUNS="0 1" run "$ROOT/tests/workflows/figure6/seeds.sh" "$T/f"
    echo "$output"
    [ "$status" -eq 0 ]
    [ "$(cut -f1 "$T/f/table.tsv" | paste -sd' ')" = "seed 0 1 mean sd" ]
    awk -F'\t' 'NR == 2 || NR == 3 { sum += $5 } $1 == "mean" { exit !(($5 - sum / 2) ^ 2 < 1e-6) }' "$T/f/table.tsv"
    [ ! -e "$T/f/0/umap.scz" ]
}

@test "figure6.sh joins one file for each class" {
    mkdir "$T/in"
    for i in 1 2; do
        sc-sim -q --n-obs 120 --n-vars 300 --n-types 2 --depth 900 --seed $i | sc-annotate -q --drop cell_type -o "$T/in/type_$i.scz"
    done
    printf 'class\tpositive\tnegative\ntype_1\tgene_001\tgene_002\ntype_2\tgene_002\tgene_001\n' >"$T/markers.tsv"
    MARKERS=$T/markers.tsv EPOCHS=2 SEEDS=15 GENES=100 run "$ROOT/tests/workflows/figure6/figure6.sh" "$T/f" "$T"/in/*.scz
    echo "$output"
    [ "$status" -eq 0 ]
    sc-view -H "$T/f/seeds.scz" | grep -q "cell_type (category: type_1, type_2)"
    [ "$(awk 'NR == 2 { print $2 }' "$T/f/accuracy.tsv")" -eq 210 ]
}

@test "imputation: a correlation for each hidden protein and seed" {
    need_shared data/pbmc_5k_protein_v3.h5ad data/pbmc_10k_protein_v3.h5ad
    cd "$T"
    run make -s -f "$ROOT/tests/workflows/imputation/Makefile" OUT=m DATA="$(realpath "$SHARED")/data" EPOCHS=20 SEEDS="0 1" GENES=300
    echo "$output"
    [ "$status" -eq 0 ]
    [ "$(cut -f 1 m/table.tsv | paste -sd' ')" = "seed 0 1 mean" ]
    awk -F'\t' 'NF != 9 { exit 1 } $1 == "mean" { exit !($3 > 0.7 && $9 > 0.2) }' m/table.tsv
}
