#!/usr/bin/env bats
# What is around a cell, and models that are told.
load helper

setup_file() {
    export F=$BATS_FILE_TMPDIR
    sc-sim -q --n-obs 90 --n-vars 70 --n-types 3 --seed 4 >"$F/plain.scz"
    sc-view -t obs "$F/plain.scz" | awk -v OFS='\t' 'BEGIN { srand(3) }
        { print $1, NR == 1 ? "east\tnorth\tslice" : rand() OFS rand() OFS (NR % 3 ? "a" : "b") }' >"$F/places.tsv"
    sc-annotate -q --obs "$F/places.tsv" "$F/plain.scz" >"$F/cells.scz"
    sc-smooth -q --axis east --axis north -k 5 --slice-key slice "$F/cells.scz" >"$F/near.scz"
}

# by_hand K BY_SLICE: the same table as sc-view's, from places.tsv and the counts.
by_hand() {
    awk -F'\t' -v k="$1" -v by_slice="$2" 'NR == FNR { if (FNR > 1) { x[FNR - 1] = $2; y[FNR - 1] = $3; s[FNR - 1] = $4 } next }
        FNR == 1 { print; n_genes = NF - 1; next }
        { n = FNR - 1; name[n] = $1; for (g = 1; g <= n_genes; g++) v[n, g] = log(1 + $(g + 1)) }
        END {
            for (i = 1; i <= n; i++) {
                split("", used); m = 0; split("", sum)
                for (r = 1; r <= k; r++) {
                    best = 0
                    for (j = 1; j <= n; j++) {
                        d = (x[i] - x[j]) ^ 2 + (y[i] - y[j]) ^ 2
                        if (j != i && !(j in used) && (!by_slice || s[i] == s[j]) && (!best || d < least)) { best = j; least = d }
                    }
                    if (!best) break
                    used[best]; m++
                    for (g = 1; g <= n_genes; g++) sum[g] += v[best, g]
                }
                printf "%s", name[i]
                for (g = 1; g <= n_genes; g++) printf "\t%.9g", m ? sum[g] / m : 0
                print ""
            }
        }' "$F/places.tsv" <(sc-view -t X "$F/cells.scz")
}

# same A B: two tables, numbers alike within rounding of floats.
same() {
    paste "$1" "$2" | awk -F'\t' 'NF % 2 || NF < 4 { bad = 1; exit }
        { for (c = 1; c <= NF / 2; c++) { d = $c - $(c + NF / 2); if (NR == 1 || c == 1 ? $c != $(c + NF / 2) : d > 1e-5 || d < -1e-5) bad = 1 } }
        END { exit bad || NR != 91 }'
}

@test "each gene's mean over the nearest cells of a slice is what it is by hand" {
    same <(sc-view -t obsm/X_nearby "$F/near.scz") <(by_hand 5 1)
    sc-smooth -q --axis east --axis north -k 3 --key-added around "$F/cells.scz" | sc-view -t obsm/around >"$T/all"
    same "$T/all" <(by_hand 3 0)
    # more neighbors than the slice has: all of it
    sc-smooth -q --axis east --axis north -k 60 --slice-key slice "$F/cells.scz" | sc-view -t obsm/X_nearby >"$T/most"
    same "$T/most" <(by_hand 60 1)
}

@test "the same bytes from a pipe and on any number of threads" {
    smooth() { sc-smooth -q --no-PG --axis east --axis north -k 5 --slice-key slice "$@"; }
    smooth -@ 1 "$F/cells.scz" >"$T/one"
    smooth -@ 4 "$F/cells.scz" | cmp - "$T/one"
    cat "$F/cells.scz" | smooth | cmp - "$T/one"
}

@test "a matrix in obsm gives places as columns of obs do" {
    sc-smooth -q --use-rep X_true -k 4 "$F/cells.scz" >"$T/true.scz"
    sc-smooth -q $(seq -f '--axis obsm/X_true:%g' 0 9) -k 4 --no-PG "$F/cells.scz" | sc-view -t obsm/X_nearby |
        cmp - <(sc-view -t obsm/X_nearby "$T/true.scz")
}

@test "places that are not there are one sentence" {
    fails 3 "there is no 'obsm/spatial'; say with --use-rep or --axis where cells are" sc-smooth -o "$T/x" "$F/cells.scz"
    fails 3 "there is no dense matrix 'obsm/space'" sc-smooth -o "$T/x" --use-rep space "$F/cells.scz"
    fails 3 "obs has no column 'eest'; did you mean 'east'?" sc-smooth -o "$T/x" --axis eest "$F/cells.scz"
    fails 3 "obs column 'slice' does not hold numbers" sc-smooth -o "$T/x" --axis slice "$F/cells.scz"
    fails 3 "'obsm/X_true' has no column '10'" sc-smooth -o "$T/x" --axis obsm/X_true:10 "$F/cells.scz"
    fails 2 "both say where cells are" sc-smooth -o "$T/x" --axis east --use-rep X_true "$F/cells.scz"
    fails 3 "which column of 'obsm/X_true'? obsm/X_true:NAME" sc-smooth -o "$T/x" --axis obsm/X_true "$F/cells.scz"
}

fit() { sc-fit -q --max-epochs 2 --n-hidden 8 --n-latent 3 "$@"; }

@test "all columns of an obsm are covariates, matched by their names" {
    fit -m spatial --cont-covariate obsm/X_nearby -o "$T/m.scm" "$F/near.scz"
    [ "$(sc-model show "$T/m.scm" | grep -c $'^data\tcontinuous covariate\tobsm/X_nearby:gene_')" -eq 70 ]
    sc-embed -q "$T/m.scm" "$F/near.scz" | sc-view -t obsm/X_spatial >"$T/z"
    # cells whose genes stand in another order have other columns, and the same results
    sc-view -t X "$F/cells.scz" | awk -F'\t' -v OFS=, '{ t = $2; $2 = $9; $9 = t; $1 = $1; print }' |
        sc-read -q --format csv | sc-annotate -q --obs "$F/places.tsv" |
        sc-smooth -q --axis east --axis north -k 5 --slice-key slice >"$T/other.scz"
    sc-embed -q "$T/m.scm" "$T/other.scz" | sc-view -t obsm/X_spatial | cmp - "$T/z"
    fails 3 "there is no dense matrix 'obsm/X_nearby'" sc-embed -o "$T/e" "$T/m.scm" "$F/cells.scz"
    fails 3 "'obsm/X_nearby' has no column 'gene_99'; near: 'gene_" \
        sc-fit -m spatial --cont-covariate obsm/X_nearby:gene_99 -o "$T/x" "$F/near.scz"
}

@test "the usual models take columns of obsm too, and are not exported with them" {
    fit -m scvi --encode-covariates --cont-covariate obsm/X_true:2 --cont-covariate east -o "$T/m.scm" "$F/cells.scz"
    sc-embed -q "$T/m.scm" "$F/cells.scz" | sc-view --check
    fails 2 "continuous covariate 'obsm/X_true:2' is no obs column" sc-model export "$T/out" "$T/m.scm"
}

@test "spatial says that it was not told what is around" {
    fails 2 "no --cont-covariate is given" sc-fit -m spatial -o "$T/m.scm" "$F/near.scz"
    [ ! -e "$T/m.scm" ]
}

# score FILE OPTION...: the validation ELBO of a fit, lower is better.
score() {
    sc-fit -q -m spatial --cont-covariate obsm/X_nearby --max-epochs 40 --check-val-every 40 "${@:2}" -o "$T/m.scm" "$1"
    sc-view -t history "$T/m.scm" | awk -F'\t' 'NR == 1 { while ($++k != "elbo_validation"); next } $k != "" { v = $k } END { print v }'
}

@test "in mouse cortex what is around a cell tells of the cell; around another place it does not" {
    need_shared data/smfish.h5ad
    sc-read -q "$SHARED/data/smfish.h5ad" >"$T/cells.scz"
    sc-smooth -q --axis x_coord --axis y_coord "$T/cells.scz" >"$T/near.scz"
    sc-view -t obs "$T/cells.scz" | awk -F'\t' -v OFS='\t' 'NR == 1 { print "cell", "x", "y"; next }
        { name[++n] = $1; x[n] = $2; y[n] = $3 } END { for (i = 1; i <= n; i++) { j = i * 7 % n + 1; print name[i], x[j], y[j] } }' >"$T/moved.tsv"
    sc-annotate -q --obs "$T/moved.tsv" "$T/cells.scz" | sc-smooth -q --axis x --axis y >"$T/moved.scz"
    standard=$(score "$T/near.scz" --prior standard)
    nearby=$(score "$T/near.scz")
    moved=$(score "$T/moved.scz")
    echo "ELBO of a cell: standard prior $standard, by its neighbors $nearby, by those of another place $moved"
    awk -v s="$standard" -v n="$nearby" -v m="$moved" 'BEGIN { exit !(s - n > 1 && m - n > 1) }'
}
