#!/usr/bin/env bats
load helper

# 200 cells in four clumps, of 80, 60, 40 and 20 cells.
setup_file() {
    export F=$BATS_FILE_TMPDIR
    awk 'BEGIN { s = 1; print "cell\ta\tb"
        for (i = 0; i < 200; i++) {
            k = i % 10 < 4 ? 0 : i % 10 < 7 ? 1 : i % 10 < 9 ? 2 : 3
            s = (s * 16807) % 2147483647; u = s / 2147483647
            s = (s * 16807) % 2147483647; v = s / 2147483647
            printf "c%d\t%.6f\t%.6f\n", i, u + 5 * (k % 2), v + 5 * int(k / 2)
        } }' >"$F/m.tsv"
    sc-read -q --format csv "$F/m.tsv" | sc-neighbors -q --use-rep X -k 12 >"$F/graph.scz"
}

clusters() { # of a stream: name and cluster
    sc-view -t obs | awk -F '\t' -v key="${1:-leiden}" 'NR == 1 { for (c = 1; c <= NF; c++) if ($c == key) k = c }
        NR > 1 { print $1, $k }'
}

@test "clumps are clusters, the largest first" {
    sc-leiden --resolution 0.1 "$F/graph.scz" | clusters >"$T/c"
    [ "$(awk '{ n[$2]++ } END { print n[0], n[1], n[2], n[3], length(n) }' "$T/c")" = "80 60 40 20 4" ]
    awk '{ i = substr($1, 2) % 10; if ($2 != (i < 4 ? 0 : i < 7 ? 1 : i < 9 ? 2 : 3)) exit 1 }' "$T/c"
}

@test "more resolution, more clusters; few rounds are rounds too" {
    low=$(sc-leiden --resolution 0.1 "$F/graph.scz" | clusters | awk '{ print $2 }' | sort -u | wc -l)
    high=$(sc-leiden --resolution 4 --n-iterations 2 "$F/graph.scz" | clusters | awk '{ print $2 }' | sort -u | wc -l)
    [ "$high" -gt "$low" ]
}

@test "the same seed gives the same bytes, from a pipe too" {
    sc-leiden --no-PG --seed 5 "$F/graph.scz" >"$T/a.scz"
    cat "$F/graph.scz" | sc-leiden --no-PG --seed 5 | cmp - "$T/a.scz"
    sc-view --check "$T/a.scz"
    sc-view -t uns "$T/a.scz" | tr -d ' \n' | grep -q '"random_state":5'
}

@test "a column of that name is replaced, one of another is added" {
    sc-leiden --resolution 4 "$F/graph.scz" | sc-leiden --resolution 0.1 >"$T/a.scz"
    [ "$(sc-view -t obs "$T/a.scz" | head -n 1 | tr '\t' '\n' | grep -c leiden)" -eq 1 ]
    [ "$(clusters <"$T/a.scz" | awk '{ print $2 }' | sort -u | wc -l)" -eq 4 ]
    sc-leiden --key-added fine --resolution 4 "$T/a.scz" | clusters fine | awk '{ print $2 }' | sort -u | wc -l >"$T/n"
    [ "$(cat "$T/n")" -gt 4 ]
}

# Values of a .npy file, COLUMNS to a line: npy FILE TYPE BYTES COLUMNS, TYPE as od has it.
npy() { od -A n -v -j 128 -t "$2$3" -w$(($3 * $4)) "$1"; }

# Modularity at 0.8, number of clusters, and for each flavor the mean Rand index to its five stored partitions.
judge() { # CLUSTERED PARTITIONS...
    sc-view -t obsp/connectivities "$1" >"$T/edges"
    clusters <"$1" >"$T/found"
    awk '
        function pairs(x) { return x * (x - 1) / 2 }
        function rand_index(  c, k, j, both, a, b, m) {
            both = a = b = 0
            for (k in t) both += pairs(t[k])
            for (k in na) a += pairs(na[k])
            for (k in nb) b += pairs(nb[k])
            m = a * b / pairs(n)
            return (both - m) / ((a + b) / 2 - m)
        }
        FILENAME ~ /found$/ { c[n++] = $2; size[$2]++; next }
        FILENAME ~ /edges$/ {
            if (FNR == 1) next
            i = substr($1, 2)
            w += $3; strength[c[i]] += $3
            if (c[i] == c[$2]) inside += $3
            next
        }
        {
            split("", t); split("", na); split("", nb)
            for (i = 0; i < n; i++) { t[c[i], $(i + 1)]++; na[c[i]]++; nb[$(i + 1)]++ }
            ari[FILENAME] += rand_index() / 5
        }
        END {
            for (k in strength) chance += strength[k] ^ 2 / w
            for (f in ari) if (ari[f] > best) best = ari[f]
            print (inside - 0.8 * chance) / w, length(size), best
        }' "$T/found" "$T/edges" "${@:2}"
}

@test "clusters of real cells are as good as those of leidenalg and igraph" {
    need_shared parity/graph_pbmc1k/input/latent.npy
    dir=$SHARED/parity/graph_pbmc1k
    { printf 'cell'; printf '\tz%d' 0 1 2 3 4 5 6 7 8 9; echo
      npy "$dir/input/latent.npy" f 4 10 | awk '{ $1 = $1; print "c" NR - 1, $0 }' OFS='\t'; } >"$T/z.tsv"
    sc-read -q --format csv "$T/z.tsv" >"$T/z.scz"
    while read -r k quality least most rand; do
        for f in leidenalg igraph; do npy "$dir/expected/leiden_k${k}_$f.npy" d 4 2860 >"$T/$f"; done
        sc-neighbors --use-rep X -k "$k" "$T/z.scz" | sc-leiden --resolution 0.8 >"$T/l.scz"
        got=$(judge "$T/l.scz" "$T/leidenalg" "$T/igraph")
        echo "k $k: $got"
        awk -v got="$got" -v q="$quality" -v lo="$least" -v hi="$most" -v r="$rand" 'BEGIN {
            split(got, g, " "); exit !(g[1] >= q && g[2] >= lo && g[2] <= hi && g[3] >= r) }'
    done <<'END'
15 0.8342 11 14 0.776
20 0.8284 10 13 0.853
END
}

@test "what is missing or senseless is named" {
    sc-read -q --format csv "$F/m.tsv" >"$T/m.scz"
    fails 3 "sc-neighbors" sc-leiden "$T/m.scz" -o "$T/out.scz"
    fails 2 "n-iterations" sc-leiden --n-iterations 0 "$F/graph.scz" -o "$T/out.scz"
    [ ! -e "$T/out.scz" ]
}
