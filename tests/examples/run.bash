# load examples/run: files of the names that examples use, and what runs examples in a copy of them.
setup_file() {
    export F=$BATS_FILE_TMPDIR URL=file://$BATS_FILE_TMPDIR/files/archive.tar.gz
    mkdir "$F/files" "$F/bin"
    (cd "$ROOT" && tests/install "$SLUICE_BUILD" "$F/usr" "$F/usr" 1.2.3) # for pkg-config sluice
    cd "$F/files"
    "$ROOT/tests/examples/data"
    cp "$DATA/hdf5/v2.h5" mixed.h5
    cp "$DATA/hdf5/v2.h5" filtered_gene_bc_matrices_h5.h5
    mkdir tests
    ln -s "$ROOT/tests/workflows" tests/workflows
    # what is no part of Sluice, where it is absent
    printf '#!/bin/sh\ncat "${2#file://}"\n' >"$F/bin/curl"
    printf '#!/bin/sh\n[ ! "$SCVI_PYTHON" ] || exec "$SCVI_PYTHON" "$@"\ncat saved/model.pt saved/adata.h5ad >/dev/null\n' >"$F/bin/python"
    chmod +x "$F/bin/curl" "$F/bin/python"
}

setup() {
    PATH=$F/bin:$F/usr/bin:$PATH
    export PKG_CONFIG_PATH=$F/usr/lib/pkgconfig
}

# runs_all NAME FILE...: runs the blocks one after the other in a copy of the files; fails after all of them.
runs_all() {
    local name=$1 block bad=0
    shift
    cp -r "$F/files" "$T/$name"
    for block; do
        if ! (cd "$T/$name" && timeout 600 bash -eu -o pipefail "$block" >"$T/out" 2>&1 </dev/null); then
            echo "--- $name:"
            cat "$block"
            echo "--- gives:"
            tail -n 20 "$T/out"
            bad=1
        fi
    done
    rm -rf "${T:?}/$name"
    return $bad
}

# runs_pages [ALL=1] PAGE...
runs_pages() {
    local all= page name bad=0 n=0
    [ "$1" != ALL=1 ] || { all=1; shift; }
    for page; do
        name=$(basename "$page")
        mkdir -p "$T/blocks/$name"
        awk -v OUT="$T/blocks/$name" -v ALL=$all -f "$ROOT/tests/examples/blocks.awk" "$page"
        # shellcheck disable=SC2046
        set -- $(ls "$T/blocks/$name"/*.sh 2>/dev/null | sort -V)
        [ $# -gt 0 ] || continue
        n=$((n + $#))
        runs_all "$name" "$@" || bad=1
    done
    echo "$n examples"
    [ "$n" -gt 0 ] && [ "$bad" -eq 0 ]
}
