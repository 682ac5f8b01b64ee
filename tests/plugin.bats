#!/usr/bin/env bats
# Plugins of users' own, against an installed Sluice: nothing here sees the source tree but to install it.
load helper

setup_file() {
    need_command cc make pkg-config
    export F=$BATS_FILE_TMPDIR
    (cd "$ROOT" && tests/install "$SLUICE_BUILD" "$F/usr" "$F/usr" 1.2.3)
    cd "$F"
    installed
    sc-sim -q --n-obs 300 --n-vars 50 --n-batches 2 --seed 2 -o cells.scz
    sc-model -q new mine
}

setup() { installed && cd "$T"; }

# Tools, headers and plugins are those that were installed.
installed() {
    unset SLUICE_PLUGIN_PATH
    PATH=$F/usr/bin:$(tr : '\n' <<<"$PATH" | grep -vxF "$SLUICE_BUILD/bin" | paste -sd :)
    export PKG_CONFIG_PATH=$F/usr/lib/pkgconfig
    [ "$(command -v sc-model)" = "$F/usr/bin/sc-model" ]
}

# like NAME SED_SCRIPT: NAME.so, which is sc-model new's plugin changed by the script.
like() {
    sed "s/\"mine\"/\"$1\"/; $2" "$F/mine/mine.c" >"$1.c"
    ! cmp -s "$1.c" "$F/mine/mine.c"
    # shellcheck disable=SC2046
    cc $(pkg-config --cflags sluice) -std=c17 -O1 -fPIC -shared -fvisibility=hidden -o "$1.so" "$1.c"
}

@test "from sc-model new to a fitted model outside the tree, in under a minute" {
    SECONDS=0
    sc-model -q new my-model
    cd my-model
    make CFLAGS='-O2 -Wall -Wextra -Werror'
    make check
    sc-fit -q -m ./my-model.so --n-latent 3 --batch-key batch --max-epochs 5 -o m.scm "$F/cells.scz"
    SLUICE_PLUGIN_PATH=. sc-embed -q m.scm "$F/cells.scz" | sc-view -t obsm/X_my-model -n 1 >z
    [ "$(awk 'NR == 1 { print NF }' z)" -eq 4 ]
    SLUICE_PLUGIN_PATH=. sc-loadings m.scm | awk 'END { exit NR != 51 }'
    [ "$SECONDS" -lt 60 ]
}

@test "a model whose plugin is not to be found says where to name it" {
    like lost ''
    sc-fit -q -m ./lost.so --max-epochs 1 -o m.scm "$F/cells.scz"
    fails 2 "unknown model 'lost'; is the folder of its plugin in SLUICE_PLUGIN_PATH?" sc-embed -o z.scz m.scm "$F/cells.scz"
}

@test "make install puts a plugin where all tools find it" {
    sc-model -q new settled
    make -C settled install DIR="$F/usr/lib/sluice/plugins"
    sc-model list | grep -q $'^model\tsettled\tyes'
    sc-fit -q -m settled --max-epochs 1 -o m.scm "$F/cells.scz"
    sc-model show m.scm | grep -qx $'model\tvariant\tsettled'
    rm "$F/usr/lib/sluice/plugins/settled.so"
}

@test "sc-model new takes names only, and overwrites nothing" {
    fails 2 "'../x' is none" sc-model new ../x
    fails 2 "'Mine' is none" sc-model new Mine
    mkdir mine
    fails 1 "can't make the folder 'mine'" sc-model new mine
    [ -z "$(ls mine)" ]
}

# refused WORDS NAME: one sentence and exit 5, from sc-fit and from sc-model check; sc-model list goes on.
refused() {
    local tool
    for tool in "sc-fit -q -o $T/m.scm -m ./$2.so $F/cells.scz" "sc-model check ./$2.so"; do
        # shellcheck disable=SC2086
        fails 5 "$1" $tool
        [ "${#lines[@]}" -eq 1 ]
    done
    SLUICE_PLUGIN_PATH=. sc-model list | grep -q $'^model\tscvi\tyes'
    [ ! -e m.scm ]
}

@test "a plugin for another ABI is one sentence" {
    like abi 's/SC_PLUGIN_ABI/99/'
    refused "plugin './abi.so' can't be loaded: it is built for plugin ABI 99, not 1" abi
    SLUICE_PLUGIN_PATH=. sc-model list | grep -q $'^plugin\tabi\tno\t.*ABI 99'
}

@test "a plugin without its entry, or with half of one, is one sentence" {
    like entry 's/sc_plugin_entry/sc_plugin_exit/'
    refused "plugin './entry.so' can't be loaded: it has no sc_plugin_entry" entry
    like short 's/sizeof sc_plugin_entry/24/'
    refused "its entry has 24 bytes" short
    like half 's/\.impl = &model/.impl = NULL/'
    refused "its entry is not complete" half
}

@test "a plugin with a symbol that nobody has is one sentence" {
    like symbol 's/^static void build.*/extern void nobody(void); &/; s/const options \*o = opts;/& nobody();/'
    refused "plugin './symbol.so' can't be loaded: ./symbol.so: undefined symbol: nobody" symbol
}

@test "a file that is no plugin is one sentence" {
    echo 'not a library' >text.so
    refused "plugin './text.so' can't be loaded" text
    fails 5 "plugin '$F/usr/lib/sluice/formats/h5ad.so' is a format, and a model is wanted" \
        sc-model check "$F/usr/lib/sluice/formats/h5ad.so"
}

@test "a wrong shape is one sentence" {
    like shape 's/2, n_vars, SC_BIAS/2, n_vars - 1, SC_BIAS/'
    refused "don't go together" shape
    like dense 's/log_x = sc_log1p(g, x)/log_x = sc_exp(g, x)/'
    refused "dense" dense
}

@test "the man page's pieces are the model that comes with Sluice, and compile" {
    awk '/^\.Sh EXAMPLES/ { exit } /^\.Ed/ { is_code = 0 } is_code { print } /^\.Bd -literal/ { is_code = 1 }' \
        "$ROOT/man/sluice-plugin.7" >poisson.c
    diff <(sed '/^$/d' poisson.c) <(sed '1,/^ \*\//d; /^$/d' "$ROOT/plugins/poisson.c")
    # shellcheck disable=SC2046
    cc $(pkg-config --cflags sluice) -std=c17 -Wall -Wextra -Werror -fPIC -shared -Wl,-z,defs -o poisson.so poisson.c
    sc-model check ./poisson.so
    sc-fit -q -m ./poisson.so --max-epochs 2 -o ours.scm "$F/cells.scz"
    sc-fit -q -m poisson --max-epochs 2 -o m.scm "$F/cells.scz"
    cmp <(sc-embed -q m.scm "$F/cells.scz" | sc-view -t obsm/X_poisson) <(sc-embed -q ours.scm "$F/cells.scz" | sc-view -t obsm/X_poisson)
}

@test "check says that build() crashes, and with which options" {
    export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}handle_segv=0
    like crash 's/const options \*o = opts;/& if (o->n_latent > 200) *(volatile int *)8 = 1;/'
    fails 5 "./crash.so: build() with --n-latent 256 crashes: Segmentation fault" sc-model check ./crash.so
    like leave 's/#include .*/&\n#include <unistd.h>/; s/const options \*o = opts;/& _exit(3);/'
    fails 5 "./leave.so: build() with its defaults ends the process, with status 3" sc-model check ./leave.so
    like slow 's/#include .*/&\n#include <signal.h>/; s/const options \*o = opts;/& raise(SIGPROF);/' # as the clocks do
    fails 5 "./slow.so: build() with its defaults takes more than 60 seconds" sc-model check ./slow.so
    like wait 's/#include .*/&\n#include <signal.h>/; s/const options \*o = opts;/& raise(SIGALRM);/'
    fails 5 "./wait.so: build() with its defaults takes more than 600 seconds" sc-model check ./wait.so
}

@test "check finds a build() that is not the same twice" {
    like twice 's/const options \*o = opts;/& static int n; n++;/; s/sc_exp(g, sc_weight/sc_affine(g, sc_softplus(g, sc_weight/; s/SC_TRAINED));/SC_TRAINED)), 1, n);/'
    fails 5 "build() gives another graph the second time" sc-model check ./twice.so
}

@test "check finds options that are wrong in the table" {
    like outside 's/0\.1, 0, 0\.9/0.95, 0, 0.9/'
    fails 5 "option '--dropout-rate' has a default outside of its limits" sc-model check ./outside.so
    like narrow 's/\.opts_size = sizeof(options)/.opts_size = 8/'
    fails 5 "option '--n-latent' lies outside of the options struct" sc-model check ./narrow.so
    like double 's/"dropout-rate"/"n-latent"/'
    fails 5 "option '--n-latent' is in the table twice" sc-model check ./double.so
}

@test "check finds a loss that is no number, results without a latent, loadings of nothing" {
    like nan 's/sc_neg(g, log_p)/sc_log(g, log_p)/'
    fails 5 "the loss of made-up cells is not finite" sc-model check ./nan.so
    like blind '/"latent representation"/d'
    fails 5 "there is no output 'latent' for sc-embed" sc-model check ./blind.so
    like odd 's/loadings(g, "decoder"/loadings(g, "encoder"/'
    fails 5 "loadings are of linear 'encoder', which there isn't" sc-model check ./odd.so
}

@test "check finds a plugin under another name than its file's" {
    like one ''
    mv one.so two.so
    fails 5 "the plugin calls itself 'one', so its file has to be 'one.so'" sc-model check ./two.so
}

@test "check passes the models that Sluice brings" {
    for model in "$F"/usr/lib/sluice/plugins/*.so; do
        sc-model check "$model" >report
        [ "$(cut -f 1 report | head -4 | paste -sd ' ')" = "what plugin graphs gradients" ]
    done
}
