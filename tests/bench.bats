#!/usr/bin/env bats
# The bench's own words: what it makes of measured times. No time is measured here.
load helper

@test "a row of the bench has medians, ranges and the median of the ratios of neighbours" {
    printf '%s\n' "2 20480" "1 10240" "10 10240" >"$T/own"
    printf '%s\n' "20 102400" "30 102400" "20 204800" >"$T/peer"
    awk -v id=line -v what="two words" -v cells=100 -v share=50% -f "$BATS_TEST_DIRNAME/bench/row.awk" "$T/own" "$T/peer" >"$T/row"
    read -ra row <"$T/row"
    [ "${row[*]}" = "line two words 2.00 1.00-10.0 50 10 50% 20.0 20.0-30.0 100 10.0 2.00-30.0 1/10.0" ]
    printf '0.25 0\n0.75 0\n' >"$T/own"
    run awk -v id=line -v what=short -v cells=0 -f "$BATS_TEST_DIRNAME/bench/row.awk" "$T/own"
    read -ra row <<<"$output"
    [ "${row[*]}" = "line short 0.500 0.250-0.750" ]
}

@test "the bench refuses a line that it does not have" {
    fails 2 "no line or group 'nothing'" env ONLY=nothing "$BATS_TEST_DIRNAME/bench/run" "$SLUICE_BUILD" "$T/work"
}
