#!/bin/bash
# tests/bench/tutorial.sh THREADS FOLDER EPOCHS: from the tarballs in FOLDER to a linear model's loadings and embedding, with the
# settings of tests/workflows/tutorial.sh. Leaves them in the current folder.
set -eu -o pipefail
for k in a b c; do
    sc-read -q -o "tutorial-$k.scz" "$2/$k.tar.gz"
done
sc-cat -q --join inner --batch-names a,b,c --suffix always tutorial-a.scz tutorial-b.scz tutorial-c.scz |
    sc-norm -q --target-sum 1e5 --log1p | sc-hvg -q --flavor seurat_v3 -n 1000 --subset -o tutorial.scz
sc-fit -q -@ "$1" -m ldvae --n-latent 10 --max-epochs "$3" --lr 5e-3 --check-val-every 10 -o tutorial.scm tutorial.scz
sc-loadings -q tutorial.scm >tutorial.loadings.tsv
sc-embed -q -@ "$1" -o tutorial.out.scz tutorial.scm tutorial.scz
