#!/usr/bin/env bats
# Every model of ../shared/parity that scvi-tools saved as an SCVI, a LinearSCVI or a SCANVI, through the tools as a user runs them.
load helper
load near

setup_file() {
    export F=$BATS_FILE_TMPDIR CASES=
    for f in "$SHARED"/parity/*/expected/qz_m.f64.npy; do
        [ -e "$f" ] || return 0
        f=${f%/expected/*}
        grep -qE '"model": "(SCVI|LinearSCVI|SCANVI)"' "$f/case.json" || continue
        CASES+=" $f"
        sc-read -q "$f/adata.h5ad" >"$F/$(basename "$f").scz"
    done
}

setup() {
    need_shared parity
    [ -n "$CASES" ]
}

# setting CASE KEY: a text value of case.json.
setting() {
    sed -nE "s/^ *\"$2\": \"([^\"]*)\",?\$/\1/p" "$1/case.json" | head -n 1
}

# batches_of CASE: code and name of each batch that a cell has, of a query model's reference too.
batches_of() {
    codes_of "$1/input/batch.npy" "$F/$(basename "$1").scz" "$(setting "$1" batch_key)"
    if [ -e "$1/ref_adata.h5ad" ]; then
        sc-read -q "$1/ref_adata.h5ad" >"$T/ref.scz"
        codes_of "$1/ref_input/batch.npy" "$T/ref.scz" "$(setting "$1" batch_key)"
    fi
}

codes_of() {
    paste <(npy "$1") <(sc-view -t obs "$2" | column "$3" | tail -n +2 | cut -f 2) | sort -u
}

@test "sc-embed: posterior and latent representation of every case" {
    for c in $CASES; do
        n=$(basename "$c")
        sc-embed -q --minify "$c/model.pt" "$F/$n.scz" >"$T/m.scz"
        for q in z l; do
            [ -e "$c/expected/q${q}_m.f64.npy" ] || continue
            path=$(sc-view -H "$T/m.scz" | sed -nE "s/^(obsm\/.*_latent_q${q}m):.*/\1/p")
            sc-view -t "$path" "$T/m.scz" | near "$n q${q}_m" 1e-5 "$c/expected/q${q}_m.f64.npy"
            sc-view -t "${path%m}v" "$T/m.scz" | near "$n q${q}_v" 1e-5 "$c/expected/q${q}_v.f64.npy"
        done
        if [ -e "$c/expected/z.f64.npy" ]; then
            sc-embed -q --key X --latent mode "$c/model.pt" "$F/$n.scz" | sc-view -t obsm/X | near "$n z" 1e-5 "$c/expected/z.f64.npy"
        else
            sc-embed -q --key X "$c/model.pt" "$F/$n.scz" | sc-view -t obsm/X | near "$n X" 1e-5 "$c/expected/qz_m.f64.npy"
        fi
    done
}

@test "sc-decode: outputs and transform-batch of every case, from counts and from the stored posterior" {
    for c in $CASES; do
        n=$(basename "$c")
        sc-embed -q --minify "$c/model.pt" "$F/$n.scz" >"$F/min-$n.scz"
        outputs=library
        for what in px_scale px_rate px_dropout px_r class_probs; do
            [ ! -e "$c/expected/$what.f64.npy" ] || outputs+=,$what
        done
        for in in "$n" "min-$n"; do
            sc-decode -q --what "$outputs" "$c/model.pt" "$F/$in.scz" >"$T/d.scz"
            sc-view -t var "$T/d.scz" >"$T/var"
            for what in ${outputs//,/ }; do
                if [ "$what" = library ]; then
                    [ -n "$(setting "$c" size_factor_key)" ] ||
                        sc-view -t obs "$T/d.scz" | column library |
                        awk -F'\t' -v OFS='\t' -v OFMT=%.9g '{ print $1, (NR > 1 ? log($2) : $2) }' |
                            near "$in library" 1e-5 "$c/expected/library.f64.npy"
                elif grep -q "^[^[:space:]]*	.*\b$what\b" <(head -n 1 "$T/var"); then
                    column "$what" <"$T/var" | near "$in $what" 1e-5 "$c/expected/$what.f64.npy"
                else
                    sc-view -t "$([ "$what" = class_probs ] && echo obsm || echo layers)/$what" "$T/d.scz" | near "$in $what" 1e-5 "$c/expected/$what.f64.npy"
                fi
            done
        done
        compgen -G "$c/expected/normexpr_tb*.f64.npy" >/dev/null || continue
        batches_of "$c" >"$T/batches"
        for e in "$c"/expected/normexpr_tb*.f64.npy; do
            b=${e##*_tb} b=${b%%.*}
            batch=$(awk -v code="$b" '$1 == code { print $2; exit }' "$T/batches")
            sc-decode -q --transform-batch "$batch" "$c/model.pt" "$F/$n.scz" | sc-view -t layers/px_scale | near "$n as $batch" 1e-5 "$e"
        done
    done
}

@test "sc-score: losses at the mean of q, cell by cell and as a mean" {
    for c in $CASES; do
        n=$(basename "$c")
        sc-score -q --latent mean "$c/model.pt" "$F/$n.scz" >"$T/s"
        column reconstruction <"$T/s" | near "$n reconstruction" 1e-5 "$c/expected/reconst_loss.f64.npy"
        for kl in kl_z kl_l; do
            [ ! -e "$c/expected/$kl.f64.npy" ] || column $kl <"$T/s" | near "$n $kl" 1e-5 "$c/expected/$kl.f64.npy"
        done
        [ ! -e "$c/expected/kl_local.f64.npy" ] ||
            awk -F'\t' -v OFS='\t' -v OFMT=%.9g '{ print $1, (NR > 1 ? -$2 - $3 : $2) }' "$T/s" |
            near "$n kl_local" 1e-5 "$c/expected/kl_local.f64.npy"
        sc-score -q --latent mean --mean "$c/model.pt" "$F/$n.scz" | awk -F'\t' -v n="$n" '
            NR == FNR { if ($1 == "loss_kl1") loss = $3; next }
            $1 == "mean" { d = (-$2 - loss) / loss; if (d > 1e-5 || d < -1e-5) { print n ": loss is", -$2, "not", loss; exit 1 } }' \
            "$c/scalars.tsv" -
    done
}

@test "sc-score --marginal-ll: within the Monte-Carlo error of scvi-tools' estimates" {
    compared=0
    for c in $CASES; do
        [ -e "$c/expected/marginal_ll.f64.npy" ] || continue
        for a in "" _se _ess; do npy "$c/expected/marginal_ll$a.f64.npy" >"$T/ml$a"; done
        paste <(npy "$c/input/ml_cells.npy") "$T/ml" "$T/ml_se" "$T/ml_ess" | awk '$4 >= 100' >"$T/expected"
        [ -s "$T/expected" ] || continue
        n=$(basename "$c")
        sc-score -q --marginal-ll --compat scvi-tools --n-mc-samples 1000 "$c/model.pt" "$F/$n.scz" | awk -F'\t' -v n="$n" '
            NR == FNR { split($0, w, /[ \t]+/); i = w[1] == "" ? 2 : 1; ml[w[i] + 2] = w[i + 1]; se[w[i] + 2] = w[i + 2]; next }
            FNR in ml { d = ($(NF - 2) - ml[FNR]) / sqrt(se[FNR] ^ 2 + $(NF - 1) ^ 2); if (d > 5 || d < -5) { print n, $1 ": off by", d, "errors"; bad = 1 } }
            END { exit bad }' "$T/expected" -
        compared=$((compared + $(awk 'END { print NR }' "$T/expected")))
    done
    [ "$compared" -ge 100 ] # cells of 17 models
}

@test "sc-loadings: every linear model" {
    compared=0
    for c in $CASES; do
        [ -e "$c/expected/loadings.f64.npy" ] || continue
        sc-loadings "$c/model.pt" | near "$(basename "$c") loadings" 1e-5 "$c/expected/loadings.f64.npy"
        compared=$((compared + 1))
    done
    [ "$compared" -gt 0 ]
}
