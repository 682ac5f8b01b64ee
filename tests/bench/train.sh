# Of tests/bench/run: lines of training, in seconds from the first minibatch to the last, without reading.
# shellcheck shell=bash disable=SC2154  # the variables of tests/bench/run

# fits LINE WHAT CELLS EPOCHS PEER-TASK... -- COMMAND...: COMMAND writes log.json; of_roof: what share takes
fits() {
    local line=$1 what=$2 cells=$3 epochs=$4 task=()
    shift 4
    while [ "$1" != -- ]; do
        task+=("$1")
        shift
    done
    shift
    rm -f own.t peer.t
    : >roof.t
    for _ in $(seq "$rounds"); do
        command time -o kb.t -f '%M' "$@" --train-size 1 --max-epochs "$epochs" --log-json log.json -o model.scm
        sed -n '$s/.*"seconds": \([0-9.]*\).*/\1/p' log.json | paste -d' ' - kb.t >>own.t
        [ ${#of_roof[@]} = 0 ] || share "${of_roof[@]}" >>roof.t
        [ -z "$python" ] || ask "${task[@]}" "$epochs"
    done
    row "$line" "$what" $((cells * epochs)) "$(middle roof.t)" own.t peer.t
}

# train LINE WHAT FILE CELLS EPOCHS BATCH THREADS MODEL LIKELIHOOD [own options]
train() {
    local line=$1 what=$2 file=$3 cells=$4 epochs=$5 batch=$6 n=$7 model=$8 likelihood=$9
    shift 9
    wants train "$line" || return 0
    "make_$file"
    start_peer
    local of_roof=()
    [[ $model != scvi && $model != ldvae ]] || of_roof=("$model:$likelihood" "${file#g}" "$batch" "$n")
    fits "$line" "$what" "$cells" "$epochs" train "$model" "$likelihood" "$work/$file.h5ad" "$batch" "$n" -- \
        sc-fit -q -@ "$n" -m "$model" --batch-size "$batch" "$@" "$file.scz"
}

# surgery LINE WHAT MODEL REFERENCE CELLS EPOCHS BATCH [options of the reference]: the query is REFERENCEq
surgery() {
    local line=$1 what=$2 model=$3 ref=$4 query=${4}q cells=$5 epochs=$6 batch=$7
    shift 7
    wants surgery "$line" || return 0
    "make_$ref"
    "make_$query"
    [ -e "$ref.$model.scm" ] || sc-fit -q -@ "$threads" -m "$model" --batch-key batch --max-epochs 2 "$@" -o "$ref.$model.scm" "$ref.scz"
    [ ! "$python" ] || [ -e "$ref.$model.d" ] || sc-model export --to scvi-tools "$ref.$model.d" "$ref.$model.scm" "$ref.scz" >/dev/null
    start_peer
    local of_roof=()
    fits "$line" "$what" "$cells" "$epochs" surgery "$model" "$work/$ref.$model.d" "$work/$query.h5ad" "$batch" "$threads" -- \
        sc-surgery -q -@ "$threads" --batch-size "$batch" "$ref.$model.scm" "$query.scz"
}

make_g2000() { sim g2000 10000 2000; }
make_g10000() { sim g10000 4000 10000; }
# a label for one cell in five
make_few() {
    make_g2000
    if [ ! -e few.h5ad ]; then
        sc-view -t obs g2000.scz | awk -F'\t' -v OFS='\t' '
            NR == 1 { for (i = 1; i <= NF; i++) if ($i == "cell_type") c = i; print "cell", "few"; next }
            { print $1, NR % 5 ? "Unknown" : $c }' >few.tsv
        sc-annotate -q --obs few.tsv -o few.scz g2000.scz
        h5ad few
    fi
}
# FILEq: cells of other batches than FILE's
make_g2000q() { query_cells g2000 2000 g2000q; }
make_proteins() { proteins proteins 1 10000 batch_; }
make_proteinsq() {
    make_proteins
    proteins proteinsq 2 5000 query_
}
# with_batches FROM TO PREFIX: the same cells in batches of other names
with_batches() {
    sc-view -t obs "$1.scz" | awk -F'\t' -v OFS='\t' -v to="$3" '
        NR == 1 { for (i = 1; i <= NF; i++) if ($i == "batch") c = i }
        NR > 1 { sub(/^batch_/, to, $c) }
        { print $1, $c }' >"$2.tsv"
    sc-annotate -q --drop batch --obs "$2.tsv" -o "$2.scz" "$1.scz"
    h5ad "$2"
}
query_cells() {
    [ -e "$3.h5ad" ] && return
    sc-sim -q -@ "$threads" --n-obs 5000 --n-vars "$2" --n-types 8 --n-batches 2 --seed 2 -o q.tmp.scz
    with_batches q.tmp "$3" query_
}
# proteins FILE SEED CELLS PREFIX: 2000 genes; 14 more, those that most cells have, become proteins
proteins() {
    [ -e "$1.h5ad" ] && return
    sc-sim -q -@ "$threads" --n-obs "$3" --n-vars 2014 --n-types 8 --n-batches 2 --seed "$2" -o rna.scz
    rm -rf rna.mtx
    sc-write -q --format mtx -o rna.mtx rna.scz
    [ -e most.txt ] || zcat rna.mtx/matrix.mtx.gz | awk 'NF == 3 && !/^%/ && header++ { n[$1]++ } END { for (i in n) print n[i], i }' |
        sort -rn | sed 14q | cut -d' ' -f2 >most.txt
    zcat rna.mtx/features.tsv.gz | awk -F'\t' -v OFS='\t' 'FILENAME != "-" { is[$1]; next }
        { print $1, $2, (FNR in is) ? "Antibody Capture" : "Gene Expression" }' most.txt - | gzip >rna.mtx/f
    mv rna.mtx/f rna.mtx/features.tsv.gz
    sc-view -t obs rna.scz | cut -f 1,3 >rna.tsv
    sc-read -q rna.mtx | sc-annotate -q --obs rna.tsv -o rna.scz
    with_batches rna "$1" "$4"
}
