#!/usr/bin/env bats
# The commands of the README and of the tutorials run as they stand, on small files of the names that they use.
load helper
load examples/run

@test "the tutorials run" {
    runs_pages ALL=1 "$ROOT"/man/sluice-tutorial.7
}

@test "the README's commands run" {
    mkdir "$T/blocks"
    awk -v OUT="$T/blocks" -f "$ROOT/tests/examples/blocks.awk" "$ROOT/README.md"
    grep -LE '^make (demo|-j)' "$T"/blocks/*.sh >"$T/list"
    [ "$(wc -l <"$T/list")" -ge 4 ]
    # shellcheck disable=SC2046
    runs_all README $(sort -V "$T/list")
}
