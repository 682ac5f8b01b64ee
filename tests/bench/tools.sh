# Of tests/bench/run: lines of whole tools, from file to file, imports of the peer included.
# shellcheck shell=bash disable=SC2154  # the variables of tests/bench/run
big=100000

make_big() { sim big "$big" 2000; }
make_model() {
    make_big
    [ -e big.scm ] || sc-fit -q -@ "$threads" -m scvi --max-epochs 1 -o big.scm big.scz
    [ ! "$python" ] || [ -e big.pt.d ] || sc-model export --to scvi-tools big.pt.d big.scm big.scz >/dev/null
}
make_mtx() {
    [ -d mtx ] && return
    sc-sim -q -@ "$threads" --n-obs 20000 --n-vars 11000 --n-types 8 --n-batches 2 --seed 1 -o wide.scz
    sc-write -q --format mtx -o mtx wide.scz
}

tools() {
    if wants tools embed; then
        make_model
        processes embed "sc-embed, 100000 x 2000" "$big" "$rounds" embed big.pt.d "$work/big.h5ad" "$threads" -- \
            sc-embed -q -@ "$threads" -o out.scz big.scm big.scz
    fi
    if wants tools hvg; then
        make_big
        processes hvg "sc-norm | sc-hvg, 100000 x 2000" "$big" "$rounds" hvg "$work/big.h5ad" -- bash -c \
            'sc-norm -q --target-sum 1e4 --log1p big.scz | sc-hvg -q --flavor seurat_v3 -n 1000 --subset -o out.scz'
    fi
    if wants tools read-mtx; then
        make_mtx
        processes read-mtx "sc-read mtx.gz, 20000 x 11000" 20000 "$rounds" read "$work/mtx" -- \
            sc-read -q -o out.scz mtx
    fi
    if wants tools read-h5ad; then
        make_big
        processes read-h5ad "sc-read h5ad, 100000 x 2000" "$big" "$rounds" read "$work/big.h5ad" -- \
            sc-read -q -o out.scz big.h5ad
    fi
}

start_up() {
    wants start start || return 0
    local c what
    make_model
    sc-sim -q --n-obs 1 --n-vars 2000 --n-types 1 --n-batches 1 --seed 1 -o one.scz
    for c in "sc-view -H one.scz" "sc-embed -q big.scm one.scz"; do
        rm -f own.t
        for _ in $(seq 21); do
            s=$(date +%s%N)
            $c >/dev/null
            echo "$(($(date +%s%N) - s))e-9 0" >>own.t
        done
        [[ $c == *embed* ]] && what="sc-embed, one cell" || what="sc-view -H, one cell"
        row start "$what" 0 "" own.t
    done
}

# counts of three runs, as tarballs: the real ones where they are at hand
make_tarballs() {
    local k data=${SLUICE_SHARED:-$here/../../../shared}/data
    [ -e tarballs/c.tar.gz ] && return
    mkdir -p tarballs
    if [ -e "$data/pbmc1k_v2.tar.gz" ]; then
        cp "$data/pbmc1k_v2.tar.gz" tarballs/a.tar.gz
        cp "$data/pbmc1k_v3.tar.gz" tarballs/b.tar.gz
        cp "$data/pbmc1k_5p.tar.gz" tarballs/c.tar.gz
        return
    fi
    for k in a b c; do
        rm -rf filtered_feature_bc_matrix
        sc-sim -q -@ "$threads" --n-obs 950 --n-vars 15000 --n-types 8 --seed 1 | sc-write -q --format mtx -o filtered_feature_bc_matrix
        tar czf tarballs/$k.tar.gz filtered_feature_bc_matrix
    done
}

tutorial() {
    wants tutorial tutorial || return 0
    local epochs=${EPOCHS:-250}
    make_tarballs
    processes tutorial "3 tarballs to model, $epochs epochs" 0 "$(few 5)" tutorial "$work/tarballs" "$threads" "$epochs" -- \
        "$here/tutorial.sh" "$threads" "$work/tarballs" "$epochs"
}
