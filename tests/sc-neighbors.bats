#!/usr/bin/env bats
load helper

# 400 cells in four clumps of a plane, with X beside them.
setup_file() {
    export F=$BATS_FILE_TMPDIR
    awk 'BEGIN { print "cell\ta\tb"; s = 1
        for (i = 0; i < 400; i++) {
            s = (s * 16807) % 2147483647; u = s / 2147483647
            s = (s * 16807) % 2147483647; v = s / 2147483647
            printf "c%d\t%.6f\t%.6f\n", i, u + 4 * (i % 2), v + 4 * (int(i / 2) % 2)
        } }' >"$F/m.csv.tsv"
    sc-read -q --format csv "$F/m.csv.tsv" >"$F/plane.scz"
}

neighbors() { sc-neighbors -q --use-rep X "$@" "$F/plane.scz"; }

@test "a cell gets the others that are nearest to it" {
    neighbors -k 4 -o "$T/n.scz"
    sc-view -t X "$T/n.scz" >"$T/x.tsv"
    sc-view -t obsp/distances "$T/n.scz" >"$T/d.tsv"
    [ "$(awk 'NR > 1 { n[$1]++ } END { for (c in n) print n[c] }' "$T/d.tsv" | sort | uniq -c | xargs)" = "400 3" ]
    awk -F '\t' 'NR > 1 { x[NR - 2] = $2; y[NR - 2] = $3 }
        END { for (j = 0; j < 400; j++) { d[j] = sqrt((x[j] - x[7])^2 + (y[j] - y[7])^2)
                if (j != 7) print d[j], j } }' "$T/x.tsv" | sort -g | head -n 3 | awk '{ print $2 }' | sort >"$T/want"
    awk '$1 == "c7" { print $2 }' "$T/d.tsv" | sort | cmp - "$T/want"
}

@test "the graph is symmetric and its weights are above 0 and at most 1" {
    neighbors -k 6 | sc-view -t obsp/connectivities | awk -F '\t' '
        NR > 1 { w["c" $2, $1] = $3; v[$1, "c" $2] = $3; if ($3 <= 0 || $3 > 1) bad = 1 }
        END { for (e in w) if (w[e] != v[e]) bad = 1; exit bad || NR < 2000 }'
}

@test "a pipe and any number of threads give the same bytes" {
    neighbors --no-PG -@ 1 -o "$T/a.scz"
    neighbors --no-PG -@ 3 | cmp - "$T/a.scz"
    sc-neighbors -q --use-rep X --no-PG <"$F/plane.scz" | cmp - "$T/a.scz"
    cat "$F/plane.scz" | sc-neighbors -q --use-rep X --no-PG | cmp - "$T/a.scz"
    sc-view --check "$T/a.scz"
}

@test "names and parameters stand where scanpy has them" {
    neighbors -k 5 --metric cosine --key-added near -o "$T/n.scz"
    sc-view "$T/n.scz" >"$T/header"
    grep -q obsp/near_connectivities "$T/header"
    grep -q obsp/near_distances "$T/header"
    sc-view -t uns "$T/n.scz" | tr -d ' \n' >"$T/uns"
    grep -q '"connectivities_key":"near_connectivities"' "$T/uns"
    grep -q '"n_neighbors":5' "$T/uns"
    grep -q '"metric":"cosine"' "$T/uns"
}

@test "few cells get few neighbors, and a note" {
    head -n 7 "$F/m.csv.tsv" >"$T/six.tsv"
    sc-read -q --format csv "$T/six.tsv" | sc-neighbors --use-rep X 2>"$T/note" | sc-view -t uns | tr -d ' \n' | grep '"n_neighbors":4'
    grep -q "fewer than -k 15" "$T/note"
}

@test "what is missing is named" {
    fails 3 "no representation in obsm" sc-neighbors "$F/plane.scz" -o "$T/out.scz"
    fails 3 "'X_scvi'" sc-neighbors --use-rep X_scvi "$F/plane.scz" -o "$T/out.scz"
    fails 2 "n-neighbors" sc-neighbors -k 1 --use-rep X "$F/plane.scz" -o "$T/out.scz"
    head -n 2 "$F/m.csv.tsv" >"$T/one.tsv"
    sc-read -q --format csv "$T/one.tsv" >"$T/one.scz"
    fails 3 "two cells or more" sc-neighbors -q --use-rep X "$T/one.scz" -o "$T/out.scz"
    [ ! -e "$T/out.scz" ]
}
