# Of tests/bench/run: measure and report. A file of measurements has a line "seconds KB" for each round.
# shellcheck shell=bash disable=SC2154  # the variables of tests/bench/run

# wants GROUP LINE: is it asked for, itself or its group?
wants() {
    [[ -z $only || ,$only, == *,$1,* || ,$only, == *,$2,* ]] || return 1
    any=yes
}

header() {
    printf '%-18s %-34s %8s %12s %9s %6s %5s' line what seconds min-max cells/s MB roof
    [ -z "$python" ] || printf '  %8s %12s %6s  %6s %11s %7s' peer min-max MB ratio min-max memory
    echo
}

# row LINE WHAT CELLS SHARE OWN [PEER]
row() {
    local peer=()
    if [ -s "${6:-}" ]; then peer=("$6"); fi
    awk -v id="$1" -v what="$2" -v cells="$3" -v share="$4" -f "$here/row.awk" "$5" "${peer[@]}"
}

# few N: rounds for what takes long: at most N, and one where there is no peer to compare with
few() { echo "$((rounds < $1 ? rounds : ${#python} > 0 ? $1 : 1))"; }

# share MODEL GENES BATCH THREADS: of the roof, as build/bench/train has it just now
share() {
    [ ! -x "$build/bench/train" ] || "$build/bench/train" "$@" 15 2>/dev/null |
        awk 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "roof") c = i; next } c { print $c }' || true
}

# middle FILE: the median of its lines, numbers; nothing where there are none
middle() { sort -n "$1" | awk '{ x[NR] = $0 } END { if (NR) print x[int((NR + 1) / 2)] }'; }

# timed FILE COMMAND...: seconds and peak of a whole process and of what it starts, into FILE
timed() {
    local out=$1
    shift
    command time -a -o "$out" -f '%e %M' "$@" >/dev/null
}
# the same of a task of the peer; what it prints is left in said.txt
timed_peer() {
    local out=$1
    shift
    command time -a -o "$out" -f '%e %M' "$python" "$here/peer.py" "$@" >said.txt 2>peer.err || the_peer_failed
}
the_peer_failed() {
    echo "the peer failed: $(grep -v '^Command exited' peer.err | tail -n 1)" >&2
    exit 1
}

# processes LINE WHAT CELLS ROUNDS PEER-TASK... -- COMMAND...: whole processes, imports included; without a task, no peer
processes() {
    local line=$1 what=$2 cells=$3 n=$4 task=()
    shift 4
    while [ "$1" != -- ]; do
        task+=("$1")
        shift
    done
    shift
    rm -f own.t peer.t
    for _ in $(seq "$n"); do
        timed own.t "$@"
        [ -z "$python" ] || [ ${#task[@]} = 0 ] || timed_peer peer.t "${task[@]}"
    done
    row "$line" "$what" "$cells" "" own.t peer.t
}

# one peer for all lines of training, so that its imports count in none of them
start_peer() {
    [ "$python" ] && [ -z "${PEER_PID:-}" ] || return 0
    coproc PEER { exec "$python" "$here/peer.py" serve 2>peer.err; }
    sim warm 256 100
    ask train scvi zinb "$work/warm.h5ad" 128 "$threads" 1 # the first one imports more
}

# ask TASK...: its "seconds KB" into peer.t; the end of the peer is the end of the bench
ask() {
    local answer
    echo "$*" >&"${PEER[1]}"
    read -r answer <&"${PEER[0]}" || the_peer_failed
    echo "$answer" >>peer.t
}

# sim FILE CELLS GENES: FILE.scz and FILE.h5ad, once
sim() {
    [ -e "$1.scz" ] || { sc-sim -q -@ "$threads" --n-obs "$2" --n-vars "$3" --n-types 8 --n-batches 2 --seed 1 >"$1.tmp" && mv "$1.tmp" "$1.scz"; }
    h5ad "$1"
}
h5ad() { [ -e "$1.h5ad" ] || sc-write -q -o "$1.h5ad" "$1.scz"; }
