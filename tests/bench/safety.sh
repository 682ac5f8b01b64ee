# Of tests/bench/run: training that is disturbed: other numbers of threads, kill -9, a core that someone else takes.
# shellcheck shell=bash disable=SC2154  # the variables of tests/bench/run

safety() {
    wants safety threads && same_threads
    wants safety kill && killed
    wants safety taken && taken
    return 0
}

verdict() { printf '%-18s %-34s %s\n' "$1" "$2" "$3"; }

same_threads() {
    make_g2000
    local n same="the same bytes"
    for n in 1 2 3 4; do
        sc-fit -q -@ $n -m scvi --batch-key batch --max-epochs 2 -o threads-$n.scm g2000.scz
        cmp threads-1.scm threads-$n.scm || same="OTHER BYTES with $n threads"
    done
    verdict threads "scvi, 2 epochs, -@ 1, 2, 3, 4" "$same"
}

# Killed at 20 random moments, later and later: of a training's length, or until it is done.
killed() {
    make_g2000
    local pid n=0 whole pause same="the same bytes"
    local fit=(sc-fit -q -@ "$threads" -m scvi --batch-key batch --max-epochs 20 g2000.scz)
    whole=$(date +%s%N)
    "${fit[@]}" -o undisturbed.scm
    whole=$(($(date +%s%N) - whole))
    RANDOM=1
    rm -f killed.*
    for _ in $(seq 20); do
        pause=$(awk -v r=$RANDOM -v w="$whole" 'BEGIN { printf "%.3f", w / 1e9 / 10 * r / 32768 }')
        "${fit[@]}" -o killed.scm --checkpoint killed.ckpt --checkpoint-every 1 --resume &
        pid=$!
        sleep "$pause"
        if kill -KILL $pid 2>/dev/null; then n=$((n + 1)); fi
        wait $pid 2>/dev/null || true
        [ ! -e killed.scm ] || { cmp undisturbed.scm killed.scm || same="OTHER BYTES"; rm -f killed.ckpt killed.scm; }
    done
    "${fit[@]}" -o killed.scm --checkpoint killed.ckpt --checkpoint-every 1 --resume
    cmp undisturbed.scm killed.scm || same="OTHER BYTES"
    rm -f killed.* # what was written aside when killed, too
    verdict kill "kill -9, $n times, and --resume" "$same"
}

# alone, and beside a loop that keeps the first core busy, in turns
taken() {
    make_g2000
    local hog
    rm -f alone.t taken.t
    for _ in $(seq "$rounds"); do
        fit_seconds alone.t
        taskset -c 0 sh -c 'while :; do :; done' &
        hog=$!
        fit_seconds taken.t
        kill $hog
        wait $hog 2>/dev/null || true
    done
    row taken "scvi beside a loop on a core" 20000 "" taken.t
    verdict taken "  time beside it / time alone" "$(paste -d' ' alone.t taken.t | awk '{ print $3 / $1 }' | sort -g |
        awk '{ x[NR] = $1 } END { printf "%.2f (%.2f-%.2f)", x[int((NR + 1) / 2)], x[1], x[NR] }')"
}
fit_seconds() {
    command time -o kb.t -f '%M' sc-fit -q -@ "$threads" -m scvi --train-size 1 --max-epochs 2 --log-json log.json -o model.scm g2000.scz
    sed -n '$s/.*"seconds": \([0-9.]*\).*/\1/p' log.json | paste -d' ' - kb.t >>"$1"
}
