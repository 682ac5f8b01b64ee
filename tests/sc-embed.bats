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
