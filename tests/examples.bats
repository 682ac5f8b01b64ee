#!/usr/bin/env bats
# Every example of every man page, of every tool's --help and of the README runs as it stands, on small files of the
# names that it uses.
load helper

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
        if ! (cd "$T/$name" && timeout 300 bash -eu -o pipefail "$block" >"$T/out" 2>&1 </dev/null); then
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

@test "the examples of the tools' man pages run" {
    runs_pages "$ROOT"/man/sc-[a-l]*.1
}

@test "the examples of the tools' man pages run, from sc-m on" {
    runs_pages "$ROOT"/man/sc-[m-z]*.1
}

@test "the examples of all other man pages run" {
    runs_pages "$ROOT"/man/*.[2-9]
}

@test "the tutorials run" {
    runs_pages ALL=1 "$ROOT"/man/sluice-tutorial.7
}

@test "every man page of a tool has an example" {
    for page in "$ROOT"/man/*.1; do
        mkdir "$T/${page##*/}"
        awk -v OUT="$T/${page##*/}" -f "$ROOT/tests/examples/blocks.awk" "$page"
        [ -e "$T/${page##*/}/1.sh" ] || { echo "none in $page"; false; }
    done
}

@test "the example of each tool's --help runs" {
    local tool
    mkdir "$T/blocks"
    for tool in "$SLUICE_BUILD"/bin/sc-*; do
        [ -x "$tool" ] || continue
        case $tool in *.*) continue ;; esac
        "$tool" --help | sed -n '/^example:/,$p' | tail -n +2 >"$T/blocks/${tool##*/}.sh"
        [ -s "$T/blocks/${tool##*/}.sh" ]
    done
    for tool in "$T"/blocks/*.sh; do runs_all help "$tool"; done
}

@test "the README's commands run" {
    mkdir "$T/blocks"
    awk -v OUT="$T/blocks" -f "$ROOT/tests/examples/blocks.awk" "$ROOT/README.md"
    grep -LE '^make (demo|-j)' "$T"/blocks/*.sh >"$T/list"
    [ "$(wc -l <"$T/list")" -ge 4 ]
    # shellcheck disable=SC2046
    runs_all README $(sort -V "$T/list")
}
