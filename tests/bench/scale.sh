# Of tests/bench/run: lines about size: memory, many cells, the stream's files.
# shellcheck shell=bash disable=SC2154  # the variables of tests/bench/run

# an epoch with the counts in memory and on disk: the same model, byte for byte
memory() {
    wants scale memory || return 0
    make_big
    local m
    for m in 0 32M; do
        rm -f own.t
        timed own.t sc-fit -q -@ "$threads" -m scvi --memory $m --max-epochs 1 -o big-$m.scm big.scz
        row memory "an epoch of 100000, --memory $m" "$big" "" own.t
    done
    cmp big-0.scm big-32M.scm
}

# a million cells: the hundred thousand ten times
million() {
    wants scale million || return 0
    make_model
    [ -e million.scz ] || { sc-cat -q --batch-key copy --batch-names 0,1,2,3,4,5,6,7,8,9 --suffix always \
        big.scz big.scz big.scz big.scz big.scz big.scz big.scz big.scz big.scz big.scz >million.tmp && mv million.tmp million.scz; }
    rm -f own.t
    timed own.t sc-fit -q -@ "$threads" -m scvi --max-epochs 1 -o million.scm million.scz
    row million-fit "an epoch of 1000000 x 2000" 1000000 "" own.t
    processes million-embed "sc-embed, 1000000 x 2000" 1000000 "$(few 3)" -- sc-embed -q -@ "$threads" -o out.scz big.scm million.scz
}

# the same cells as .scz and as h5ad compressed with gzip
stream() {
    wants scale stream || return 0
    make_big
    [ -e gz.h5ad ] || sc-write -q --compression gzip -o gz.h5ad big.scz
    processes stream-decode "sc-view --check; h5ad.gz to memory" "$big" "$rounds" decode "$work/gz.h5ad" -- sc-view -q --check big.scz
    mv own.t decode.t
    processes stream-copy "sc-cat" "$big" "$rounds" -- sc-cat -q --batch-key '' -o out.scz big.scz
    mv own.t copy.t
    local f
    for f in big.scz gz.h5ad big.h5ad; do
        stat -c %s $f | awk -v id=stream-size -v f=$f '{ printf "%-18s %-34s %8.1f MB, %.0f bytes a cell\n", id, f, $1 / 1e6, $1 / 1e5 }'
    done
    for f in decode copy; do
        cut -d' ' -f1 $f.t | sort -g | awk -v f=$f -v scz="$(stat -c %s big.scz)" -v plain="$(stat -c %s big.h5ad)" '{ x[NR] = $1 } END {
            s = x[int((NR + 1) / 2)] * 1e6
            printf "%-18s %-34s %8.0f MB/s of the stream, %.0f of what it holds\n", "stream-speed", f, scz / s, plain / s }'
    done
}
