# What every tool owes its user, whichever it is; and the Makefile's own promises.
load helper

tools() { find "$SLUICE_BUILD/bin" -maxdepth 1 -name 'sc-*' -type f -perm -u+x | sort; }

@test "every tool's --help fits a screen, or two where it trains, and gives an example" {
    for tool in $(tools); do
        run "$tool" --help
        [ "$status" -eq 0 ]
        echo "$tool has ${#lines[@]} lines"
        [ "${#lines[@]}" -le 60 ] || [[ ${#lines[@]} -le 120 && $output == *--max-epochs* ]]
        [[ $output == *"usage: ${tool##*/}"* && $output == *"example:"* ]]
        echo "$output" | awk 'length > 100 { print "too wide: " $0; bad = 1 } END { exit bad }'
    done
}

@test "every tool says its version, and refuses an unknown option with one sentence and exit 2" {
    for tool in $(tools); do
        run "$tool" --version
        [ "$status" -eq 0 ]
        [ "$output" = "${tool##*/} (sluice) $(cat "$ROOT/VERSION")" ]
        run "$tool" --no-such-option
        echo "$output"
        [ "$status" -eq 2 ]
        [ "${#lines[@]}" -eq 1 ]
        [[ $output == "${tool##*/}: unknown option '--no-such-option'"* ]]
    done
}

@test "every tool has a man page with its options, and mandoc finds no fault in any page" {
    for tool in $(tools); do
        page=$SLUICE_BUILD/man/${tool##*/}.1
        [ -e "$page" ] || { echo "no $page"; false; }
        grep -q '^\.It Fl h , Fl Fl help' "$page"
    done
    for page in "$SLUICE_BUILD"/man/*.[1-9]; do
        [ -e "$page" ] || continue
        run mandoc -T lint -W warning "$page"
        echo "$output"
        [ "$status" -eq 0 ]
    done
}

@test "a full disk under --help is an error" {
    for tool in $(tools); do
        run bash -c '"$1" --help >/dev/full' _ "$tool"
        [ "$status" -eq 1 ]
        [ "$output" = "${tool##*/}: stdout: No space left on device" ]
    done
}

@test "a pipe into head ends a tool quietly" {
    for tool in $(tools); do
        run bash -c 'set -o pipefail; "$1" --help | true' _ "$tool"
        [ "$status" -eq 0 ]
        [ -z "$output" ]
    done
}

@test "completions are bash, and know options and choices" {
    for tool in $(tools); do
        "$tool" --help-complete >"$T/completion"
        bash -n "$T/completion"
        found=$(bash -c '. "$1"; COMP_WORDS=(x --ver); COMP_CWORD=1; $2; echo "${COMPREPLY[*]}"' \
            _ "$T/completion" "_$(basename "$tool" | tr - _)")
        [[ " $found " == *" --version "* ]]
    done
}

@test "make install puts tools, plugins, headers, pages and sluice.pc in their places" {
    [ -n "$(tools)" ] || skip "there are no tools yet"
    cd "$ROOT"
    tests/install "$SLUICE_BUILD" "$T/usr" /usr 1.2.3
    for tool in $(tools); do
        [ -x "$T/usr/bin/${tool##*/}" ]
        [ -s "$T/usr/share/bash-completion/completions/${tool##*/}" ]
    done
    [ -e "$T/usr/include/sluice/sc_plugin.h" ]
    run env PKG_CONFIG_LIBDIR="$T/usr/lib/pkgconfig" pkg-config --modversion --cflags sluice
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = 1.2.3 ]
}

@test "what deps can't install it names" {
    mkdir "$T/bin"
    for c in sh id bash echo; do ln -s "$(command -v $c)" "$T/bin/$c"; done
    run env PATH="$T/bin" "$ROOT/tests/deps" some-package
    echo "$output"
    [ "$status" -eq 1 ]
    [[ ${lines[0]} == "deps: missing: cc pkg-config bats mandoc"* ]]
    [[ $output == *"apt-get install some-package"* ]]
}
