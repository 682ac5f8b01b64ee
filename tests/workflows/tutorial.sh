#!/bin/sh
# tests/workflows/tutorial.sh [FOLDER] [INPUT]: counts to a linear latent space, its gene loadings and pictures, all
# left in FOLDER. INPUT is any file that sc-read takes; without it, cells are simulated. EPOCHS sets the length of
# training.
set -eu
folder=${1:-demo}
mkdir -p "$folder"
say() { printf '\n%s\n' "$*"; }

say "counts"
if [ $# -gt 1 ]; then
    colour=
    sc-read -o "$folder/counts.scz" "$2"
else
    colour=cell_type
    sc-sim --n-obs 3000 --n-vars 2000 -o "$folder/counts.scz"
fi
cd "$folder"

say "1000 variable genes"
sc-norm --target-sum 1e5 --log1p counts.scz | sc-hvg --flavor seurat_v3 -n 1000 --subset -o hvg.scz
sc-view hvg.scz

say "training"
sc-fit -m ldvae --n-latent 10 --max-epochs "${EPOCHS:-250}" --lr 5e-3 --check-val-every 10 -o ldvae.scm hvg.scz
sc-plot history -o history.svg ldvae.scm

say "loadings: the genes with the largest and smallest, for each dimension"
sc-loadings ldvae.scm >loadings.tsv
sc-loadings ldvae.scm --top 5 >top.tsv
head -n 11 top.tsv

say "embedding"
sc-embed -o embedding.scz ldvae.scm hvg.scz
sc-view -t obsm/X_ldvae embedding.scz >embedding.tsv
sc-plot latent --use-rep X_ldvae ${colour:+--color "$colour"} -o latent.svg embedding.scz
sc-plot latent --use-rep X_ldvae ${colour:+--color "$colour"} -o latent.png embedding.scz

say "neighbors, layout, clusters"
sc-neighbors --use-rep X_ldvae -k 20 embedding.scz | sc-umap --min-dist 0.3 | sc-leiden --resolution 0.8 -o clusters.scz
sc-view -t obs clusters.scz | awk -F '\t' 'NR == 1 { for (c = 1; c <= NF; c++) if ($c == "leiden") k = c }
    NR > 1 { n[$k]++ } END { for (c = 0; c in n; c++) print "cluster " c ": " n[c] " cells" }'
sc-plot umap --color leiden -o umap.svg clusters.scz
sc-report -o report.html ldvae.scm clusters.scz
sc-write -o embedding.h5ad clusters.scz

say "in $folder:"
ls -1
