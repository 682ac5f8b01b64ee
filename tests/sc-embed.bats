#!/usr/bin/env bats
load helper

setup_file() {
    export F=$BATS_FILE_TMPDIR
    sc-sim -q --n-obs 60 --n-vars 40 --n-types 3 --n-batches 2 --seed 1 >"$F/sim.scz"
    sc-fit -q -m scvi --batch-key batch --n-latent 3 --n-hidden 16 --max-epochs 3 -o "$F/m.scm" "$F/sim.scz"
    sc-fit -q -m scvi --batch-key batch --n-latent 3 --n-hidden 16 --max-epochs 3 --latent-distribution ln -o "$F/ln.scm" "$F/sim.scz"
}

latent() { sc-embed -q --key Z "$@" | sc-view -t obsm/Z; }

@test "draws: keyed by seed, averaged, or a row each" {
    latent --latent sample --n-samples 5 "$F/m.scm" "$F/sim.scz" >"$T/mean"
    latent --latent sample --n-samples 5 --each-sample "$F/m.scm" "$F/sim.scz" >"$T/each"
    awk -v OFS='\t' 'NR == 1 { print; next } { s += $2 } NR % 5 == 1 { print $1, s / 5; s = 0 }' "$T/each" | paste - "$T/mean" |
        awk 'NR > 1 { d = $2 - $4; if ($1 != $3 || d > 1e-5 || d < -1e-5) exit 1 }'
    [ "$(sort -u "$T/each" | awk 'END { print NR }')" -eq 301 ]
    latent --latent sample --n-samples 5 --each-sample --seed 1 "$F/m.scm" "$F/sim.scz" >"$T/other"
    run cmp -s "$T/each" "$T/other"
    [ "$status" -eq 1 ]
}

@test "draws have the mean and the variance of q" {
    sc-embed -q --key Z --variance "$F/m.scm" "$F/sim.scz" >"$T/e"
    paste <(sc-view -t obsm/Z "$T/e") <(sc-view -t obsm/Z_var "$T/e") >"$T/q"
    latent --latent sample --n-samples 4000 --each-sample "$F/m.scm" "$F/sim.scz" | awk '
        NR == FNR { m[$1] = $2; v[$1] = $6; next }
        FNR > 1 { s[$1] += $2; q[$1] += ($2 - m[$1]) ^ 2; n[$1]++ }
        END { for (c in n) { z = (s[c] / n[c] - m[c]) / sqrt(v[c] / n[c]); y = (q[c] / n[c] / v[c] - 1) / sqrt(2 / n[c])
                if (z > 4.5 || z < -4.5 || y > 4.5 || y < -4.5) { print c, z, y; bad = 1 } } exit bad }' "$T/q" -
}

@test "a logistic normal latent: on the simplex; the mode is the softmax of the mean before it" {
    latent "$F/ln.scm" "$F/sim.scz" | awk 'NR > 1 { s = $2 + $3 + $4; if (s < 0.99999 || s > 1.00001) exit 1 }'
    sc-embed -q --minify --key Z --latent mode "$F/ln.scm" "$F/sim.scz" >"$T/e"
    paste <(sc-view -t obsm/scvi_latent_qzm "$T/e") <(sc-view -t obsm/Z "$T/e") |
        awk 'NR > 1 { t = exp($2) + exp($3) + exp($4); d = exp($2) / t - $6; if (d > 1e-6 || d < -1e-6) exit 1 }'
    fails 2 "is for models with --latent-distribution ln" sc-embed --latent mode "$F/m.scm" "$F/sim.scz"
}

@test "what does not go together is refused" {
    fails 2 "need --latent sample" sc-embed --n-samples 3 "$F/m.scm" "$F/sim.scz"
    fails 2 "need --latent sample" sc-embed --each-sample "$F/m.scm" "$F/sim.scz"
    fails 2 "keeps no draws" sc-embed --latent sample --each-sample --minify "$F/m.scm" "$F/sim.scz"
    fails 2 "1 are named" sc-embed --cat-covariate batch "$F/m.scm" "$F/sim.scz"
}

# bad SED FILE WORDS: cells so changed are refused by every tool of model and cells, in one sentence
# that names their file, and nothing is written.
bad() {
    local tool
    [ -z "$1" ] || sc-write -q --format csv <"$F/sim.scz" | sed "$1" | sc-read -q | sc-annotate -q --obs "$F/obs" >"$T/$2"
    for tool in sc-embed sc-decode sc-score sc-sample; do
        fails 3 "$tool: $T/$2: $3" $tool -q -o "$T/out" "$F/m.scm" "$T/$2"
        [ ! -e "$T/out" ] && [ "${#lines[@]}" -eq 1 ]
    done
}

@test "sc-embed, sc-decode, sc-score, sc-sample: each message names the file, and the cell or gene" {
    sc-view -t obs "$F/sim.scz" >"$F/obs"
    local cell=$(sed -n 4p "$F/obs" | cut -f1) gene=$(sc-view -t var "$F/sim.scz" | sed -n 2p | cut -f1)
    bad "1s/$gene/none/" few.scz "the data lack 1 of the model's 40 genes ('$gene' is the first)"
    bad "4s/^\([^,]*\),[0-9]*/\1,-2/" minus.scz "counts are needed, and there are only: X (real); cell '$cell' has -2 of gene '$gene'"
    bad "4s/^\([^,]*\),[0-9]*/\1,0.5/" half.scz "counts are needed, and there are only: X (counts-fractional); --layer takes fractional ones as they are; cell '$cell' has 0.5 of gene '$gene'"
    sc-embed -q --minify "$F/m.scm" "$F/sim.scz" >"$T/minified.scz"
    fails 3 "$T/minified.scz: the cells are minified already" sc-embed --minify "$F/m.scm" "$T/minified.scz"
    fails 3 "$T/minified.scz: the cells are minified and have no counts" sc-score "$F/m.scm" "$T/minified.scz"
    sc-norm -q --log1p "$F/sim.scz" >"$T/ln.scz"
    head -c 2000 "$F/sim.scz" >"$T/cut.scz"
    for tool in sc-embed sc-decode sc-score sc-sample; do
        fails 3 "$T/ln.scz: there is no layer 'count'; there are: X (lognorm), layers/counts (counts)" $tool --layer count "$F/m.scm" "$T/ln.scz"
        fails 3 "$T/ln.scz: obs has no column 'batches'; did you mean 'batch'?" $tool --batch-key batches "$F/m.scm" "$T/ln.scz"
        fails 1 "$T/cut.scz: stream ends early" $tool "$F/m.scm" "$T/cut.scz"
    done
}
