#!/usr/bin/env bats
# Every example of every man page and of every tool's --help runs as it stands, on small files of the names that it uses.
load helper
load examples/run

@test "the examples of the tools' man pages run" {
    runs_pages "$ROOT"/man/sc-[a-l]*.1
}

@test "the examples of the tools' man pages run, from sc-m on" {
    runs_pages "$ROOT"/man/sc-[m-z]*.1
}

@test "the examples of all other man pages run" {
    runs_pages "$ROOT"/man/*.[2-9]
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
