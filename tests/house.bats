# What every tool owes its user, whichever it is; and the Makefile's own promises.
load helper

tools() { find "$SLUICE_BUILD/bin" -maxdepth 1 -name 'sc-*' -type f -perm -u+x | sort; }

# A screen is 50 lines of 80 columns. A tool with more options names those that belong on it (sc_tool.screen), and
# --help-all has the rest; a model's own options, which sc-fit -m NAME --help lists, are as many as they are.
@test "every tool's --help fits a screen and gives an example, and --help-all has what it leaves out" {
    for tool in $(tools); do
        run "$tool" --help
        [ "$status" -eq 0 ]
        echo "$tool has ${#lines[@]} lines"
        [ "$(wc -l <<<"$output")" -le 50 ]
        [[ $output == *"usage: ${tool##*/}"* && $output == *"example:"*"${tool##*/}"* ]]
        echo "$output" | awk 'length > 100 { print "too wide: " $0; bad = 1 } END { exit bad }'
        if [[ $output == *--help-all* ]]; then
            all=$("$tool" --help-all)
            [ "$(wc -l <<<"$all")" -gt 50 ]
            page=$("$tool" --help-mdoc)
            [ "$(grep -cE '^  (-.,|   ) --' <<<"$all")" -eq "$(grep -c '^\.It' <<<"$page")" ]
        else
            "$tool" --help-all | diff - <(echo "$output")
        fi
    done
    for model in $(sc-model list | awk '$1 == "model" { print $2 }'); do
        run sc-fit -m "$model" --help
        [ "$(wc -l <<<"$output")" -le 70 ]
        [[ $output == *"--n-latent"* && $output == *"--help-all"* && $output == *"example:"* && $output != *"--max-epochs"* ]]
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

# What people give by mistake, and the next thing to try.
@test "a wrong file is told by what it is, with the tool that makes the right one" {
    cd "$T"
    sc-sim -q --mock -o c.scz
    sc-fit -q -m ldvae --max-epochs 1 -o m.scm c.scz
    sc-write -q -o c.h5ad c.scz
    gzip -c c.scz >c.scz.gz
    : >empty
    mkdir folder
    sc-view -t obs c.scz >table
    for tool in sc-norm sc-hvg sc-filter sc-pca "sc-fit -m scvi -o x" "sc-write -o x.h5ad" "sc-embed m.scm" "sc-score m.scm" "sc-plot umap -o x.svg" sc-view; do
        fails 1 "c.h5ad: is not a .scz stream, nor a model; sc-read makes streams of other files of cells; this one is an HDF5 file (h5ad, loom, h5 of 10x)" $tool c.h5ad
        fails 1 "; this one is compressed with gzip" $tool c.scz.gz
        fails 1 "folder: is a folder; sc-read makes a stream of one" $tool folder
        fails 1 "empty: is empty, where a stream is needed" $tool empty
        fails 1 "No such file or directory" $tool nowhere.scz
    done
    fails 1 "stdin: is empty, where a stream is needed; the tool before it failed?" sc-norm </dev/null
    for tool in sc-norm sc-hvg sc-filter sc-pca "sc-fit -m scvi -o x" "sc-write -o x.h5ad" "sc-embed m.scm" "sc-score m.scm" "sc-report m.scm" "sc-surgery m.scm"; do
        fails 1 "m.scm: is a model, where cells are needed, as sc-read makes" $tool m.scm
    done
    for tool in sc-embed sc-score sc-decode sc-report sc-surgery "sc-de --groupby cell_type"; do
        fails 1 "c.scz: holds cells, where a model is needed, as sc-fit makes" $tool c.scz c.scz
        fails 1 "c.h5ad: is an HDF5 file (h5ad, loom, h5 of 10x), where a model is needed, as sc-fit makes" $tool c.h5ad c.scz
        fails 1 "c.scz.gz: is compressed with gzip, where a model is needed" $tool c.scz.gz c.scz
        fails 1 "table: is neither a .scm nor a model.pt, where a model is needed" $tool table c.scz
        fails 1 "folder: is a folder, where a model is needed; one that scvi-tools saved is the file model.pt in it" $tool folder c.scz
        fails 1 "empty: is empty, where a model is needed, as sc-fit makes" $tool empty c.scz
        fails 1 "can't open the model 'nowhere.scm': No such file or directory" $tool nowhere.scm c.scz
    done
    fails 1 "stdin: is empty, where a model is needed, as sc-fit makes; the tool before it failed?" sc-embed - c.scz </dev/null
    for picture in umap latent "violin --key batch" "dots --key gene_1 --group-by batch" "confusion --truth a --pred b"; do
        fails 1 "m.scm: is a model, where cells are needed, as sc-read makes" sc-plot $picture -o x.svg m.scm
    done
    fails 1 "c.scz: holds cells, where a model is needed, as sc-fit makes" sc-loadings c.scz
    fails 2 "did you mean 'scvi'?" sc-fit -m svci c.scz
    fails 2 "-m takes the name of a model, such as scvi; training starts from what is in './m.scm' with --init" sc-fit -m ./m.scm -o x c.scz
    fails 2 "which model? -m takes one of ldvae, " sc-fit c.scz
    fails 2 "did you mean '--log1p'?" sc-norm --lgo1p c.scz
    fails 3 "did you mean 'batch'?" sc-fit -m scvi -o x --batch-key btach c.scz
    fails 3 "which sc-umap makes" sc-plot umap -o x.svg c.scz
    fails 3 "sc-neighbors makes a graph" sc-umap -o x c.scz
    fails 3 "--protein-key names another" sc-fit -m totalvi -o x c.scz
    fails 2 "name them with --labels-key" sc-fit -m scanvi -o x c.scz
    printf 'PK\3\4and more' >z.zip
    iconv -t utf-16 table >wide
    for file in "c.scz: is a Sluice stream or model" "m.scm: is a Sluice stream or model" "c.h5ad: is an HDF5 file (h5ad, loom, h5 of 10x)" \
        "wide: is UTF-16 text, not UTF-8" "z.zip: is a zip, as model.pt and npz are" "folder: is a folder"; do
        for option in "sc-annotate --obs" "sc-annotate --var" "sc-label --seed-labels"; do
            fails 1 "$file, where a table" $option "${file%%:*}" -o x c.scz
        done
        for option in "sc-filter --cells" "sc-filter --drop-genes" "sc-fit -m scvi --validation-cells"; do
            fails 1 "$file, where a" $option "${file%%:*}" -o x c.scz
        done
        [[ $file == *HDF5* || $file == *folder* || $file == *Sluice* ]] ||
            fails 1 "${file%%:*}: not of a known format (10x-h5, csv, h5ad, loom, mtx); it ${file#*: }" sc-read -o x "${file%%:*}"
    done
    gzip table
    fails 1 "table.gz: is compressed with gzip, where a table (tab-separated text) is needed" sc-annotate --obs table.gz -o x c.scz
    sc-filter -q --cells table.gz c.scz | sc-view -t obs | cmp - <(zcat table.gz) # lists may be compressed
    fails 1 "; it is a Sluice stream or model, and compressed" sc-read -o x c.scz.gz
    printf 'cell\tk\ncell_001\tcaf\351\n' >latin
    fails 1 "latin: line 2: 'caf?' is not UTF-8 text" sc-annotate --obs latin -o x c.scz
    [ -z "$(find . -name 'x*')" ]
}

@test "a tool that would wait for the keyboard says so" {
    need_command script
    run script -qec "sc-norm --log1p -o '$T/x'" /dev/null
    echo "$output"
    [ "$status" -eq 2 ]
    [[ $output == *"sc-norm: there is no input: name a file, or pipe in what another tool writes"* ]]
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

# complete WORD...: what bash offers for the last of them
complete() {
    local fn=_${1//-/_}
    bash -c '. "$1"; fn=$2; shift 2; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); $fn; printf "%s\n" "${COMPREPLY[@]}"' \
        _ "$T/completion" "$fn" "$@" | sort | paste -sd' '
}

@test "bash completes options and choices, models and the options of a model" {
    for tool in $(tools); do
        "$tool" --help-complete >"$T/completion"
        bash -n "$T/completion"
        [[ " $(complete "${tool##*/}" --ver) " == *" --version "* ]]
    done
    sc-hvg --help-complete >"$T/completion"
    [ "$(complete sc-hvg --flavor '')" = "cell_ranger seurat seurat_v3 seurat_v3_paper" ]
    [ "$(complete sc-hvg --flavor = c)" = cell_ranger ]
    [ "$(complete sc-hvg --flavor =)" = "cell_ranger seurat seurat_v3 seurat_v3_paper" ]
    [ "$(complete sc-hvg --keep)" = --keep-raw ]
    sc-fit --help-complete >"$T/completion"
    [[ "$(complete sc-fit -m '')" == *ldvae*scanvi*scvi*totalvi* ]]
    [ "$(complete sc-fit --model sca)" = scanvi ]
    [ -z "$(complete sc-fit --n-lat)" ]
    [ "$(complete sc-fit -m scvi --n-lat)" = --n-latent ]
    [[ " $(complete sc-fit -m scvi --) " == *" --max-epochs "* ]]
    sc-write --help-complete >"$T/completion"
    [[ "$(complete sc-write --format '')" == *"h5ad"*"mtx"* ]]
}

# zcomplete LINE: what a terminal with zsh shows after a tab behind LINE
zcomplete() {
    zsh -f -c '
        zmodload zsh/zpty
        zpty z "PS1= TERM=dumb zsh -f -i"
        zpty -w z "stty -echo; LISTMAX=1000; PROMPT= RPROMPT=; unsetopt zle_bracketed_paste 2>/dev/null; fpath=($2 \$fpath); autoload -Uz compinit; compinit -u -d $3"
        zpty -w z "bindkey \"^I\" complete-word; zstyle \":completion:*\" list-prompt \"\"; echo re''ady"
        zpty -r z line "*ready*"
        zpty -w -n z "$1"$'"'\\t'"'
        sleep 1
        zpty -w -n z $'"'\\x15'"'
        zpty -w z "echo do''ne"
        zpty -r z line "*done*"
        print -r -- "$line"
    ' _ "$1" "$T/zsh" "$T/dump" | tr -d '\r'
}

@test "zsh completes options, choices, models and the options of a model" {
    need_command zsh
    mkdir "$T/zsh"
    for tool in $(tools); do
        "$tool" --help-complete-zsh >"$T/zsh/_${tool##*/}"
        zsh -n "$T/zsh/_${tool##*/}"
    done
    run zcomplete "sc-hvg --keep"
    echo "$output"
    [[ $output == *"--keep-raw"* ]]
    run zcomplete "sc-hvg --flavor cell"
    [[ $output == *"cell_ranger"* ]]
    run zcomplete "sc-fit -m tot"
    [[ $output == *"totalvi"* ]]
    run zcomplete "sc-fit -m scvi --n-lat"
    echo "$output"
    [[ $output == *"--n-latent"* ]]
    run zcomplete "sc-filter --min-"
    [[ $output == *"counts that a cell must have"* && $output == *"--min-genes"* ]]
}

@test "make install puts tools, plugins, headers, pages and sluice.pc in their places" {
    [ -n "$(tools)" ] || skip "there are no tools yet"
    cd "$ROOT"
    tests/install "$SLUICE_BUILD" "$T/usr" /usr 1.2.3
    for tool in $(tools); do
        [ -x "$T/usr/bin/${tool##*/}" ]
        [ -s "$T/usr/share/bash-completion/completions/${tool##*/}" ]
        [ -s "$T/usr/share/zsh/site-functions/_${tool##*/}" ]
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

# too_long FOLDER...: C files of 400 lines or more, and functions of 60 or more with the lines of their head
too_long() {
    find "$@" -name '*.[ch]' -o -name '*.inc' | sort | xargs awk '
        FNR == 1 { if (NR > 1 && n >= 400) print file ": " n " lines"; file = FILENAME; head = 0 }
        { n = FNR }
        /^[A-Za-z_]/ && !head { head = FNR; name = $0 }
        /^\{/ { inside = 1 }
        /^\}/ && inside { if (FNR - head + 1 >= 60) print file ":" head ": " FNR - head + 1 " lines: " name }
        /^\}/ || (/[;:]$/ && !inside) || /^$/ && !inside { head = inside = 0 }
        END { if (n >= 400) print file ": " n " lines" }'
}

@test "no C file has 400 lines, and no function 60" {
    cd "$ROOT"
    run too_long lib tools plugins formats tests
    echo "$output"
    [ "$status" -eq 0 ]
    [ -z "$output" ]

    { printf '/* a list */\nstatic const int list[] = {\n'; yes '    1,' | head -n 70; printf '};\n\n'
      printf 'static int sum(const int *x,\n               int n)\n{\n'; yes '    x++;' | head -n 55; printf '}\n'; } >"$T/fine.c"
    [ -z "$(too_long "$T")" ]
    sed 's/^}$/    n--;\n}/' "$T/fine.c" >"$T/function.c"
    yes '/* word */' | head -n 400 >"$T/file.h"
    run too_long "$T"
    echo "$output"
    [ "${#lines[@]}" -eq 2 ]
    [ "${lines[0]}" = "$T/file.h: 400 lines" ]
    [ "${lines[1]}" = "$T/function.c:75: 60 lines: static int sum(const int *x," ]
}

@test "make compiles a source that is new here, whatever its date" {
    mkdir -p "$T/lib/base"
    cp "$ROOT/Makefile" "$ROOT/VERSION" "$T"
    echo 'int one(void) { return 1; }' >"$T/lib/base/sc_one.c"
    make -s -C "$T" B=build CFLAGS= build/libsluice.a
    echo 'int two(void) { return 2; }' >"$T/lib/base/sc_two.c"
    touch -d yesterday "$T/lib/base/sc_two.c"
    make -s -C "$T" B=build CFLAGS= build/libsluice.a
    run ar t "$T/build/libsluice.a"
    echo "$output"
    [[ $output == *sc_two.o* ]]
}

@test "make says in a line what it makes, with V=1 by which command, and nothing with -s" {
    mkdir -p "$T/lib/base"
    cp "$ROOT/Makefile" "$ROOT/VERSION" "$T"
    echo 'int one(void) { return 1; }' >"$T/lib/base/sc_one.c"
    cd "$T"
    unset MAKEFLAGS MFLAGS V
    [ "$(make B=b CFLAGS= b/libsluice.a)" = $'  CC  b/lib/base/sc_one.o\n  AR  b/libsluice.a' ]
    [ "$(make -j2 --no-print-directory B=c CFLAGS= c/libsluice.a)" = $'  CC  c/lib/base/sc_one.o\n  AR  c/libsluice.a' ]
    run make B=d CFLAGS= V=1 d/libsluice.a
    echo "$output"
    [ "$(grep -c -- '-c -o d/lib/base/sc_one.o lib/base/sc_one.c$' <<<"$output")" -eq 1 ]
    [ "$(grep -c 'Drcs d/libsluice.a' <<<"$output")" -eq 1 ]
    [ "$(grep -c '^  ' <<<"$output")" -eq 0 ]
    [ -z "$(make -sj2 B=e CFLAGS= e/libsluice.a 2>&1)" ]
}

@test "README.md and sluice(7) name the tools there are, and sluice(7) its companions" {
    cd "$ROOT"
    there=$(basename -s .c tools/sc-*.c | sort)
    diff <(sed -nE 's/^\| (sc-[a-z]+) \|.*/\1/p' README.md | sort) - <<<"$there"
    diff <(sed -nE 's/^\.It Xr (sc-[a-z]+) 1$/\1/p' man/sluice.7 | sort) - <<<"$there"
    for page in man/*.[57]; do
        name=$(basename "${page%.?}")
        [ "$name" = sluice ] || sed -n '/^.Sh SEE ALSO/,$p' man/sluice.7 | grep -q "^.Xr $name ${page##*.}"
    done
    for folder in lib/*/; do
        grep -q "\`$(basename "$folder")\`\|\`$folder\`" README.md || { echo "README.md does not know $folder"; false; }
    done
}

@test "README.md and the man pages speak of no option that is not there" {
    cd "$ROOT"
    { grep -ohE 'Fl Fl [a-z0-9-]+' man/*.[157] | sed 's/Fl Fl //'
      grep -ohE '(^|[ `(])--[a-z][a-z0-9-]+' README.md tests/workflows/*/README.md | sed 's/.*--//'; } | sort -u >"$T/named"
    [ "$(wc -l <"$T/named")" -gt 50 ]
    while read -r option; do
        grep -rqE "\"(no-)?(${option#no-}|${option//-/_})\"" --include='*.[ch]' tools lib plugins formats || { echo "--$option?"; false; }
    done <"$T/named"
}

@test "a standard stream that is closed is an error or unheard, and never another file" {
    cd "$T"
    sc-sim -q --n-obs 60 --n-vars 20 -o c.scz
    sc-fit -q -m scvi --n-hidden 4 --max-epochs 1 -o m.scm c.scz
    fails 1 "stdin: cannot read: Bad file descriptor" bash -c 'sc-fit -q -m scvi -o x.scm <&-'
    fails 1 "stdin: Bad file descriptor" bash -c 'sc-read <&-'
    for tool in "sc-norm c.scz" "sc-score m.scm c.scz" "sc-write --format csv c.scz" "sc-view c.scz" "sc-loadings l.scm" "sc-fit -q -m ldvae --max-epochs 1 c.scz" sc-sim "sc-model list"; do
        [ -e l.scm ] || sc-fit -q -m ldvae --n-latent 2 --max-epochs 1 -o l.scm c.scz
        fails 1 "stdout: " bash -c "$tool >&-"
        [[ $output == *"Bad file descriptor"* ]]
    done
    sc-filter --min-counts 1 -o told.scz c.scz
    sc-filter --min-counts 1 -o untold.scz c.scz 2>&- # what it would say does not go into the file
    sc-view -t X told.scz | cmp - <(sc-view -t X untold.scz)
}

@test "a name for what a tool makes is neither empty nor a path" {
    for tool in "sc-embed --key" "sc-label --key" "sc-neighbors --key-added" "sc-umap --key-added" "sc-leiden --key-added" "sc-smooth --key-added"; do
        for key in "" a/b; do fails 2 "${tool#* } takes a name of 1 to 255 bytes without '/', not '$key'" $tool "$key" x; done
    done
}

@test "where -1 stands for the model's own, no other number below 0 is taken" {
    fails 2 "option '--lr' takes a number from 0 to 10, or -1, not '-0.5'" sc-fit -m scvi --lr -0.5 c.scz
    fails 2 "option '--train-size' takes a number from 0 to 1, or -1, not '-3'" sc-fit -m scvi --train-size -3 c.scz
    fails 1 "nowhere.scz" sc-fit -m scvi --lr -1 -o "$T/x" "$T/nowhere.scz"
}

@test "an operand that is empty, as of an unset variable, is said to be" {
    for tool in sc-norm sc-view sc-read sc-loadings "sc-fit -m scvi" sc-plot; do
        fails 2 "operand 1 is empty: usage is '${tool%% *} " $tool ""
    done
    fails 2 "operand 2 is empty: usage is 'sc-embed [options] MODEL [IN]'" sc-embed m.scm ""
}

@test "every header begins with a comment, and says of its functions what their names do not" {
    cd "$ROOT"
    run awk 'FNR == 1 && !/^\/\*/ { print FILENAME ": begins without a comment" }
        /\/\*/ { told = 1 }
        /^$/ { told = 0 }
        /^[a-z].*[ *][a-z0-9_]+\(/ && !/^(typedef|static)/ && !told { print FILENAME ":" FNR ": " $0 }' $(find lib formats tools -name '*.h')
    echo "$output"
    [ -z "$output" ]
}

@test "nothing of ours has writable data of its own: state is in structs that are passed in" {
    [ "${CFLAGS:-}" = "${CFLAGS#*sanitize}" ] || skip "a sanitizer has data of its own"
    need_command size
    run bash -c 'find "$1" -name "*.o" -not -path "*/tests/*" -not -path "*/asan/*" -not -path "*/tsan/*" -print0 | xargs -0 size -A |
        awk "/ :\$/ { file = \$1 } \$1 ~ /^\\.(data|bss|tdata|tbss)(\\.|\$)/ && \$1 !~ /rel\\.ro/ && \$2 > 0 { print file, \$1, \$2 }"' _ "$SLUICE_BUILD"
    echo "$output"
    [ "$status" -eq 0 ]
    [ -z "$output" ]
}

# known OPTION TOOL...: one of the tools has it; of sc-fit, one of the models
known() {
    local tool m
    for tool in "${@:2}"; do
        "$tool" --help-all
        [ "$tool" != sc-fit ] || for m in scvi ldvae scanvi totalvi; do sc-fit -m $m --help; done
    done | grep -qE -- "(^|[ ,])(--\[no-\]|--)${1#--}([ =,[]|$)"
}

@test "the commands that sluice-python names for functions of Python are there, with their options" {
    local words w n=0
    while read -ra words; do
        case ${words[0]} in
        sc-*) tool=${words[0]} && [ -x "$SLUICE_BUILD/bin/$tool" ] ;;
        *) tool="sc-fit sc-surgery sc-decode" ;; # whose options stand there alone
        esac
        for w in "${words[@]}"; do
            [[ $w == --* ]] || continue
            # shellcheck disable=SC2086
            known "$w" $tool || { echo "$tool has no $w"; false; }
            n=$((n + 1))
        done
    done < <(sed -n 's/^\.Ql //p' "$ROOT/man/sluice-python.7")
    [ "$n" -gt 60 ]
}

@test "words of the field find the tools: man -k looks at the names and what follows them" {
    for pair in normalize:sc-norm normalized:sc-decode denoised:sc-decode scArches:sc-surgery concatenate:sc-cat \
        embedding:sc-embed totalVI:sc-fit 'quality control:sc-filter' 'marginal likelihood:sc-score' 'label transfer:sc-label' \
        h5ad:sc-read h5ad:sc-write 'batch correction:sc-metrics' UMAP:sc-umap PCA:sc-pca Leiden:sc-leiden scvi-tools:sluice-python; do
        grep -liE "^\.Nd .*${pair%:*}" "$ROOT"/man/*.[1-9] | grep -q "/${pair##*:}\." || { echo "$pair"; false; }
    done
    # and sluice(7) names every tool
    for tool in $(tools); do grep -q "^\.It Xr ${tool##*/} 1" "$ROOT/man/sluice.7" || { echo "no ${tool##*/}"; false; }; done
}

@test "the fuzz targets still link with the sources they name" {
    cd "$ROOT"
    for target in stream pt; do
        tests/fuzz/run --link $target
    done
}

@test "make dist packs what is committed, the same bytes each time, and it has what a packager needs" {
    need_command git
    git -C "$ROOT" rev-parse -q --verify HEAD >/dev/null || skip "this is no git checkout"
    make -s -C "$ROOT" B="$T/one" dist
    make -s -C "$ROOT" B="$T/two" dist
    release=sluice-$(cat "$ROOT/VERSION")
    cmp "$T/one/$release.tar.gz" "$T/two/$release.tar.gz"
    tar -xzf "$T/one/$release.tar.gz" -C "$T"
    [ "$(find "$T" -maxdepth 1 -name 'sluice-*')" = "$T/$release" ]
    for file in LICENSE VERSION README.md Makefile tests/install; do
        [ -s "$T/$release/$file" ]
    done
}

@test "a folder with a blank in its name is none of the compiler's business" {
    mkdir "$T/a b"
    cp -r "$ROOT/Makefile" "$ROOT/VERSION" "$ROOT/lib" "$T/a b"
    make -s -C "$T/a b" B=build build/lib/base/sc_err.o # not the B of a make that runs this
    [ -s "$T/a b/build/lib/base/sc_err.o" ]
    run grep -aF "$T" "$T/a b/build/lib/base/sc_err.o"
    [ "$status" -eq 1 ]
}
