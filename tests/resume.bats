#!/usr/bin/env bats
# Training that is killed and taken up again ends with the bytes of one that was not.
load helper

setup_file() {
    export F=$BATS_FILE_TMPDIR
    sc-sim -q --n-obs 600 --n-vars 100 --n-types 3 --n-batches 2 --seed 1 >"$F/sim.scz"
}

fit() { # OUT, options
    local out=$1
    shift
    sc-fit -q -m scvi --batch-key batch --n-hidden 16 --n-latent 3 --max-epochs 12 --check-val-every 3 -o "$out" "$@" "$F/sim.scz"
}

@test "killed at any moment and resumed, training ends with the same bytes" {
    fit "$T/whole.scm"
    for pause in 0.02 0.06 0.11 0.17; do
        rm -f "$T/c" "$T/out.scm"
        for again in 1 2 3 4; do
            timeout -s KILL "$pause" "$SLUICE_BUILD/bin/sc-fit" -q -m scvi --batch-key batch --n-hidden 16 --n-latent 3 --max-epochs 12 \
                --check-val-every 3 -o "$T/out.scm" --checkpoint "$T/c" --checkpoint-every 1 --resume "$F/sim.scz" || true
        done
        [ -e "$T/out.scm" ] || fit "$T/out.scm" --checkpoint "$T/c" --checkpoint-every 1 --resume
        cmp "$T/whole.scm" "$T/out.scm"
    done
}

@test "SIGTERM leaves a checkpoint within an epoch, and no model" {
    fit "$T/whole.scm" --max-epochs 120 --batch-size 8
    fit "$T/out.scm" --max-epochs 120 --batch-size 8 --checkpoint "$T/c" --log-json "$T/log" 2>"$T/said" &
    pid=$!
    for i in $(seq 100); do
        [ -s "$T/log" ] && break
        sleep 0.05
    done
    kill -TERM $(pgrep -P $pid sc-fit || echo $pid)
    wait $pid || true
    grep -q "stopped in epoch .* of 120; '$T/c' has what was done, and --resume goes on" "$T/said"
    [ ! -e "$T/out.scm" ]
    fit "$T/out.scm" --max-epochs 120 --batch-size 8 --checkpoint "$T/c" --resume --log-json "$T/log"
    cmp "$T/whole.scm" "$T/out.scm"
    [ "$(wc -l <"$T/log")" -eq 120 ]
}

@test "a checkpoint of other cells or options is refused; more epochs are none" {
    fit "$T/6.scm" --checkpoint "$T/c" --max-epochs 6
    fails 2 "is of another training: lr was 0.001 and is 0.002" fit "$T/x" --checkpoint "$T/c" --resume --lr 2e-3
    fails 2 "is of another training: other options" fit "$T/x" --checkpoint "$T/c" --resume --n-layers 2
    sc-sim -q --n-obs 600 --n-vars 100 --n-types 3 --n-batches 2 --seed 2 >"$T/other.scz"
    fails 2 "is of another training: other cells" sc-fit -q -m scvi --batch-key batch --n-hidden 16 --n-latent 3 \
        --max-epochs 12 --check-val-every 3 -o "$T/x" --checkpoint "$T/c" --resume "$T/other.scz"
    fit "$T/12.scm" --checkpoint "$T/c" --resume --no-PG
    fit "$T/whole.scm" --no-PG
    cmp "$T/whole.scm" "$T/12.scm"
    fails 2 "resume means nothing without --checkpoint" fit "$T/x" --resume
    echo no >"$T/c"
    fails 1 "$T/c" fit "$T/x" --checkpoint "$T/c" --resume
    [ ! -e "$T/x" ]
}

@test "a checkpoint that can't be written stops training" {
    fails 1 "cannot write" fit "$T/x" --checkpoint "$T/none/c"
    [ ! -e "$T/x" ]
}

@test "where the counts lie makes no difference" {
    fit "$T/ram.scm"
    fit "$T/disk.scm" --memory 1k
    cmp "$T/ram.scm" "$T/disk.scm"
    fails 1 "can't keep a scratch file in '/none' (TMPDIR names another folder)" env TMPDIR=/none "$SLUICE_BUILD/bin/sc-fit" -m scvi --memory 1k "$F/sim.scz"
    fit "$T/c.scm" --checkpoint "$T/c" --max-epochs 6
    fit "$T/c.scm" --checkpoint "$T/c" --resume --memory 1k
    cmp "$T/ram.scm" "$T/c.scm"
}
