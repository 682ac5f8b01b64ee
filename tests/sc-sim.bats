load helper

@test "--mock gives 200 cells of three types, and the truth beside them" {
  sc-sim --mock > "$T/m.scz"
  sc-view --check "$T/m.scz"
  run sc-view "$T/m.scz"
  [[ "$output" == *"cells: 200"* && "$output" == *"genes: 100"* ]]
  [[ "$output" == *"X: counts, sparse"* && "$output" == *"obsm/X_true"* ]]
  [ "$(sc-view -t obs "$T/m.scz" | tail -n +2 | cut -f 2 | sort -u | tr '\n' ' ')" = "type_1 type_2 type_3 " ]
  [ "$(sc-view -t var "$T/m.scz" | head -1)" = "$(printf 'gene\tmarker_of\tmarker_log_change\tinverse_dispersion')" ]
}

@test "any number of threads gives the same bytes" {
  sc-sim --n-obs 6000 --n-vars 300 -@ 1 -o "$T/1.scz"
  sc-sim --n-obs 6000 --n-vars 300 -@ 3 -o "$T/3.scz"
  sc-sim --n-obs 6000 --n-vars 300 -@ 16 > "$T/16.scz"
  cmp "$T/1.scz" "$T/3.scz"
  cmp "$T/1.scz" "$T/16.scz"
}

@test "the same seed gives the same cells, another seed others" {
  cmp <(sc-sim --mock --seed 3 --no-PG) <(sc-sim --mock --seed 3 --no-PG)
  ! cmp -s <(sc-sim --mock --seed 3 --no-PG) <(sc-sim --mock --seed 4 --no-PG)
}

@test "2,000 genes at the default depth store 5 to 12 % of the entries" {
  n=$(sc-sim --n-obs 500 | sc-view -t X | tail -n +2 | awk '{ for (k = 2; k <= NF; k++) n += $k != 0 } END { print n }')
  [ "$n" -gt 50000 ]
  [ "$n" -lt 120000 ]
}

@test "--separation sets how far types lie apart" {
  sc-sim --mock --separation 0 | sc-view -t var | awk -F'\t' 'NR > 1 && $3 != 0 { exit 1 }'
  sc-sim --mock --separation 0.5 | sc-view -t var | cut -f3 | tail -n +2 > "$T/half"
  sc-sim --mock | sc-view -t var | cut -f3 | tail -n +2 | paste - "$T/half" |
    awk '{ d = $1 - 2 * $2; if (d * d > 1e-12) exit 1 }'
}

@test "memory does not grow with the number of cells" {
  [ "${CFLAGS:-}" = "${CFLAGS#*sanitize}" ] || skip "a sanitizer takes memory of its own"
  need_command /usr/bin/time
  /usr/bin/time -f %M -o "$T/kb" sc-sim -@ 2 --n-obs 200000 --n-vars 100 --depth 10 > /dev/null
  [ "$(cat "$T/kb")" -lt 100000 ]
}

@test "values out of range and full disks are refused" {
  fails 2 "n-types" sc-sim --n-types -1
  fails 2 "depht" sc-sim --depht 3
  fails 1 "No space left" bash -c 'sc-sim --mock > /dev/full'
}
