#!/usr/bin/env bats
load helper

# 60 cells and 20 genes: the first two vary together, and most.
setup_file() {
    export F=$BATS_FILE_TMPDIR
    awk 'BEGIN { s = 1
        printf "cell"; for (j = 0; j < 20; j++) printf "\tg%d", j; print ""
        for (i = 0; i < 60; i++) {
            printf "c%d", i
            for (j = 0; j < 20; j++) {
                s = (s * 16807) % 2147483647
                u = s / 2147483647
                printf "\t%.4f", j < 2 ? 9.5 * (i % 2) + u : (u > 0.5 ? u : 0)
            }
            print ""
        } }' >"$F/m.tsv"
    sc-read -q --format csv "$F/m.tsv" >"$F/m.scz"
    printf 'gene\tmarked\n' >"$F/var.tsv"
    for j in $(seq 0 19); do printf 'g%d\t%s\n' "$j" "$([ $((j % 2)) = 0 ] && echo True || echo False)"; done >>"$F/var.tsv"
    sc-annotate -q --var "$F/var.tsv" "$F/m.scz" >"$F/marked.scz"
}

@test "the first component is where cells vary most" {
    sc-pca -q -n 3 "$F/m.scz" >"$T/p.scz"
    sc-view -t obsm/X_pca "$T/p.scz" >"$T/y"
    [ "$(head -n 1 "$T/y" | awk '{ print NF }')" -eq 4 ]
    awk 'NR > 1 { i = substr($1, 2); if ((i % 2 ? $2 : -$2) < 0) exit 1 }' "$T/y"
    sc-view -t varm/PCs "$T/p.scz" | awk 'NR == 2 || NR == 3 { if ($2 < 0.6) exit 1 }'
    sc-view -t uns "$T/p.scz" | grep -q variance_ratio
}

@test "components are of length 1 and at right angles, as many as there are by default" {
    sc-sim -q --n-obs 600 --n-vars 2000 --seed 3 | sc-norm -q --log1p -o "$T/s.scz"
    sc-pca -q "$T/s.scz" | sc-view -t varm/PCs |
        awk -F'\t' 'NR > 1 { for (i = 2; i <= NF; i++) for (j = 2; j <= i; j++) s[i, j] += $i * $j }
            END { for (i = 2; i <= NF; i++) for (j = 2; j <= i; j++) if ((d = s[i, j] - (i == j)) > 1e-5 || d < -1e-5) { print i, j, s[i, j]; bad = 1 }
                exit bad || NF != 51 }'
    sc-pca -q "$T/s.scz" | sc-view -t obsm/X_pca | cut -f 1-6 >"$T/50" # nor do they depend on how many are asked for
    sc-pca -q -n 5 "$T/s.scz" | sc-view -t obsm/X_pca | paste "$T/50" - |
        awk -F'\t' 'NR > 1 { for (i = 2; i <= 6; i++) if ((d = $i - $(i + 6)) > 1e-4 || d < -1e-4) { print; exit 1 } }'
}

@test "marked genes are taken, others have no loading" {
    sc-pca -q -n 2 --mask-var marked "$F/marked.scz" | sc-view -t varm/PCs >"$T/v"
    awk 'NR > 1 { j = substr($1, 2); if (j % 2 && $2 != 0) exit 1; if (j == 0 && $2 < 0.9) exit 1 }' "$T/v"
    sc-pca -q -n 2 "$F/m.scz" | sc-view -t obsm/X_pca >"$T/a"
    sc-annotate -q --rename marked=highly_variable "$F/marked.scz" >"$T/hv.scz"
    sc-pca -q -n 2 "$T/hv.scz" | sc-view -t varm/PCs | cmp - "$T/v"
    sc-pca -q -n 2 --all-genes "$T/hv.scz" | sc-view -t obsm/X_pca | cmp - "$T/a"
}

@test "a pipe and any number of threads give the same bytes" {
    sc-pca -q --no-PG -@ 1 -n 5 "$F/m.scz" >"$T/a.scz"
    cat "$F/m.scz" | sc-pca -q --no-PG -@ 3 -n 5 | cmp - "$T/a.scz"
    sc-view --check "$T/a.scz"
}

@test "as many components as there can be, and a note" {
    sc-pca "$F/m.scz" 2>"$T/note" | sc-view -t obsm/X_pca | head -n 1 | awk '{ exit NF != 20 }'
    grep -q "19 components" "$T/note"
}

@test "what is missing or senseless is named" {
    fails 3 "'none'" sc-pca -q --mask-var none "$F/m.scz" -o "$T/out.scz"
    fails 3 "layers/none" sc-pca -q --layer none "$F/m.scz" -o "$T/out.scz"
    fails 2 "--mask-var" sc-pca -q --mask-var marked --all-genes "$F/marked.scz" -o "$T/out.scz"
    [ ! -e "$T/out.scz" ]
}
