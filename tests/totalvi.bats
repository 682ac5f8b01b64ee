#!/usr/bin/env bats
# totalVI through the tools: fitted on cells that two panels measured, and as scvi-tools saved it.
load helper
load near

# panel NAME "PROTEINS": 60 cells with 30 genes, and proteins that tell two kinds of cells apart.
panel() {
    mkdir "$F/$1"
    awk -v names="$2" -v to="$F/$1" -v s="$3" 'BEGIN {
        srand(s); m = split(names, p, " ")
        for (g = 1; g <= 30; g++) print "g" g "\tg" g "\tGene Expression" >to "/features.tsv"
        for (k = 1; k <= m; k++) print p[k] "\t" p[k] "\tAntibody Capture" >to "/features.tsv"
        for (c = 1; c <= 60; c++) {
            print s "cell" c >to "/barcodes.tsv"
            for (g = 1; g <= 30; g++) { v = int(rand() * (g % 2 == c % 2 ? 9 : 3)); if (v) out[n++] = g " " c " " v }
            for (k = 1; k <= m; k++) { h = substr(p[k], 3); v = 1 + int(rand() * (h % 2 == c % 2 ? 300 : 20)); out[n++] = 30 + k " " c " " v }
        }
        print "%%MatrixMarket matrix coordinate integer general\n" 30 + m, 60, n >to "/matrix.mtx"
        for (i = 0; i < n; i++) print out[i] >to "/matrix.mtx" }'
    sc-read -q "$F/$1" >"$F/$1.scz"
}

setup_file() {
    export F=$BATS_FILE_TMPDIR
    panel full "CD1 CD2 CD3 CD4 CD5 CD6 CD7 CD8 CD9 CD10 CD11 CD12" 1
    panel part "CD12 CD1 CD2 CD3 CD4" 2
    sc-cat -q --protein-join outer "$F/full.scz" "$F/part.scz" >"$F/both.scz"
}

fit() {
    sc-fit -m totalvi --batch-key batch --n-hidden 16 --n-latent 4 --max-epochs 20 "$@"
}

@test "proteins that a panel did not measure: said by the data, read from zeros, or overridden" {
    fit -o "$T/m.scm" "$F/both.scz" 2>"$T/e"
    grep -q "7 of 12 proteins ('CD5' ...) have no count in 'part' and are taken as not measured there" "$T/e"
    sc-model show "$T/m.scm" | grep -qx $'data\tproteins\tprotein_expression: 12'
    sc-model show "$T/m.scm" | grep -qx $'data\tproteins not measured\tpart: 7'
    # without the list, a protein without counts is missing; with it, one that was measured is not
    sc-view -t obs "$F/both.scz" | awk -F'\t' -v OFS='\t' '{ print $1, (NR == 1 ? "site" : $2) }' >"$T/site.tsv"
    sc-annotate -q --obs "$T/site.tsv" -o "$T/site.scz" "$F/both.scz"
    fit --batch-key site -o "$T/z.scm" "$T/site.scz" 2>"$T/e"
    grep -q "7 of 12 proteins ('CD5' ...) have no count in 'part'" "$T/e"
    cmp <(sc-embed "$T/m.scm" "$F/both.scz" | sc-view -t obsm/X_totalvi) <(sc-embed "$T/z.scm" "$T/site.scz" | sc-view -t obsm/X_totalvi)
    # as measured and absent: no adversary, and other weights
    fit --override-missing-proteins -o "$T/o.scm" "$F/both.scz" 2>"$T/e"
    ! cmp -s <(sc-embed "$T/m.scm" "$F/both.scz" | sc-view -t obsm/X_totalvi) <(sc-embed "$T/o.scm" "$F/both.scz" | sc-view -t obsm/X_totalvi)
}

@test "a panel key of its own, next to the batches" {
    sc-view -t obs "$F/both.scz" | awk -F'\t' -v OFS='\t' '{ print $1, (NR == 1 ? "site" : "s" NR % 3) }' >"$T/site.tsv"
    sc-annotate -q --obs "$T/site.tsv" -o "$T/site.scz" "$F/both.scz"
    fit --batch-key site --panel-key batch -o "$T/m.scm" "$T/site.scz" 2>"$T/e"
    grep -q "have no count in 'part'" "$T/e"
    sc-model export "$T/out" "$T/m.scm" "$T/site.scz"
    sc-model show "$T/out/model.pt" | grep -qx $'data\tpanel\tbatch: full, part'
    cmp <(sc-score --latent mean "$T/m.scm" "$T/site.scz") <(sc-score --latent mean "$T/out/model.pt" "$T/site.scz")
}

@test "the same bytes for any number of threads, and of a row in any company" {
    fit -q --no-PG -@ 1 -o "$T/1.scm" "$F/both.scz"
    for n in 2 4; do fit -q --no-PG -@ $n "$F/both.scz" | cmp - "$T/1.scm"; done
    sc-cat -q --batch-key file --suffix never "$F/part.scz" | sc-view -t obs | awk -v OFS='\t' '{ print $1, (NR == 1 ? "batch" : "part") }' >"$T/b.tsv"
    sc-annotate -q --obs "$T/b.tsv" -o "$T/part.scz" "$F/part.scz"
    cmp <(sc-embed -q "$T/1.scm" "$T/part.scz" | sc-view -t obsm/X_totalvi | tail -n +2) \
        <(sc-embed -q "$T/1.scm" "$F/both.scz" | sc-view -t obsm/X_totalvi | tail -n 60)
}

@test "denoised proteins: shares sum to one, background adds, and probabilities are some" {
    fit -q -o "$T/m.scm" "$F/both.scz"
    sc-decode -q --what py_scale,protein_denoised,protein_with_background,protein_fg_prob,py_rate_fore "$T/m.scm" "$F/both.scz" >"$T/d.scz"
    [ "$(sc-view -t obsm/py_scale "$T/d.scz" | head -1 | cut -f 2,13)" = $'CD1\tCD12' ]
    sc-view -t obsm/py_scale "$T/d.scz" | awk 'NR > 1 { s = 0; for (i = 2; i <= NF; i++) s += $i; if (s < 0.9999 || s > 1.0001) exit 1 }'
    paste <(sc-view -t obsm/protein_denoised "$T/d.scz") <(sc-view -t obsm/protein_with_background "$T/d.scz") \
        <(sc-view -t obsm/protein_fg_prob "$T/d.scz") <(sc-view -t obsm/py_rate_fore "$T/d.scz") | awk -F'\t' 'NR > 1 {
        for (i = 2; i <= 13; i++) {
            want = $(i + 26) * $(i + 39)
            if (!($i < $(i + 13) && $(i + 26) > 0 && $(i + 26) < 1 && ($i - want) ^ 2 < 1e-8 * want ^ 2)) exit 1 } }'
}

@test "--sample-protein-mixing: foreground or nothing, and on average what the probabilities give" {
    local what=protein_denoised,protein_with_background,py_scale,py_rate_fore,py_rate_back
    fit -q -o "$T/m.scm" "$F/both.scz"
    sc-decode -q --sample-protein-mixing --what $what "$T/m.scm" "$F/both.scz" >"$T/d.scz"
    for w in ${what//,/ }; do sc-view -t "obsm/$w" "$T/d.scz" | tail -n +2 >"$T/$w"; done
    paste "$T/protein_denoised" "$T/protein_with_background" "$T/py_scale" "$T/py_rate_fore" "$T/py_rate_back" | awk -F'\t' '{
            sum = share = 0
            for (i = 2; i <= 13; i++) {
                is_back = $i == 0; n[is_back]++; sum += $i; share += $(i + 26)
                if ($i != (is_back ? 0 : $(i + 39)) || $(i + 13) != (is_back ? $(i + 52) : $(i + 39))) exit 1
            }
            for (i = 2; i <= 13; i++) if (sum && ($(i + 26) - $i / sum) ^ 2 > 1e-12) exit 1
            if (sum && (share - 1) ^ 2 > 1e-9) exit 1 }
        END { exit !(NR == 120 && n[0] > 100 && n[1] > 100) }'
    cmp <(sc-decode -q -@ 3 --no-PG --sample_protein_mixing --what $what "$T/m.scm" <"$F/both.scz" | sc-view -t obsm/py_scale) <(sc-view -t obsm/py_scale "$T/d.scz")
    sc-decode -q --what protein_denoised,protein_fg_prob,py_rate_fore --latent sample --n-samples 400 "$T/m.scm" "$F/both.scz" >"$T/p.scz"
    sc-decode -q --what protein_denoised --latent sample --n-samples 400 --sample-protein-mixing "$T/m.scm" "$F/both.scz" >"$T/d.scz"
    paste <(sc-view -t obsm/protein_denoised "$T/d.scz") <(sc-view -t obsm/protein_denoised "$T/p.scz") \
        <(sc-view -t obsm/py_rate_fore "$T/p.scz") | awk -F'\t' 'NR > 1 {
        for (i = 2; i <= 13; i++) { z = ($i - $(i + 13)) / $(i + 26) * 40; s += z; n++; if (z > 6 || z < -6) exit 1 } }
        END { exit !(n == 1440 && s / n < 0.2 && s / n > -0.2) }'
    fails 2 "of which --what names none" sc-decode --sample-protein-mixing --what px_scale "$T/m.scm" "$F/both.scz"
    sc-fit -q -m scvi --n-hidden 8 --n-latent 2 --max-epochs 1 -o "$T/s.scm" "$F/both.scz"
    fails 2 "has no proteins" sc-decode --sample-protein-mixing "$T/s.scm" "$F/both.scz"
}

@test "what is exported is read back as the same model" {
    local options
    for options in "" "--gene-dispersion gene-batch --protein-dispersion protein-batch --gene-likelihood zinb" \
        "--background-activation exp --latent-distribution ln --n-layers-decoder 2 --use-batch-norm none --use-layer-norm both" \
        "--no-use-observed-lib-size --no-encode-covariates --override-missing-proteins"; do
        # shellcheck disable=SC2086
        fit -q $options -o "$T/m.scm" "$F/both.scz"
        sc-model export "$T/out" "$T/m.scm" "$F/both.scz"
        sc-score --latent mean "$T/out/model.pt" "$F/both.scz" | cmp - <(sc-score --latent mean "$T/m.scm" "$F/both.scz")
        [ -z "$SCVI_PYTHON" ] || {
            sc-embed -q "$T/m.scm" "$F/both.scz" | sc-view -t obsm/X_totalvi >"$T/out/latent.tsv"
            sc-score -q --latent mean "$T/m.scm" "$F/both.scz" >"$T/out/score.tsv"
            "$SCVI_PYTHON" "$ROOT/tests/export_check.py" "$T/out"
        }
    done
    sc-cat -q --batch-names part,full --protein-join outer "$F/part.scz" "$F/full.scz" >"$T/turned.scz"
    fails 3 "or in another order" sc-model export "$T/other" "$T/m.scm" "$T/turned.scz"
    fit -q --encoder-input raw -o "$T/m.scm" "$F/both.scz"
    fails 2 "1.4 has no models with '--encoder-input raw'" sc-model export "$T/other" "$T/m.scm"
}

@test "every model of scvi-tools: posterior, proteins, other batches, losses" {
    local c n what e b batch
    need_shared parity/totalvi_default
    for c in "$SHARED"/parity/totalvi_* "$SHARED"/parity/surgery_totalvi; do
        n=$(basename "$c")
        sc-read -q "$c/adata.h5ad" >"$T/in.scz"
        sc-embed -q --key X "$c/model.pt" "$T/in.scz" | sc-view -t obsm/X | near "$n X" 1e-5 "$c/expected/qz_m.f64.npy"
        sc-decode -q --what px_scale,py_back_alpha,py_back_beta,py_rate_back,py_rate_fore,py_fore_scale,py_mixing,py_scale,py_r,protein_fg_prob,per_batch_efficiency,back_prior_mean,back_prior_scale \
            "$c/model.pt" "$T/in.scz" >"$T/d.scz"
        for what in py_back_alpha py_back_beta py_rate_back py_rate_fore py_fore_scale py_mixing py_scale protein_fg_prob per_batch_efficiency back_prior_mean back_prior_scale; do
            sc-view -t "obsm/$what" "$T/d.scz" | near "$n $what" 1e-5 "$c/expected/$what.f64.npy"
        done
        sc-view -t layers/px_scale "$T/d.scz" | near "$n px_scale" 1e-5 "$c/expected/px_scale.f64.npy"
        sc-score -q --latent mean "$c/model.pt" "$T/in.scz" >"$T/s"
        awk -F'\t' -v OFS='\t' '{ print $1, $4 }' "$T/s" | near "$n kl_z" 1e-4 "$c/expected/kl_z.f64.npy"
        awk -F'\t' -v OFS='\t' '{ print $1, $6 }' "$T/s" | near "$n kl_back_pro" 1e-4 "$c/expected/kl_back_pro.f64.npy"
        [ "$n" != surgery_totalvi ] || continue # some of its batches are the reference's
        paste <(npy "$c/input/batch.npy") <(sc-view -t obs "$T/in.scz" | awk -F'\t' 'NR == 1 { for (i = 2; i <= NF; i++) if ($i == "batch") c = i; next } { print $c }') | sort -u >"$T/batches"
        for e in "$c"/expected/normprot_tb*.f64.npy; do
            b=${e##*_tb} b=${b%%.*}
            batch=$(awk -v code="$b" '$1 == code { print $2; exit }' "$T/batches")
            sc-decode -q --what px_scale,protein_denoised,protein_fg_prob --transform-batch "$batch" "$c/model.pt" "$T/in.scz" >"$T/d.scz"
            sc-view -t layers/px_scale "$T/d.scz" | near "$n genes as $batch" 1e-5 "$c/expected/normexpr_tb$b.f64.npy"
            sc-view -t obsm/protein_denoised "$T/d.scz" | near "$n proteins as $batch" 1e-5 "$e"
            sc-view -t obsm/protein_fg_prob "$T/d.scz" | near "$n foreground as $batch" 1e-5 "$c/expected/protein_fg_prob_tb$b.f64.npy"
        done
    done
}

@test "older models of scvi-tools: exp for the background, counts not scaled, no efficiency of batches, a MuData" {
    need_shared data/models/exp_activation_totalvi_re/adata.h5ad
    local old=$SHARED/data/models
    sc-model show "$old/exp_activation_totalvi_re/model.pt" | grep -qx $'option\tbackground-activation\texp'
    sc-model show "$old/saved_model/model.pt" | grep -qx $'option\tbackground-activation\tsoftplus'
    for m in exp_activation_totalvi_re saved_model; do # 1.1.5 and 1.3.0
        sc-model show "$old/$m/model.pt" | grep -qx $'option\tencoder-input\traw'
    done
    sc-model show "$SHARED/parity/totalvi_default/model.pt" | grep -qx $'option\tencoder-input\tscaled'
    sc-read -q "$old/exp_activation_totalvi_re/adata.h5ad" >"$T/in.scz"
    for m in exp_activation_totalvi_re saved_model; do
        sc-decode -q --what protein_denoised "$old/$m/model.pt" "$T/in.scz" | sc-view -t obsm/protein_denoised | awk 'END { exit !(NR == 401 && NF == 101) }'
    done
}

@test "sampled counts: genes and proteins, the same for any number of threads" {
    fit -q -o "$T/m.scm" "$F/both.scz"
    sc-sample -q --seed 3 "$T/m.scm" "$F/both.scz" >"$T/s.scz"
    sc-view -H "$T/s.scz" | grep -q "obsm/protein_expression: counts, dense, 12 columns"
    sc-view -t obsm/protein_expression "$T/s.scz" >"$T/p"
    cmp <(sc-sample -q --seed 3 -@ 1 --no-PG "$T/m.scm" "$F/both.scz" | sc-view -t obsm/protein_expression) "$T/p"
    ! sc-view -t obsm/protein_expression "$F/both.scz" | cmp -s - "$T/p" # not those that were measured
    ! sc-sample -q --seed 4 "$T/m.scm" "$F/both.scz" | sc-view -t obsm/protein_expression | cmp -s - "$T/p"
    sc-sample -q --transform-batch full,part "$T/m.scm" "$F/both.scz" | sc-view -H | grep -q "obsm/protein_expression: counts-fractional"
    # a sample is cells that the model takes
    sc-score -q --latent mean "$T/m.scm" "$T/s.scz" | awk 'END { exit NR != 121 }'
    # minified cells have no proteins of their own
    sc-embed -q --minify "$T/m.scm" "$F/both.scz" | sc-sample -q --seed 3 "$T/m.scm" | sc-view -t obsm/protein_expression | cmp - "$T/p"
}

@test "10,000 draws have the mean and the variance of each protein's mixture" {
    fit -q -o "$T/m.scm" "$F/both.scz"
    sc-view -t obs "$F/both.scz" | awk 'NR == 62 { print $1 }' >"$T/one"
    sc-filter -q --cells "$T/one" -o "$T/one.scz" "$F/both.scz"
    sc-decode -q --what py_rate_back,py_rate_fore,py_mixing,py_r,per_batch_efficiency "$T/m.scm" "$T/one.scz" >"$T/d.scz"
    for what in py_rate_back py_rate_fore py_mixing py_r per_batch_efficiency; do
        sc-view -t "obsm/$what" "$T/d.scz" | awk -v w=$what 'NR == 2 { for (i = 2; i <= NF; i++) print w, i, $i }'
    done >"$T/params"
    sc-sample -q --latent mean --n-samples 10000 "$T/m.scm" "$T/one.scz" | sc-view -t obsm/protein_expression >"$T/y"
    awk -F'[ \t]' '
        NR == FNR { v[$1, $2] = $3; next }
        FNR > 1 { for (i = 2; i <= NF; i++) { s[i] += $i; q[i, FNR] = $i } n++; g = NF }
        END {
            for (i = 2; i <= g; i++) {
                e = v["per_batch_efficiency", i]; b = e * v["py_rate_back", i]; f = e * v["py_rate_fore", i]
                t = v["py_r", i]; p = 1 / (1 + exp(-v["py_mixing", i])); mean = p * b + (1 - p) * f
                var = p * (b + b * b / t + b * b) + (1 - p) * (f + f * f / t + f * f) - mean * mean
                a = s[i] / n; c2 = c4 = 0
                for (r = 2; r <= n + 1; r++) { d = (q[i, r] - a) ^ 2; c2 += d / n; c4 += d * d / n }
                z = (a - mean) / sqrt(var / n); y = (c2 - var) / sqrt((c4 - c2 * c2) / n)
                if (z > 4.5 || z < -4.5 || y > 4.5 || y < -4.5) { print i, "mean", a, mean, "z", z, "variance", c2, var, "z", y; bad = 1 }
            }
            exit bad || g != 13
        }' "$T/params" "$T/y"
}

@test "--correlation holds genes and proteins: those of one kind of cell go together" {
    fit -q --max-epochs 300 -o "$T/m.scm" "$F/both.scz"
    sc-sample -q --correlation "$T/m.scm" "$F/both.scz" >"$T/r"
    cmp <(sc-sample -q -@ 3 --correlation=spearman "$T/m.scm" "$F/both.scz") "$T/r"
    awk -F'\t' 'NR == 1 { if (NF != 43 || $1 != "feature" || $2 != "g1" || $32 != "CD1" || $43 != "CD12") exit 1; next }
        { for (i = 2; i <= NF; i++) r[NR, i] = $i }
        END {
            for (i = 2; i <= 43; i++) for (j = 2; j <= 43; j++) if (r[i, i] != 1 || (r[i, j] - r[j, i]) ^ 2 > 1e-12) exit 1
            for (i = 1; i <= 12; i++) for (j = 1; j < i; j++) { m[(i - j) % 2] += r[31 + i, 31 + j]; n[(i - j) % 2]++ }
            for (i = 1; i <= 30; i++) for (j = 1; j <= 12; j++) { x[(i + j) % 2] += r[1 + i, 31 + j] }
            exit !(NR == 43 && m[0] / n[0] > 0.1 && m[1] / n[1] < -0.1 && x[0] > x[1]) }' "$T/r"
    sc-sample -q --correlation=pearson "$T/m.scm" "$F/both.scz" >"$T/p"
    ! sc-sample -q --correlation=pearson --log-transform "$T/m.scm" "$F/both.scz" | cmp -s - "$T/p"
    fails 2 "ranks do not change" sc-sample --correlation --log-transform "$T/m.scm" "$F/both.scz"
}
