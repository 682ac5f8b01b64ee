#!/usr/bin/env bats
# Saved models that mean harm, given to every tool that takes a model: one sentence, nothing runs, and soon. What the
# reader makes of many more is in test_pt_hostile.
load helper

# le N BYTES: a number, little-endian, as escapes of printf.
le() {
    local i n=$1
    for ((i = 0; i < $2; i++)); do
        printf '\\x%02x' $((n & 255))
        n=$((n >> 8))
    done
}

# zip_of ZIP NAME FILE [NAME FILE]...: an archive of stored members, as torch writes them. gzip knows their checksums.
zip_of() {
    local zip=$1 name size crc at=0 n=0
    shift
    : >"$zip" && : >"$T/directory"
    while [ $# -gt 0 ]; do
        name=$1 size=$(stat -c %s "$2") crc=$(gzip -c "$2" | tail -c 8 | head -c 4 | od -An -t u4)
        local fields
        fields="$(le 0 8)$(le "$crc" 4)$(le "$size" 4)$(le "$size" 4)$(le ${#name} 2)$(le 0 2)"
        { printf "PK\3\4\0\0$fields" && printf %s "$name" && cat "$2"; } >>"$zip"
        { printf "PK\1\2\0\0\0\0$fields$(le 0 10)$(le $at 4)" && printf %s "$name"; } >>"$T/directory"
        at=$(stat -c %s "$zip") n=$((n + 1))
        shift 2
    done
    cat "$T/directory" >>"$zip"
    printf "PK\5\6$(le 0 4)$(le $n 2)$(le $n 2)$(le "$(stat -c %s "$T/directory")" 4)$(le "$at" 4)$(le 0 2)" >>"$zip"
}

# members_of ZIP: takes it apart into files; members is then their names and files, in turn.
members_of() {
    local at=0 size name_size extra name n=0
    members=()
    while [ "$(tail -c +$((at + 1)) "$1" | head -c 4 | od -An -t x1)" = " 50 4b 03 04" ]; do
        size=$(od -An -t u4 -j $((at + 22)) -N 4 "$1")
        read -r name_size extra < <(od -An -t u2 -j $((at + 26)) -N 4 "$1")
        name=$(tail -c +$((at + 31)) "$1" | head -c "$name_size")
        at=$((at + 30 + name_size + extra)) n=$((n + 1))
        tail -c +$((at + 1)) "$1" | head -c "$size" >"$T/member$n"
        members+=("$name" "$T/member$n")
        at=$((at + size))
    done
}

# pickled ZIP: an archive whose data.pkl is stdin.
pickled() {
    cat >"$T/data.pkl"
    head -c 64 /dev/zero >"$T/storage"
    zip_of "$1" m/data.pkl "$T/data.pkl" m/data/0 "$T/storage"
}

# text WORDS: the opcode that pushes them.
text() { printf "X$(le ${#1} 4)" && printf %s "$1"; }

times() { # N BYTES: so often
    printf "$2%.0s" $(seq "$1")
}

setup_file() {
    export F=$BATS_FILE_TMPDIR
    sc-sim -q --n-obs 30 --n-vars 10 --seed 1 >"$F/sim.scz"
    sc-fit -q -m ldvae --n-hidden 8 --n-latent 2 --max-epochs 1 -o "$F/m.scm" "$F/sim.scz"
}

# no TOOL...: each says WORDS of the model in one line, soon, and the command in it did not run.
no() {
    local words=$1 model=$2 tool
    for tool in sc-embed sc-decode sc-score sc-sample "sc-de --groupby cell_type" sc-label sc-loadings "sc-model show" sc-view; do
        local operands=("$model" "$F/sim.scz")
        [[ $tool != sc-loadings && $tool != "sc-model show" && $tool != sc-view ]] || operands=("$model")
        # shellcheck disable=SC2086
        run timeout 20 $tool "${operands[@]}"
        echo "$tool: $status: $output"
        [ "$status" -gt 0 ] && [ "$status" -le 3 ]
        [ "${#lines[@]}" -eq 1 ]
        [ "$tool" = sc-view ] || [[ $output == *"$words"* ]]
        [ ! -e "$T/harm" ]
    done
}

@test "a pickle that names a command is refused, however it would call it" {
    { printf '\x80\2cos\nsystem\n' && text "touch $T/harm" && printf '\x85R.'; } | pickled "$T/reduce.pt"
    no "refused: the pickle names 'os.system'" "$T/reduce.pt"
    for call in 'cposix\nsystem\n:\x85R.:posix.system' '(cos\nsystem\n:o.:os.system' 'csubprocess\nPopen\n:\x85\x81.:subprocess.Popen' \
        '\x8c\10builtins\x8c\4eval\x93:\x85R.:builtins.eval' 'ccollections\nOrderedDict\n)R}X\x0c\0\0\0__setstate__cos\nsystem\ns:b.:os.system'; do
        IFS=: read -r before after name <<<"$call"
        { printf "\x80\2$before" && text "touch $T/harm" && printf "$after"; } | pickled "$T/call.pt"
        fails 1 "refused: the pickle names '$name'" sc-embed "$T/call.pt" "$F/sim.scz"
        [ ! -e "$T/harm" ]
    done
}

@test "a model that is right but for a command in it is refused" {
    sc-model export --to scvi-tools "$T/dir" "$F/m.scm"
    members_of "$T/dir/model.pt"
    zip_of "$T/again.pt" "${members[@]}"
    sc-loadings "$T/again.pt" | cmp - <(sc-loadings "$F/m.scm")
    local i=0 pickle
    until [[ ${members[i]} == */data.pkl ]]; do i=$((i + 2)); done
    pickle=${members[i + 1]}
    { head -c 2 "$pickle" && printf 'cos\nsystem\n' && text "touch $T/harm" && printf '\x85R0' && tail -c +3 "$pickle"; } >"$T/p"
    members[i + 1]=$T/p
    zip_of "$T/harm.pt" "${members[@]}"
    no "refused: the pickle names 'os.system'" "$T/harm.pt"
}

@test "bombs go off without harm" {
    { printf '\x80\2K\1\x85q\0' && for i in $(seq 0 199); do printf "h$(le "$i" 1)h$(le "$i" 1)\x86q$(le $((i + 1)) 1)"; done && printf .; } | pickled "$T/laughs.pt"
    no "holds no dict" "$T/laughs.pt"
    { printf '\x80\2)' && times 200000 '\x85' && printf .; } | pickled "$T/deep.pt"
    no "holds no dict" "$T/deep.pt"
    { printf '\x80\2}q\0(' && text model_state_dict && printf '}' && text var_names && printf ']' && text attr_dict && printf 'h\0u.'; } | pickled "$T/itself.pt"
    no "no registry_" "$T/itself.pt"
    { printf '\x80\2\x8b\xff\xff\xff\x7f.'; } | pickled "$T/long.pt"
    no "opcode 0x8b" "$T/long.pt"
    { printf '\x80\4\x8e' && printf "$(le 4611686018427387904 8)" && printf x.; } | pickled "$T/bytes.pt"
    no "opcode 0x8e" "$T/bytes.pt"
    { printf '\x80\2X\xff\xff\xff\xff' && printf 'a.'; } | pickled "$T/string.pt"
    no "4294967295 bytes" "$T/string.pt"
}

@test "archives with two of a name, or names that lead elsewhere, write nothing and are refused" {
    printf '\x80\2}.' >"$T/p"
    zip_of "$T/twice.pt" m/data.pkl "$T/p" m/data.pkl "$T/p"
    no "occurs twice" "$T/twice.pt"
    zip_of "$T/two.pt" a/data.pkl "$T/p" b/data.pkl "$T/p"
    no "more than one data.pkl" "$T/two.pt"
    zip_of "$T/away.pt" "$T/harm/data.pkl" "$T/p"
    no "no model_state_dict" "$T/away.pt"
    { printf '\x80\2ctorch._utils\n_rebuild_tensor_v2\n((' && text storage && printf 'ctorch\nFloatStorage\n' && text ../../etc/passwd &&
        text cpu && printf 'K\4tQK\0K\4\x85K\1\x85\x89)tR.'; } | pickled "$T/storage.pt"
    no "storage '../../etc/passwd' is not in the file" "$T/storage.pt"
}

@test "a model cut anywhere is refused" {
    sc-model export --to scvi-tools "$T/dir" "$F/m.scm"
    local size i
    size=$(stat -c %s "$T/dir/model.pt")
    for i in $(seq 1 99); do
        head -c $((size * i / 100)) "$T/dir/model.pt" >"$T/cut.pt"
        fails 1 "$T/cut.pt: zip archive ends early" sc-loadings "$T/cut.pt"
    done
}
