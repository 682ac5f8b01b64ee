# h5ad, 10x HDF5 and loom, by sc-read, sc-view and sc-write. Fixtures and expected tables: tests/data/hdf5/make.py
load helper

H=$DATA/hdf5

# shows FILE TABLE EXPECTED [OPTION...]: what sc-read makes of FILE has this TABLE.
shows() {
    local file=$1 table=$2 expected=$3
    shift 3
    sc-read -q "$@" "$H/$file" | sc-view -t "$table" | diff - "$H/$expected"
}

header() { sc-read -q "$@" | sc-view -H; }

@test "h5ad: X is the same in every layout and every version" {
    for f in now csc lzf dense messy v06 v07; do shows "$f.h5ad" X X.tsv; done
}

@test "h5ad: layers, raw, obsm, obsp" {
    shows now.h5ad layers/half half.tsv
    shows now.h5ad layers/scaled scaled.tsv
    shows now.h5ad raw/X raw.tsv
    shows now.h5ad obsm/X_pca pca.tsv
    shows now.h5ad obsm/protein_expression proteins.tsv
    shows now.h5ad obsp/distances graph.tsv
    shows v06.h5ad raw/X raw.tsv
    shows v06.h5ad obsm/X_pca pca.tsv
}

@test "h5ad: obs with categories, missing values, booleans" {
    shows now.h5ad obs now.obs.tsv
    shows v07.h5ad obs old.obs.tsv
    shows v06.h5ad obs old.obs.tsv
}

@test "h5ad: every matrix has its kind" {
    run header "$H/now.h5ad"
    [[ $output == *"X: counts, sparse"* ]]
    [[ $output == *"layers/half: counts-fractional, sparse"* ]]
    [[ $output == *"layers/scaled: real, dense"* ]]
    [[ $output == *"obsm/protein_expression: counts"* ]]
    [[ $output == *"level (category: lo, hi), plate (category: 1, 2), count (int), flag (bool)"* ]]
}

@test "h5ad: uns is JSON, nested as it was" {
    run bash -c "sc-read -q '$H/now.h5ad' | sc-view -t uns | tr -d ' \n'"
    [ "$output" = '{"grid":[[1,2],[3,4]],"n":5,"nested":{"deep":{"x":0.5},"names":["p","q"]},"title":"fivecells","yes":true}' ]
}

@test "h5ad: what has no place is named, once" {
    run bash -c "sc-read '$H/now.h5ad' 2>&1 >/dev/null | grep -c skipped"
    [ "$output" = 1 ]
    run bash -c "sc-read '$H/now.h5ad' 2>&1 >/dev/null"
    [[ $output == *"varp/links"* ]]
}

@test "h5ad: --use makes raw or a layer X" {
    shows now.h5ad X raw.tsv --use raw
    shows now.h5ad X half.tsv --use layers/half
    shows now.h5ad layers/X X.tsv --use layers/half
    fails 3 "there is no 'layers/none'" sc-read --use layers/none "$H/now.h5ad"
    fails 2 "--use takes" sc-read --use none "$H/now.h5ad"
    fails 3 "there is no 'raw'" sc-read --use raw "$H/csc.h5ad"
}

@test "h5ad: a file without X has cells and genes all the same" {
    run header "$H/no_x.h5ad"
    [[ $output == *"cells: 5"*"genes: 4"* ]]
    [[ $output != *"X:"* ]]
}

@test "h5ad: from a pipe" {
    sc-read -q <"$H/now.h5ad" | sc-view -t X | diff - "$H/X.tsv"
    cat "$H/v3.h5" | sc-read -q - | sc-view -t X | diff - "$H/X.tsv"
}

@test "10x v3: antibodies are proteins, other features are left out and said" {
    shows v3.h5 X X.tsv
    shows v3.h5 obsm/protein_expression proteins.tsv
    shows v3.h5 var v3.var.tsv
    run bash -c "sc-read '$H/v3.h5' 2>&1 >/dev/null"
    [[ $output == *"left out 1 feature"* ]]
    run header --all-features "$H/v3.h5"
    [[ $output == *"genes: 7"* && $output != *obsm* ]]
}

@test "10x: ids or symbols, one genome of several" {
    run bash -c "sc-read -q --var-names ids '$H/v3.h5' | sc-view -t var -n 1 | tail -1 | cut -f1,2"
    [ "$output" = "ENSG0	CD3D" ]
    shows v2.h5 X mm10.tsv --genome mm10
    shows v2.h5 X X.tsv --genome hg19
    fails 3 "hg19, mm10" sc-read "$H/v2.h5"
    fails 3 "there is no genome 'rn6'" sc-read --genome rn6 "$H/v2.h5"
    fails 3 "there is no genome 'rn6' in it, but hg38" sc-read --genome rn6 "$H/v3.h5"
}

@test "loom: the spliced layer is X, names come from CellID and Gene" {
    shows small.loom X half.tsv
    shows small.loom layers/matrix X.tsv
    shows small.loom obs loom.obs.tsv
    shows small.loom obsm/X_pca pca.tsv
    fails 3 "no attribute 'Name'" sc-read --cell-attr Name "$H/small.loom"
}

@test "a cut or foreign HDF5 file is refused in one sentence" {
    for f in now.h5ad v06.h5ad v3.h5 small.loom; do
        for part in 10 50 90; do
            head -c $(($(stat -c %s "$H/$f") * part / 100)) "$H/$f" >"$T/$f"
            fails 1 "cut or damaged" sc-read "$T/$f"
            [ "${#lines[@]}" -eq 1 ]
        done
    done
    : >"$T/empty.h5ad"
    run sc-read "$T/empty.h5ad"
    [ "$status" -eq 1 ] && [ "${#lines[@]}" -eq 1 ]
}

@test "h5ad written: the same comes back" {
    local gz
    for gz in none gzip; do
        sc-read -q "$H/now.h5ad" | sc-write -q --compression $gz -o "$T/out.h5ad"
        for t in X:X layers/half:half layers/scaled:scaled raw/X:raw obsm/X_pca:pca \
            obsm/protein_expression:proteins obsp/distances:graph obs:now.obs; do
            sc-read -q "$T/out.h5ad" | sc-view -t "${t%:*}" | diff - "$H/${t#*:}.tsv"
        done
        diff <(sc-read -q "$H/now.h5ad" | sc-view -t uns) <(sc-read -q "$T/out.h5ad" | sc-view -t uns)
        diff <(sc-read -q "$H/now.h5ad" | sc-view -t varm/PCs) <(sc-read -q "$T/out.h5ad" | sc-view -t varm/PCs)
    done
}

@test "h5ad written: the same input gives the same bytes" {
    sc-read -q --no-PG "$H/now.h5ad" >"$T/a.scz"
    sc-write -q -o "$T/a.h5ad" "$T/a.scz"
    sleep 1
    sc-write -q -o "$T/b.h5ad" "$T/a.scz"
    cmp "$T/a.h5ad" "$T/b.h5ad"
}

@test "h5ad written: a full disk is one sentence, and no file is left" {
    sc-read -q "$H/now.h5ad" >"$T/a.scz"
    fails 1 "No space left on device" bash -c "sc-write --format h5ad '$T/a.scz' >/dev/full"
    # bash's limit is in KiB; without the signal the write fails with an error
    mkdir "$T/small"
    fails 1 "File too large" bash -c "trap '' XFSZ; ulimit -f 20; sc-write -o '$T/small/a.h5ad' '$T/a.scz'"
    [ -z "$(ls -A "$T/small")" ]
}

@test "every HDF5 file of the shared folder reads" {
    need_shared data
    local f
    for f in "$SHARED"/data/formats/*.h5ad "$SHARED"/data/*.h5ad "$SHARED"/data/formats/10x_v[23].h5; do
        sc-read -q "$f" | sc-view --check
    done
    sc-read -q --genome another_genome "$SHARED/data/formats/10x_v2_multiple_genomes.h5" | sc-view --check
    # sums as anndata gives them
    run bash -c "sc-read -q '$SHARED/data/smfish.h5ad' | sc-view -t X | awk 'NR > 1 { for (i = 2; i <= NF; i++) s += \$i } END { print s }'"
    [ "$output" = 847624 ]
    run bash -c "sc-read -q '$SHARED/data/formats/10x_v3.h5' | sc-view -t X | awk 'NR > 1 { for (i = 2; i <= NF; i++) s += \$i } END { print s }'"
    [ "$output" = 41549 ]
}
