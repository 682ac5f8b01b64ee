#!/usr/bin/env bats
# Every option of sc-fit, of every model in the build, at a value that is not its default: what the
# model makes of the cells must change (or stay, where that is promised). The options come from
# --help and the words of a choice from completion, so that a new option without a row here fails.
load helper

# OPTION VALUE CONTEXT: the value to take, - for switches and for choices (each word is tried), NO for a
# switch that the model turns on, REFUSED=VALUE where the model has no use for it; the
# context is given with and without the option. MODEL:OPTION goes before OPTION.
rows() {
    cat <<'END'
layer               X           IN=two.scz
batch-key           batch
labels-key          cell_type   --dispersion gene-label --labels-key batch
scanvi:labels-key   partial
pyro-scanvi:labels-key partial
unlabeled           REFUSED=type_1
scanvi:unlabeled    type_1
pyro-scanvi:unlabeled type_1
protein-key         REFUSED=cell_type
panel-key           REFUSED=batch
n-samples-per-label REFUSED=5
scanvi:n-samples-per-label 5
pyro-scanvi:n-samples-per-label 5
cat-covariate       cell_type
cont-covariate      library_size
spatial:cont-covariate x
size-factor-key     library_size
library-prior       prior.tsv   --batch-key batch --no-use-observed-lib-size
ldvae:library-prior prior.tsv   --batch-key batch
init                start.scm
pyro-scanvi:init    REFUSED=start.scm
totalvi:init        REFUSED=start.scm
max-epochs          3
batch-size          50
lr                  0.01
eps                 1e-8
weight-decay        0.1
n-epochs-kl-warmup  1
n-steps-kl-warmup   3           --n-epochs-kl-warmup 0
min-kl-weight       0.5
max-kl-weight       0.5         --n-epochs-kl-warmup 1
train-size          0.5
validation-size     0.1         --train-size 0.5 --check-val-every 1 --lr 0.5 --max-epochs 8
validation-cells    cells.txt
check-val-every     1           --lr 0.5 --max-epochs 8
load-best           -           --lr 0.5 --max-epochs 8 --check-val-every 1
early-stopping      -           --lr 1e-9 --max-epochs 200 --check-val-every 1 --no-load-best
early-stopping-monitor kl_local_validation --lr 0.01 --max-epochs 12 --early-stopping --early-stopping-patience 1 --no-load-best
early-stopping-mode -           --lr 0.01 --max-epochs 5 --early-stopping --early-stopping-patience 1 --no-load-best
early-stopping-patience 1       --lr 0.01 --max-epochs 5 --early-stopping --early-stopping-mode max --no-load-best
early-stopping-warmup-epochs 3  --lr 0.01 --max-epochs 5 --early-stopping --early-stopping-mode max --early-stopping-patience 1 --no-load-best
early-stopping-min-delta 1e6    --lr 0.01 --max-epochs 4 --early-stopping --early-stopping-patience 1 --no-load-best
reduce-lr-on-plateau -          --lr 0.5 --max-epochs 300 --check-val-every 1 --no-load-best
lr-scheduler-metric kl_local_validation --lr 0.01 --max-epochs 12 --reduce-lr-on-plateau --no-load-best --lr-patience 0 --lr-threshold 0.1
lr-factor           0.1         --max-epochs 4 --reduce-lr-on-plateau --no-load-best --lr-patience 0 --lr-threshold 1e6
lr-patience         0           --max-epochs 4 --reduce-lr-on-plateau --no-load-best --lr-threshold 1e6
lr-threshold        1e6         --lr 0.01 --max-epochs 4 --reduce-lr-on-plateau --no-load-best --lr-patience 0
lr-min              0.008        --lr 0.01 --max-epochs 4 --reduce-lr-on-plateau --no-load-best --lr-patience 0 --lr-threshold 1e6
lr-milestones       1
lr-gamma            0.5         --lr-milestones 1
gradient-clip-val   0.1
seed                3
n-hidden            12
n-latent            5
n-layers            2
n-layers-encoder    2
dropout-rate        0.3
dispersion          -           --batch-key batch --labels-key cell_type
gene-likelihood     -
latent-distribution -
encode-covariates   -           --batch-key batch
deeply-inject-covariates -      --batch-key batch --n-layers 2
batch-representation -          --batch-key batch
embedding-dim       3           --batch-key batch --batch-representation embedding
use-batch-norm      -
use-layer-norm      -
use-observed-lib-size -
log-variational     -
var-activation      -
var-eps             0.01
encoder-activation  -           --use-batch-norm none --no-log-variational --lr 0.1 --max-epochs 20
decoder-activation  -           --use-batch-norm none --no-log-variational --lr 0.1 --max-epochs 20
encoder-bias        -           --use-batch-norm none
decoder-bias        -           --use-batch-norm none
bias                -           --no-use-batch-norm
pyro-scanvi:n-epochs-kl-warmup REFUSED=1
pyro-scanvi:n-steps-kl-warmup REFUSED=3
pyro-scanvi:min-kl-weight REFUSED=0.5
pyro-scanvi:max-kl-weight REFUSED=0.5
pyro-scanvi:eps     0.01
pyro-scanvi:batch-key REFUSED=batch
pyro-scanvi:library-prior REFUSED=prior.tsv
pyro-scanvi:cat-covariate REFUSED=cell_type
pyro-scanvi:cont-covariate REFUSED=library_size
pyro-scanvi:size-factor-key REFUSED=library_size
ldvae:cat-covariate   REFUSED=cell_type
ldvae:cont-covariate  REFUSED=library_size
ldvae:size-factor-key REFUSED=library_size
poisson:batch-key       REFUSED=batch
poisson:labels-key      SAME=cell_type
poisson:cat-covariate   REFUSED=cell_type
poisson:cont-covariate  REFUSED=library_size
poisson:size-factor-key REFUSED=library_size
poisson:library-prior   REFUSED=prior.tsv
poisson:init            REFUSED=start.scm
spatial:labels-key      SAME=cell_type
spatial:cat-covariate   REFUSED=cell_type
spatial:size-factor-key REFUSED=library_size
spatial:library-prior   REFUSED=prior.tsv
spatial:init            REFUSED=start.scm
poisson:early-stopping-monitor kl_local_validation --lr 0.3 --max-epochs 30 --early-stopping --early-stopping-patience 1 --no-load-best
poisson:lr-scheduler-metric kl_local_validation --lr 0.3 --max-epochs 30 --reduce-lr-on-plateau --no-load-best --lr-patience 0 --lr-threshold 0.1
poisson:early-stopping-min-delta 1e6 --lr 0.01 --max-epochs 8 --n-epochs-kl-warmup 0 --early-stopping --early-stopping-patience 3 --no-load-best
poisson:lr-threshold 1e6 --lr 0.01 --max-epochs 8 --n-epochs-kl-warmup 0 --reduce-lr-on-plateau --no-load-best --lr-patience 0
spatial:early-stopping  -       --lr 0.5 --max-epochs 300 --check-val-every 1 --no-load-best
prior                   -
linear-classifier       -
classifier-n-layers     2
classifier-n-hidden     5
classifier-dropout-rate 0.4
classifier-logits       -
classification-ratio    10
n-hidden-z2-decoder     12
n-hidden-x-decoder      12
n-hidden-z2l-encoder    12
n-hidden-classifier     12
n-hidden-z1-encoder     12
alpha                   1
epsilon                 0.05
scale-factor            0.1
loss-cells              10
totalvi:layer           X       IN=two_proteins.scz
totalvi:batch-key       cell_type
totalvi:labels-key      cell_type --gene-dispersion gene-label --labels-key batch
totalvi:check-val-every 3       --max-epochs 5
totalvi:early-stopping  NO      --lr 1e-9 --max-epochs 200 --no-load-best
totalvi:reduce-lr-on-plateau NO --lr 0.5 --max-epochs 300 --no-load-best --no-early-stopping
totalvi:early-stopping-monitor kl_global_validation --max-epochs 6 --early-stopping-patience 1 --no-load-best
totalvi:lr-scheduler-metric kl_global_validation --max-epochs 6 --lr-patience 0 --no-load-best
totalvi:n-layers-encoder 1
totalvi:protein-key     MISSING=nowhere
totalvi:panel-key       cell_type
totalvi:use-observed-lib-size - --batch-key batch
n-layers-decoder        2
dropout-rate-encoder    0.4
dropout-rate-decoder    0.4
gene-dispersion         -       --labels-key cell_type
protein-dispersion      -       --labels-key cell_type
background-activation   -
encoder-input           -
empirical-protein-background-prior no
override-missing-proteins -     IN=missing.scz
adversarial-classifier  no
scale-adversarial-loss  0.3     --adversarial-classifier yes
log-json            SAME=log.json
checkpoint          SAME=state
checkpoint-every    SAME=1      --checkpoint state
resume              SAME        --checkpoint state
memory              SAME=1k
protein-key         REFUSED=X
panel-key           REFUSED=batch
unlabeled           REFUSED=x
n-samples-per-label REFUSED=1
threads             SAME=3
no-PG               SAME
quiet               SAME
verbose             SAME
model               NONE
isa                 NONE
output              NONE
help                NONE
help-all            NONE
version             NONE
END
}

# with_proteins FACTOR: the last 12 genes as proteins; cells of batch_2 have FACTOR times as much of four of them.
with_proteins() {
    local dir
    dir=$(mktemp -d -p .)
    sc-write -q --format mtx -o "$dir/" sim.scz
    gunzip "$dir"/*.gz
    awk -F'\t' -v OFS='\t' 'NR > 18 { $3 = "Antibody Capture" } { print }' "$dir/features.tsv" >t && mv t "$dir/features.tsv"
    sc-view -t obs sim.scz >obs.tsv
    awk -v factor="$1" 'FNR == NR { batch[FNR - 1] = $3; next } /^%/ || !is_body { is_body = !/^%/; print; next }
        { print $1, $2, ($1 > 26 && batch[$2] == "batch_2" ? $3 * factor : $3) }' obs.tsv "$dir/matrix.mtx" >t && mv t "$dir/matrix.mtx"
    sc-read -q "$dir" | sc-annotate -q --obs obs.tsv
}

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return
    sc-sim -q --n-obs 120 --n-vars 30 --n-types 3 --n-batches 2 --seed 1 >plain.scz
    sc-view -t obs plain.scz | awk -F'\t' -v OFS='\t' 'NR == 1 { print "cell", "partial", "seen", "x"; next }
        { print $1, NR % 3 ? $2 : "Unknown", NR % 2 ? $2 : "Unknown", NR * NR % 7 / 2 }' >labels.tsv
    sc-annotate -q --obs labels.tsv plain.scz >sim.scz
    with_proteins 1 >proteins.scz
    with_proteins 0 >missing.scz
    sc-norm -q --target-sum 100 proteins.scz >two_proteins.scz
    # without the rarer genes cells differ in library size, which a latent one needs
    sc-norm -q --target-sum 100 sim.scz | sc-filter -q --min-cells 60 >two.scz
    printf 'batch\tlog_mean\tlog_var\nbatch_1\t5\t0.5\nbatch_2\t6\t0.25\n' >prior.tsv
    sc-view -t obs sim.scz | sed -n '2,20p' | cut -f1 >cells.txt
    sc-fit -q -m scvi --n-hidden 8 --n-latent 3 --max-epochs 1 --seed 9 -o start.scm plain.scz
}

# What the model with these options makes of the cells.
outcome() {
    sc-fit -q --no-PG -@ 1 -m "$model" --max-epochs 2 $base "$@" $in >model.scm || return
    sc-score -q -@ 1 --latent mean model.scm $in | cksum
}

# The row of an option: $value and $context.
row_of() {
    local row
    row=$(rows | awk -v a="$model:$1" -v b="$1" '$1 == a { first = $0 } $1 == b { any = $0 } END { print first ? first : any }')
    [ "$row" ] || { echo "option --$1 of $model has no row in rows()"; return 1; }
    read -r _ value context <<<"$row"
}

check() { # OPTION ARGUMENT...: that the outcome changes, or is the SAME
    local option=$1 before after
    shift
    [[ $context != IN=* ]] || { in=${context#IN=} context=; }
    before=$(outcome $context)
    [ "$before" = "$(outcome $context)" ]
    after=$(outcome $context "$@")
    if [ "$value" = SAME ]; then
        [ "$before" = "$after" ] || { echo "$model: $* changes the model"; return 1; }
    else
        [ "$before" != "$after" ] || { echo "$model: $* changes nothing"; return 1; }
    fi
}

every_option() {
    cd "$BATS_FILE_TMPDIR" || return
    local model=$1 base=$2 cells=${3:-sim.scz} help words default value context in option dashed
    help=$(sc-fit -m "$model" --help-all)
    for dashed in $(sed -nE 's/^ +(-., )?--(\[no-\])?([A-Za-z0-9-]+).*/\2\3/p' <<<"$help"); do
        option=${dashed#\[no-\]} in=$cells
        row_of "$option"
        words=$(sc-fit -m "$model" --help-complete | sed -n "s/^ *--$option|--$option=) words='\(.*\)' ;;/\1/p")
        case $value in
        NONE) continue ;;
        NO) check "$option" "--no-$option" ;;
        REFUSED=*) fails 2 "" sc-fit -q -o refused.scm -m "$model" $base "--$option" "${value#*=}" $in ;;
        MISSING=*) fails 3 "" sc-fit -q -o refused.scm -m "$model" $base "--$option" "${value#*=}" $in ;;
        SAME=*) words=${value#SAME=} value=SAME && check "$option" "--$option" "$words" ;;
        -)
            if [ -z "$words" ]; then
                check "$option" "--${dashed//[\[\]]/}"
                continue
            fi
            default=$(tr -s '\n ' ' ' <<<"$help" | sed -n "s/.* --$option WHICH [^[]*\[\([^]]*\)\].*/\1/p")
            for word in $words; do
                [ "$word" = "$default" ] || check "$option" "--$option" "$word"
            done
            ;;
        SAME) check "$option" "--$option" ;;
        *) check "$option" "--$option" "$value" ;;
        esac
    done
}

@test "each option of scvi changes what it should change" {
    every_option scvi "--n-hidden 8 --n-latent 3"
}

@test "each option of ldvae changes what it should change" {
    every_option ldvae "--n-hidden 8 --n-latent 3"
}

@test "each option of scanvi changes what it should change" {
    every_option scanvi "--n-hidden 8 --n-latent 3 --labels-key seen"
}

@test "each option of pyro-scanvi changes what it should change" {
    every_option pyro-scanvi "--n-latent 3 --labels-key seen"
}

@test "each option of totalvi changes what it should change" {
    every_option totalvi "--n-hidden 8 --n-latent 3 --batch-key batch" proteins.scz
}

@test "each option of poisson changes what it should change" {
    every_option poisson "--n-latent 3"
}

@test "each option of spatial changes what it should change" {
    every_option spatial "--n-hidden 8 --n-latent 3 --cont-covariate library_size"
}

@test "every model of the build is tested here" {
    local model
    for model in $(sc-model list | awk -F'\t' '$1 == "model" { print $2 }'); do
        grep -q "every_option $model " "$BATS_TEST_FILENAME" || { echo "$model is not"; return 1; }
    done
}
