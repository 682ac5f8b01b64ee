#!/usr/bin/env bats
# Every tool and model that takes -@, on data so small that a build under the thread sanitizer gets through in minutes
# (make tsan): the same bytes for any number of threads, and no two of them at the same place unawares.
load helper

setup_file() {
    export F=$BATS_FILE_TMPDIR
    sc-sim -q --n-obs 240 --n-vars 50 --n-types 3 --n-batches 2 --seed 1 >"$F/few.scz"
    # every third label, coordinates, and ten of the genes as proteins
    sc-view -t obs "$F/few.scz" | awk -F'\t' -v OFS='\t' '
        NR == 1 { for (i = 1; i <= NF; i++) if ($i == "cell_type") c = i; print "cell", "some", "east", "north"; next }
        { print $1, NR % 3 ? "Unknown" : $c, NR * 7 % 31, NR * 11 % 37 }' >"$F/obs.tsv"
    sc-annotate -q --obs "$F/obs.tsv" "$F/few.scz" >"$F/cells.scz"
    sc-fit -q --no-PG -@ 2 -m scvi --batch-key batch --n-hidden 16 --n-latent 3 --max-epochs 2 -o "$F/scvi.scm" "$F/cells.scz"
    # several blocks of rows, which readers and writers have under way at once
    sc-sim -q -@ 2 --n-obs 4500 --n-vars 30 --seed 2 >"$F/many.scz"
    sc-norm -q --log1p "$F/cells.scz" | sc-pca -q -@ 2 -n 5 | sc-neighbors -q -@ 2 --use-rep X_pca -k 8 >"$F/graph.scz"
}

# same COMMAND...: on stdout the same bytes with 1, 2 and 4 threads
same() {
    "$@" -@ 1 >"$T/one"
    for n in 2 4; do
        "$@" -@ $n >"$T/more"
        cmp "$T/one" "$T/more"
    done
}

fit() {
    sc-fit -q --no-PG --n-hidden 16 --n-latent 3 --max-epochs 2 "$@"
}

@test "training of each model" {
    same fit -m scvi --batch-key batch "$F/cells.scz"
    for m in ldvae poisson; do
        same sc-fit -q --no-PG -m $m --n-latent 3 --max-epochs 2 --check-val-every 1 "$F/cells.scz"
    done
    same fit -m scvi --batch-key batch --gene-likelihood nb --dispersion gene-cell --n-layers 2 --use-layer-norm both \
        --use-batch-norm none --encode-covariates --batch-size 50 "$F/cells.scz"
    sc-smooth -q -@ 2 --axis east --axis north -k 5 "$F/cells.scz" >"$T/near.scz"
    same fit -m spatial --cont-covariate obsm/X_nearby "$T/near.scz"
    same fit -m scanvi --labels-key some "$F/cells.scz"
    same sc-fit -q --no-PG -m pyro-scanvi --n-latent 3 --max-epochs 2 --labels-key some "$F/cells.scz"
}

@test "training of totalVI, with a panel that lacks proteins" {
    for b in 1 2; do
        awk -v to="$T/b$b" -v s=$b 'BEGIN {
            system("mkdir " to); srand(s); m = 11 - s
            for (g = 1; g <= 30; g++) print "g" g "\tg" g "\tGene Expression" >to "/features.tsv"
            for (k = 1; k <= m; k++) print "p" k "\tp" k "\tAntibody Capture" >to "/features.tsv"
            print "%%MatrixMarket matrix coordinate integer general\n" 30 + m, 80, 80 * (30 + m) >to "/matrix.mtx"
            for (c = 1; c <= 80; c++) {
                print s "cell" c >to "/barcodes.tsv"
                for (g = 1; g <= 30 + m; g++) print g, c, 1 + int(rand() * (g > 30 ? 200 : 6)) >to "/matrix.mtx"
            } }'
        sc-read -q "$T/b$b" >"$T/b$b.scz"
    done
    sc-cat -q --protein-join outer "$T/b1.scz" "$T/b2.scz" >"$T/both.scz"
    same fit -m totalvi --batch-key batch -o - "$T/both.scz"
    cp "$T/one" "$T/m.scm"
    same sc-embed -q --no-PG "$T/m.scm" "$T/both.scz"
    same sc-decode -q --no-PG --what protein_with_background --latent sample --n-samples 2 "$T/m.scm" "$T/both.scz"
}

@test "training from a scratch file, and from a checkpoint" {
    fit -@ 1 -m scvi --batch-key batch --max-epochs 4 -o "$T/whole.scm" "$F/cells.scz"
    same fit -m scvi --batch-key batch --max-epochs 4 --memory 1k "$F/cells.scz"
    cmp "$T/whole.scm" "$T/one"
    fit -@ 3 -m scvi --batch-key batch --max-epochs 2 --checkpoint "$T/c" --checkpoint-every 1 -o "$T/half.scm" "$F/cells.scz"
    fit -@ 4 -m scvi --batch-key batch --max-epochs 4 --checkpoint "$T/c" --resume -o "$T/rest.scm" "$F/cells.scz"
    cmp "$T/whole.scm" "$T/rest.scm"
}

@test "reading, compressed or not" {
    sc-write -q -o "$T/many.h5ad" "$F/many.scz"
    sc-write -q --matrix X -o "$T/many.csv" "$F/many.scz"
    sc-write -q --format mtx -o "$T/mtx" "$F/many.scz"
    gzip -k "$T/many.csv"
    for f in many.h5ad many.csv many.csv.gz mtx; do same sc-read -q --no-PG "$T/$f"; done
    piped() { sc-read -q --no-PG - "$@" <"$T/many.csv.gz"; }
    same piped
}

@test "cells of several inputs, and what is printed of them" {
    same sc-cat -q --no-PG --batch-key part --batch-names a,b --suffix always "$F/many.scz" "$F/many.scz"
    same sc-cat -q --no-PG --batch-key part --join outer "$F/many.scz" "$F/few.scz"
    for table in obs X obsm/X_true; do same sc-view -t $table "$F/many.scz"; done
}

@test "simulated and normalized cells, variable genes, limits" {
    same sc-sim -q --no-PG --n-obs 3000 --n-vars 30
    same sc-norm -q --no-PG --log1p "$F/many.scz"
    same sc-norm -q --no-PG --target-sum 1e4 "$F/many.scz"
    for flavor in seurat_v3 seurat cell_ranger; do
        sc-norm -q --log1p "$F/many.scz" >"$T/log.scz"
        same sc-hvg -q --no-PG --flavor $flavor -n 10 --subset "$T/log.scz"
    done
    cat "$F/many.scz" | sc-filter -q --no-PG --min-counts 5 --min-cells 3 | cmp - <(sc-filter -q --no-PG --min-counts 5 --min-cells 3 "$F/many.scz")
}

@test "what a model says of cells" {
    same sc-embed -q --no-PG "$F/scvi.scm" "$F/cells.scz"
    same sc-embed -q --no-PG --latent sample --n-samples 3 "$F/scvi.scm" "$F/cells.scz"
    same sc-decode -q --no-PG --what px_scale,px_rate --transform-batch batch_1,batch_2 "$F/scvi.scm" "$F/cells.scz"
    same sc-sample -q --no-PG --n-samples 2 "$F/scvi.scm" "$F/cells.scz"
    same sc-sample -q --correlation "$F/scvi.scm" "$F/cells.scz"
    same sc-score -q --marginal-ll --n-mc-samples 20 "$F/scvi.scm" "$F/cells.scz"
    same sc-de -q --n-samples-overall 200 --groupby cell_type --mode change "$F/scvi.scm" "$F/cells.scz"
    fit -@ 4 -m scanvi --labels-key some -o "$T/scanvi.scm" "$F/cells.scz"
    same sc-label -q --no-PG --soft "$T/scanvi.scm" "$F/cells.scz"
}

@test "a query on a reference" {
    fit -@ 4 -m scvi --batch-key batch --n-layers 2 --encode-covariates --use-batch-norm none --use-layer-norm both \
        -o "$T/ref.scm" "$F/cells.scz"
    sc-view -t obs "$F/cells.scz" | awk -v OFS='\t' '{ print $1, NR == 1 ? "batch" : "new" }' >"$T/new.tsv"
    sc-annotate -q --drop batch --obs "$T/new.tsv" "$F/cells.scz" >"$T/q.scz"
    same sc-surgery -q --no-PG --max-epochs 2 "$T/ref.scm" "$T/q.scz"
    same sc-surgery -q --no-PG --max-epochs 2 --memory 1 "$T/ref.scm" "$T/q.scz"
}

@test "components, neighbors, layout, places, labels from a reference, metrics" {
    sc-norm -q --log1p "$F/cells.scz" >"$T/log.scz"
    same sc-pca -q --no-PG -n 5 "$T/log.scz"
    same sc-neighbors -q --no-PG -k 8 --use-rep X_pca "$F/graph.scz"
    same sc-umap -q --no-PG --n-epochs 20 "$F/graph.scz"
    same sc-smooth -q --no-PG --axis east --axis north -k 5 "$F/cells.scz"
    for method in knn forest; do
        same sc-label -q --no-PG --reference "$F/graph.scz" --label-key some --use-rep X_pca --method $method "$F/graph.scz"
    done
    same sc-metrics -q --use-rep X_pca --labels-key cell_type --batch-key batch "$F/graph.scz"
}

@test "no tool with -@ and no model is left out above" {
    for tool in "$SLUICE_BUILD"/bin/sc-*; do
        "$tool" --help | grep -q -- ' -@, ' || continue
        echo "${tool##*/}"
        grep -q "same ${tool##*/} " "$BATS_TEST_FILENAME"
    done
    for model in $(sc-model list | awk '$1 == "model" { print $2 }'); do
        echo "$model"
        grep -qE "same .*-m $model |for m in .*\b$model\b.*; do" "$BATS_TEST_FILENAME"
    done
}
