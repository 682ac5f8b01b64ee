#!/usr/bin/env bats
load helper

setup_file() {
    export F=$BATS_FILE_TMPDIR
    sc-sim -q --n-obs 120 --n-vars 60 --n-types 3 --n-batches 2 --seed 1 >"$F/sim.scz"
    sc-fit -q -m ldvae --batch-key batch --n-latent 3 --n-hidden 16 --max-epochs 3 -o "$F/m.scm" "$F/sim.scz"
}

@test "a row for each cell; elbo is minus the sum of its parts" {
    sc-score "$F/m.scm" "$F/sim.scz" >"$T/s"
    [ "$(head -1 "$T/s")" = $'cell\telbo\treconstruction\tkl_z\tkl_l' ]
    [ "$(wc -l <"$T/s")" -eq 121 ]
    awk 'NR > 1 && ($2 + $3 + $4 + $5 > 1e-3 || $2 + $3 + $4 + $5 < -1e-3) { exit 1 }' "$T/s"
}

@test "a cell scores the same in any company and on any number of threads" {
    sc-score -@ 1 "$F/m.scm" "$F/sim.scz" >"$T/a"
    sc-score -@ 3 "$F/m.scm" <"$F/sim.scz" | cmp - "$T/a"
    sc-score --seed 1 "$F/m.scm" "$F/sim.scz" >"$T/b"
    run cmp -s "$T/a" "$T/b"
    [ "$status" -eq 1 ]
}

@test "--mean is the mean of the rows" {
    sc-score --latent mean "$F/m.scm" "$F/sim.scz" | awk 'NR > 1 { s += $2; n++ } END { printf "%.4f\n", s / n }' >"$T/a"
    sc-score --latent mean --mean "$F/m.scm" "$F/sim.scz" | awk 'NR == 2 { printf "%.4f\n", $2 }' | cmp - "$T/a"
}

@test "the marginal likelihood is above the ELBO, and says how sure it is" {
    sc-score --marginal-ll --n-mc-samples 200 --n-samples 50 "$F/m.scm" "$F/sim.scz" >"$T/s"
    head -1 "$T/s" | grep -q $'marginal_ll\tmarginal_ll_se\tmarginal_ll_ess$'
    awk 'NR > 1 { e += $2; m += $6; if ($8 < 1 || $8 > 200.001 || $7 < 0) exit 2 } END { exit !(m > e) }' "$T/s"
}

@test "the mean over draws of scvi-tools' models is scvi-tools' loss at the mean of q" {
    need_shared parity/scvi_zinb_default/model.pt
    local c=$SHARED/parity/scvi_zinb_default
    sc-read -q "$c/adata.h5ad" | sc-score -q --latent mean --mean "$c/model.pt" | awk 'NR == 2 { print -$2 }' >"$T/ours"
    awk -F'\t' -v ours="$(cat "$T/ours")" '$1 == "loss_kl1" { d = ours - $3; if (d < 0) d = -d; exit !(d < 1e-3) }' "$c/scalars.tsv"
}

@test "many blocks, each on a thread of its own, are printed in their order, and their mean is one" {
    sc-sim -q --n-obs 4500 --n-vars 20 --seed 3 >"$T/s.scz"
    sc-fit -q -m scvi --n-latent 2 --n-hidden 4 --max-epochs 1 -o "$T/m.scm" "$T/s.scz"
    sc-score -@ 1 "$T/m.scm" "$T/s.scz" >"$T/one"
    cut -f 1 "$T/one" | cmp - <(sc-view -t obs "$T/s.scz" | cut -f 1)
    sc-score -@ 4 "$T/m.scm" "$T/s.scz" | cmp - "$T/one"
    sc-score -@ 1 --mean "$T/m.scm" "$T/s.scz" >"$T/mean"
    sc-score -@ 3 --mean "$T/m.scm" "$T/s.scz" | cmp - "$T/mean"
    sc-decode -@ 1 --no-PG --what px_scale,library "$T/m.scm" "$T/s.scz" >"$T/d"
    sc-decode -@ 4 --no-PG --what px_scale,library "$T/m.scm" "$T/s.scz" | cmp - "$T/d"
}

@test "of the mean over cells, the standard error is that of the mean" {
    sc-score --marginal-ll --n-mc-samples 50 "$F/m.scm" "$F/sim.scz" |
        awk 'NR > 1 { m += $6; s += $7 ^ 2; n++ } END { printf "%.4f %.6f\n", m / n, sqrt(s) / n }' >"$T/a"
    sc-score --mean --marginal-ll --n-mc-samples 50 "$F/m.scm" "$F/sim.scz" | awk 'NR == 2 { printf "%.4f %.6f\n", $6, $7 }' | cmp - "$T/a"
}

@test "misuse: one sentence each" {
    fails 2 "--n-mc-samples and --compat are for --marginal-ll" sc-score --n-mc-samples 10 "$F/m.scm" "$F/sim.scz"
    fails 2 "--n-mc-samples and --compat are for --marginal-ll" sc-score --compat scvi-tools "$F/m.scm" "$F/sim.scz"
    fails 2 "--n-samples needs --latent sample" sc-score --latent mean --n-samples 5 "$F/m.scm" "$F/sim.scz"
}
