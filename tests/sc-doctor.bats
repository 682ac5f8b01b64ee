#!/usr/bin/env bats
load helper

@test "a whole installation is well, and all its parts are named" {
    run sc-doctor
    echo "$output"
    [ "$status" -eq 0 ]
    [[ ${lines[-1]} == "all that is needed works"* ]]
    for what in sluice cpu kernels blas threads memory TMPDIR; do
        grep -qE "^(ok|note) +$what " <<<"$output"
    done
    for model in scvi ldvae scanvi totalvi; do grep -qE "^ok +model +$model +ABI [0-9]+ +/.*/$model.so" <<<"$output"; done
    for format in mtx h5ad 10x-h5 loom csv; do grep -qE "^ok +format +$format +ABI [0-9]+ +/.*/$format.so" <<<"$output"; done
    grep -q "kernels .*GFLOP/s a core" <<<"$output"
    [[ $output != *BAD* ]]
}

@test "the kernels chosen are those that a model is trained with" {
    chosen=$(sc-doctor | awk '$2 == "kernels" && /GFLOP/ { sub(",", "", $3); print $3 }')
    for isa in avx512 avx2 base; do
        if sc-doctor | grep -qE "^ok +kernels +$isa works too|^[a-z]+ +kernels +$isa,"; then
            sc-sim -q --mock | sc-fit -q -m ldvae --max-epochs 1 --isa $isa -o "$T/m.scm"
        else
            fails 2 "$isa" sc-fit -q -m ldvae --isa $isa -o "$T/m.scm" <(sc-sim -q --mock)
        fi
    done
    sc-sim -q --mock | sc-fit -q -m ldvae --max-epochs 1 -o "$T/m.scm"
    sc-view --json "$T/m.scm" | grep -q "\"$chosen\""
}

@test "a plugin that does not load is BAD with its reason, and exit 5" {
    mkdir "$T/p"
    echo "no library" >"$T/p/broken.so"
    SLUICE_PLUGIN_PATH=$T/p:$SLUICE_PLUGIN_PATH run sc-doctor
    echo "$output"
    [ "$status" -eq 5 ]
    [ "$(grep -c "^BAD *plugin *plugin '$T/p/broken.so' can't be loaded: .*; build it anew" <<<"$output")" -eq 1 ]
    [ "${lines[-1]}" = "sc-doctor: 1 thing that the tools need is broken; see BAD above" ]
    SLUICE_PLUGIN_PATH=$T/p:$SLUICE_PLUGIN_PATH run sc-doctor -q
    [ "$(grep -c '^ok' <<<"$output")" -eq 0 ]
    grep -q '^BAD' <<<"$output"
}

@test "a plugin of another ABI is told apart" {
    need_command cc
    printf '#include "sc_plugin.h"\nSC_PLUGIN_EXPORT const sc_plugin sc_plugin_entry = {.abi = 77, .size = sizeof(sc_plugin), .kind = "model", .name = "old"};\n' >"$T/old.c"
    mkdir "$T/p"
    cc -shared -fPIC -I"$ROOT/lib" $(printf -- '-I%s ' "$ROOT"/lib/*/) -o "$T/p/old.so" "$T/old.c"
    SLUICE_PLUGIN_PATH=$T/p:$SLUICE_PLUGIN_PATH run sc-doctor
    [ "$status" -eq 5 ]
    [[ $output == *"BAD   plugin    plugin '$T/p/old.so' can't be loaded: it is built for plugin ABI 77"* ]]
}

@test "missing plugins, a path that is none, scratch space that can't be written" {
    mkdir "$T/bin"
    cp "$SLUICE_BUILD/bin/sc-doctor" "$T/bin"
    SLUICE_PLUGIN_PATH=$T/nowhere PATH=$T/bin:$PATH run "$T/bin/sc-doctor"
    echo "$output"
    [[ $output == *"SLUICE_PLUGIN_PATH names $T/nowhere, which can't be read"* ]]
    if ! [ -d "$(sed -n 's/.*SC_PREFIX="\([^"]*\)".*/\1/p' "$SLUICE_BUILD/flags")/lib/sluice" ]; then
        [ "$status" -eq 5 ]
        [[ $output == *"BAD   model     scvi is in none of the folders"* ]]
    fi
    TMPDIR=$T/none run sc-doctor
    [ "$status" -eq 1 ]
    [[ $output == *"BAD   TMPDIR "*"'$T/none'"*"set TMPDIR"* ]]
    PATH=/usr/bin:/bin run "$SLUICE_BUILD/bin/sc-doctor"
    [[ $output == *"note  PATH "*"$SLUICE_BUILD/bin"* ]]
}
