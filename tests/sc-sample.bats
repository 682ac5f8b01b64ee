#!/usr/bin/env bats
load helper

setup_file() {
    export F=$BATS_FILE_TMPDIR
    sc-sim -q --n-obs 150 --n-vars 40 --n-types 3 --n-batches 2 --seed 1 >"$F/sim.scz"
    sc-sim -q --n-obs 1 --n-vars 40 --n-types 3 --n-batches 2 --seed 1 >"$F/one.scz"
    for l in zinb nb poisson normal; do
        sc-fit -q -m scvi --batch-key batch --n-latent 3 --n-hidden 16 --max-epochs 5 --gene-likelihood $l -o "$F/$l.scm" "$F/sim.scz"
    done
}

# moments MODEL VARIANCE: 10,000 draws of one cell, at the mean of q, against its distribution's mean and variance: z-tests
# for each gene, of the mean by the model's variance, of the variance by the draws' fourth moment. VARIANCE: awk, of m
# (px_rate), t (px_r), p (probability of an extra zero; the mean is (1 - p) m).
moments() {
    local what=px_rate
    [ "$1" = poisson ] || what+=,px_r
    [ "$1" != zinb ] || what+=,px_dropout
    sc-decode --what $what "$F/$1.scm" "$F/one.scz" >"$T/d"
    for l in px_rate px_dropout; do
        sc-view -t layers/$l "$T/d" 2>/dev/null | awk -v l=$l 'NR == 2 { for (i = 2; i <= NF; i++) print l, i, $i }'
    done >"$T/params"
    sc-view -t var "$T/d" | awk -F'\t' 'NR == 1 { for (i = 2; i <= NF; i++) if ($i == "px_r") c = i; next } c { print "px_r", NR, $c }' >>"$T/params"
    sc-sample --latent mean --n-samples 10000 "$F/$1.scm" "$F/one.scz" | sc-view -t X >"$T/x"
    [ "$(awk 'END { print NR }' "$T/x")" -eq 10001 ]
    awk -F'[ \t]' '
        NR == FNR { v[$1, $2] = $3; next }
        FNR > 1 { for (i = 2; i <= NF; i++) { s[i] += $i; q[i, FNR] = $i } n++; g = NF }
        END {
            for (i = 2; i <= g; i++) {
                m = v["px_rate", i]; t = v["px_r", i]; p = "'"$1"'" == "zinb" ? 1 / (1 + exp(-v["px_dropout", i])) : 0
                mean = (1 - p) * m; var = '"$2"'; a = s[i] / n; c2 = c4 = 0
                for (r = 2; r <= n + 1; r++) { d = (q[i, r] - a) ^ 2; c2 += d / n; c4 += d * d / n }
                z = (a - mean) / sqrt(var / n); y = (c2 - var) / sqrt((c4 - c2 * c2) / n)
                if (z > 4.5 || z < -4.5 || y > 4.5 || y < -4.5) { print i, "mean", a, mean, "z", z, "variance", c2, var, "z", y; bad = 1 }
            }
            exit bad || g != 41
        }' "$T/params" "$T/x"
}

@test "10,000 draws have the model's mean and variance for each gene: zinb" {
    moments zinb '(1 - p) * m * (m + t + p * t * m) / t'
}

@test "10,000 draws have the model's mean and variance for each gene: nb" {
    moments nb 'm + m * m / t'
}

@test "10,000 draws have the model's mean and variance for each gene: poisson" {
    moments poisson m
}

@test "10,000 draws have the model's mean and variance for each gene: normal" {
    moments normal 't * t'
    run sc-view -H <(sc-sample "$F/normal.scm" "$F/one.scz")
    [[ $output == *"X: real, dense"* ]]
}

@test "counts in place of counts: other matrices of cells x genes go, the rest stays" {
    sc-norm -q --target-sum 1e4 --log1p "$F/sim.scz" | sc-sample -q "$F/zinb.scm" >"$T/s"
    sc-view -H "$T/s" >"$T/h"
    grep -q '^X: counts, sparse$' "$T/h"
    grep -q '^cells: 150$' "$T/h"
    grep -q 'obsm/X_true' "$T/h"
    run grep layers "$T/h"
    [ "$status" -eq 1 ]
    sc-score "$F/zinb.scm" "$T/s" >/dev/null
}

@test "a cell's draws are the same in any company, by any number of threads, from counts or minified" {
    sc-sample --no-PG -@ 1 --n-samples 2 "$F/zinb.scm" "$F/sim.scz" >"$T/a"
    sc-sample --no-PG -@ 3 --n-samples 2 "$F/zinb.scm" <"$F/sim.scz" | cmp - "$T/a"
    sc-view -t X "$T/a" >"$T/x"
    sc-embed --minify "$F/zinb.scm" "$F/sim.scz" | sc-sample --n-samples 2 "$F/zinb.scm" | sc-view -t X | cmp - "$T/x"
    sc-sample "$F/zinb.scm" "$F/sim.scz" | sc-view -t X >"$T/y"
    awk 'NR == 1 || NR % 2 == 0' "$T/x" | cmp - "$T/y"
}

@test "samples of minified cells have counts, and are no longer minified" {
    sc-embed --minify "$F/zinb.scm" "$F/sim.scz" | sc-sample "$F/zinb.scm" >"$T/s"
    sc-score --latent mean "$F/zinb.scm" "$T/s" >"$T/a"
    run grep -c minif <(sc-view -H "$T/s" | grep '^uns')
    [ "$output" = 0 ]
    sc-sample "$F/zinb.scm" "$F/sim.scz" | sc-score --latent mean "$F/zinb.scm" | cmp - "$T/a"
}

@test "--max-poisson-rate cuts; several batches are averaged" {
    sc-sample --max-poisson-rate 0.001 "$F/nb.scm" "$F/sim.scz" | sc-view -t X |
        awk 'NR > 1 { for (i = 2; i <= NF; i++) s += $i } END { exit !(s < 60) }'
    sc-sample --transform-batch batch_1,batch_2 "$F/nb.scm" "$F/sim.scz" >"$T/s"
    sc-view -H "$T/s" | grep -q '^X: counts-fractional, sparse$'
}

@test "--correlation: a matrix of genes, symmetric, 1 on its diagonal" {
    for how in --correlation --correlation=spearman --correlation=pearson; do
        sc-sample $how "$F/zinb.scm" "$F/sim.scz" >"$T/$how"
        awk 'NR == 1 { if (NF != 41) exit 1; next }
             { for (i = 2; i <= NF; i++) v[NR, i] = $i; if ($NR != 1) exit 1 }
             END { for (i = 2; i <= 41; i++) for (j = 2; j <= 41; j++) { d = v[i, j] - v[j, i]; if (d > 1e-6 || d < -1e-6 || v[i, j] > 1.000001) exit 1 } }' "$T/$how"
    done
    cmp "$T/--correlation" "$T/--correlation=spearman"
    run cmp -s "$T/--correlation" "$T/--correlation=pearson"
    [ "$status" -eq 1 ]
    sc-sample -@ 3 --correlation "$F/zinb.scm" "$F/sim.scz" | cmp - "$T/--correlation"
    fails 2 "negative binomial" sc-sample --correlation "$F/poisson.scm" "$F/sim.scz"
    fails 1 "--correlation=pearson" sc-sample --memory 100K --correlation "$F/zinb.scm" "$F/sim.scz"
}

@test "misuse: one sentence each" {
    fails 2 "--rna-size-factor is for --correlation" sc-sample --rna-size-factor 5 "$F/nb.scm" "$F/sim.scz"
    fails 2 "--memory is for --correlation=spearman" sc-sample --memory 1G "$F/nb.scm" "$F/sim.scz"
    fails 2 "--memory is for --correlation=spearman" sc-sample --correlation=pearson --memory 1G "$F/nb.scm" "$F/sim.scz"
    fails 2 "--log-transform is for --correlation=pearson" sc-sample --correlation --log-transform "$F/nb.scm" "$F/sim.scz"
    fails 2 "--correlation draws none" sc-sample --correlation --max-poisson-rate 5 "$F/nb.scm" "$F/sim.scz"
    fails 2 "likelihood is normal" sc-sample --max-poisson-rate 5 "$F/normal.scm" "$F/sim.scz"
}
