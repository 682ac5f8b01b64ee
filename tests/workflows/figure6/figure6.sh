#!/bin/sh
# figure6.sh [FOLDER] [CELLS...]: few labels, many cells, after Figure 6 of the scANVI paper. Marker genes give seed
# labels; scVI and scANVI learn from all cells; pictures, a confusion table and accuracies are left in FOLDER.
#
# CELLS: one file that sc-read takes, whose obs column $TRUTH (cell_type) has the sorted classes, or one file for each
# class, as in Zheng et al. 2017 (naive_cytotoxic.tar.gz naive_t.tar.gz memory_t.tar.gz regulatory_t.tar.gz). Without
# them four subtypes are simulated, with three known markers each. MARKERS: their table, as sc-label(1) has it.
#
# EPOCHS of training, SEEDS a class, GENES to use, SEED, N_OBS to simulate and their SEPARATION; PICTURES=no: tables
# only. README.md beside this file has what several seeds of simulated cells give.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-figure6}
[ $# -eq 0 ] || shift
truth=${TRUTH:-cell_type} seed=${SEED:-0} table=${MARKERS:-$here/markers.tsv}
mkdir -p "$folder"
say() { printf '\n%s\n' "$*"; }
evaluate() { sc-view -t obs labelled.scz | awk -v truth="$truth" -v seeds=seed_label "$@"; }

say "cells"
if [ $# -eq 0 ]; then
    sc-sim --n-obs "${N_OBS:-4000}" --n-types 4 --depth 1400 --separation "${SEPARATION:-0.35}" --seed "$seed" -o "$folder/cells.scz"
    [ "${MARKERS:-}" ] || table=markers.tsv
    # the three genes of each subtype that it raises most, in counts: what a biologist would know
    sc-hvg --flavor seurat_v3 -n 1000 "$folder/cells.scz" | sc-view -t var | awk -F'\t' -v OFS='\t' '
        NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
        $at["marker_of"] != "" { print $1, $at["marker_of"], $at["means"] * (exp($at["marker_log_change"]) - 1) }' |
        sort -t "$(printf '\t')" -k 2,2 -k 3,3gr -k 1,1 | awk -F'\t' -v OFS='\t' '
            BEGIN { print "class", "positive", "negative" }
            ++n[$2] <= 3 { genes[$2] = genes[$2] " " $1 }
            END { for (i = 1; ("type_" i) in genes; i++) print "type_" i, genes["type_" i], "" }' >"$folder/markers.tsv"
elif [ $# -eq 1 ]; then
    sc-read -o "$folder/cells.scz" "$1"
else
    names=
    for file; do
        name=${file##*/} name=${name%%.*}
        sc-read -o "$folder/class.$name.scz" "$file"
        names=$names${names:+,}$name
    done
    # shellcheck disable=SC2086 # names are meant to be split
    (cd "$folder" && IFS=, && set -- $names && for name; do set -- "$@" "class.$name.scz"; shift; done &&
        sc-cat --batch-key "$truth" --batch-names "$names" -o cells.scz "$@")
fi
case $table in /* | markers.tsv) ;; *) table=$PWD/$table ;; esac
cd "$folder"

say "seed labels from marker genes"
sc-label --seed-labels "$table" --n-seeds "${SEEDS:-50}" cells.scz |
    sc-hvg --flavor seurat_v3 -n "${GENES:-1000}" --subset -o seeds.scz
sc-view -t obs seeds.scz | awk -F'\t' -v truth="$truth" '
    NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
    $at["seed_label"] != "Unknown" { n++; right += $at["seed_label"] == $at[truth] }
    END { printf "%d seeds, %d of them of the class that they stand for\n", n, right }'

say "scVI without labels, scANVI with the seeds"
fit() { sc-fit --seed "$seed" --max-epochs "${EPOCHS:-60}" --n-epochs-kl-warmup 20 "$@" seeds.scz; }
fit -m scvi -o scvi.scm
fit -m scanvi --labels-key seed_label --unlabeled Unknown -o scanvi.scm
sc-plot history -o history.svg scanvi.scm

say "labels: scANVI, the nearest seeds in scVI's latent space, k-means there"
sc-embed scvi.scm seeds.scz | sc-view -t obsm/X_scvi >latent.tsv
sc-view -t obs seeds.scz | awk -F'\t' -v OFS='\t' '
    NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; print "cell", "class"; next }
    $at["seed_label"] != "Unknown" { print $1, $at["seed_label"] }' >seeds.tsv
awk -f "$here/knn.awk" seeds.tsv latent.tsv latent.tsv >knn.tsv
awk -v K="$(awk 'END { print NR - 1 }' "$table")" -f "$here/kmeans.awk" latent.tsv >kmeans.tsv
sc-label --soft --key scanvi scanvi.scm seeds.scz | sc-annotate --obs knn.tsv | sc-annotate --obs kmeans.tsv -o labelled.scz
evaluate -v of=scanvi,knn,kmeans -f "$here/compare.awk" | tee accuracy.tsv
evaluate -v of=scanvi -f "$here/confusion.awk" | tee confusion.tsv
evaluate -v of=scanvi -f "$here/calibration.awk" >calibration.tsv
tail -n 1 calibration.tsv

[ "${PICTURES:-yes}" = yes ] || exit 0
say "pictures"
sc-filter --obs 'seed_label == Unknown' labelled.scz >unseeded.scz
sc-plot calibration --truth "$truth" -o calibration.svg unseeded.scz
sc-plot confusion --truth "$truth" --pred scanvi -o confusion.svg unseeded.scz
sc-view -t obsm/scanvi_probs labelled.scz >probs.tsv
sed '1s/\t/\tprobability_/g' probs.tsv >probs.obs.tsv
sed '1s/class/seed/' seeds.tsv >named.tsv # cells that are none have no value there
sc-embed scanvi.scm labelled.scz | sc-annotate --obs named.tsv | sc-annotate --obs probs.obs.tsv |
    sc-neighbors --use-rep X_scanvi -k 15 | sc-umap --seed "$seed" -o umap.scz
for column in "$truth" seed scanvi knn $(head -n 1 probs.obs.tsv | cut -f2-); do
    sc-plot umap --color "$column" --title "$column" -o "umap_$column.svg" umap.scz
done

say "in $folder:"
ls -1
