# load near: compares tables that the tools print with arrays of ../shared/parity.
# npy FILE: a matrix of doubles or 32-bit integers as text, a row a line. Format 1.0: 10 bytes, the header, the values.
npy() {
    local size head cols
    size=$(od -An -t u2 -j 8 -N 2 "$1" | tr -d ' ')
    head=$(head -c $((10 + size)) "$1" | tail -c +11)
    cols=$(sed -nE "s/.*'shape': \(([0-9]+), ([0-9]+)\).*/\2/p" <<<"$head")
    if [[ $head == *"'<i4'"* ]]; then
        od -An -v -t d4 -w$((4 * ${cols:-1})) -j $((10 + size)) "$1"
    else
        od -An -v -t f8 -w$((8 * ${cols:-1})) -j $((10 + size)) "$1"
    fi
}

# near WHAT TOLERANCE EXPECTED.npy <TSV: the first rows, without header and names, against the array; the error is the
# largest difference over the largest value.
near() {
    npy "$3" >"$T/expected"
    awk -F'\t' -v OFS='\t' 'NR > 1 { $1 = ""; print }' | head -n "$(awk 'END { print NR }' "$T/expected")" | paste "$T/expected" - |
        awk -v what="$1" -v tolerance="$2" '
            NF % 2 { print what ": rows do not match"; exit bad = 1 }
            { for (i = 1; i <= NF / 2; i++) { e = $i; d = $(i + NF / 2) - e; if (d < 0) d = -d; if (e < 0) e = -e
                if (d > worst) worst = d; if (e > top) top = e } n++ }
            END { if (!bad && (n == 0 || !(worst <= tolerance * (top > 0 ? top : 1)))) { print what ": off by", worst, "of", top; bad = 1 }
                exit bad }'
}

# column NAME <TSV: the names and this column.
column() {
    awk -F'\t' -v OFS='\t' -v name="$1" 'NR == 1 { for (i = 2; i <= NF; i++) if ($i == name) c = i } { print $1, $c }'
}
