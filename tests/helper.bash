# load helper: puts the tools on PATH, names the places, gives each test a folder of its own.
#
#   $ROOT    the project's root              $SHARED  real data and reference figures, may be absent
#   $T       an empty folder for this test   $DATA    small fixtures, tests/data
ROOT=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd)
SLUICE_BUILD=${SLUICE_BUILD:-$ROOT/build}
SHARED=${SLUICE_SHARED:-$ROOT/../shared}
DATA=$ROOT/tests/data
PATH=$SLUICE_BUILD/bin:$PATH
SLUICE_PLUGIN_PATH=${SLUICE_PLUGIN_PATH:-$SLUICE_BUILD/plugins:$SLUICE_BUILD/formats}
T=${BATS_TEST_TMPDIR:-}
export ROOT SLUICE_BUILD SHARED DATA PATH SLUICE_PLUGIN_PATH T

# need_shared [FILE...]: skips where the shared folder, or one of its files, is absent.
need_shared() {
    [ -d "$SHARED" ] || skip "there is no shared folder of real data"
    local f
    for f; do [ -e "$SHARED/$f" ] || skip "there is no shared file $f"; done
}

# need_command NAME...: skips where a program that is no part of the build is absent.
need_command() {
    local c
    for c; do command -v "$c" >/dev/null || skip "there is no $c"; done
}

# fails STATUS WORDS COMMAND...: COMMAND leaves with STATUS, and its last line has WORDS.
fails() {
    local expected=$1 words=$2
    shift 2
    run "$@"
    echo "expected status $expected and '$words'; status $status, output: $output"
    [ "$status" -eq "$expected" ] && [[ ${lines[-1]} == *"$words"* ]]
}
