# sc-annotate through real pipes, on three cells and two genes.
load helper

setup() {
    mkdir "$T/m"
    cd "$T"
    printf 'g1\tg1\ng2\tg2\n' >m/genes.tsv
    printf 'c1\nc2\nc3\n' >m/barcodes.tsv
    printf '%%%%MatrixMarket matrix coordinate integer general\n2 3 3\n1 1 5\n2 2 6\n1 3 7\n' >m/matrix.mtx
    sc-read -q m >in.scz
    printf 'x\tlabel\tscore\tcluster\nc3\tT\t0.5\t10\nc1\tB\t1\t9\nc2\tT\tNA\t10\n' >obs.tsv
}

obs() { sc-view -t obs "$@"; }

@test "a table's columns join obs by name, in any order, with types of their own" {
    sc-annotate --obs obs.tsv in.scz >out.scz
    [ "$(obs out.scz)" = "$(printf 'cell\tlabel\tscore\tcluster\nc1\tB\t1\t9\nc2\tT\t\t10\nc3\tT\t0.5\t10')" ]
    [[ $(sc-view out.scz) == *"obs: label (category: B, T), score (real), cluster (int)"* ]]
    [ "$(sc-view -t X out.scz)" = "$(sc-view -t X in.scz)" ]
}

@test "rename, cast, drop: numbers sort by size, dropped columns make room" {
    sc-annotate --obs obs.tsv in.scz | sc-annotate --rename cluster=leiden --cast leiden=category |
        sc-annotate --drop label --drop score >out.scz
    [[ $(sc-view out.scz) == *"obs: leiden (category: 9, 10)"* ]]
    sc-annotate --obs obs.tsv in.scz | sc-annotate --drop label --drop score --drop cluster --obs obs.tsv >again.scz
    sc-annotate --obs obs.tsv in.scz >once.scz
    [ "$(obs again.scz)" = "$(obs once.scz)" ]
}

@test "a cast of a joined column, to each type" {
    sc-annotate --obs obs.tsv --cast label=string --cast score=string --cast cluster=real in.scz >out.scz
    [[ $(sc-view out.scz) == *"obs: label (string), score (string), cluster (real)"* ]]
}

@test "var joins too, and a bare name is found there" {
    printf 'x\tmt\ng2\tTrue\ng1\tFalse\n' >var.tsv
    sc-annotate --var var.tsv in.scz >out.scz
    [[ "$(sc-view -t var out.scz)" == *"g2"*"True"* ]]
    [[ "$(sc-annotate --drop mt out.scz | sc-view -t var)" != *True* ]]
    sc-annotate --drop var/mt out.scz >/dev/null
}

@test "what matches nothing is counted, and nothing at all is exit 3" {
    printf 'x\tlabel\nc1\tB\nzz\tT\n' >part.tsv
    run sc-annotate -o out.scz --obs part.tsv in.scz
    [ "$status" -eq 0 ]
    [ "$output" = "sc-annotate: 2 of 3 rows of obs are not in 'part.tsv'; 1 of its 2 rows are in no obs" ]
    [ "$(obs out.scz | tail -1)" = "$(printf 'c3\t')" ]
    printf 'x\tlabel\nyy\tB\nzz\tT\n' >none.tsv
    fails 3 "no name in obs is a name in 'none.tsv' (there: 'yy' and 1 more; here: 'c1' and 2 more)" \
        sc-annotate -o none.scz --obs none.tsv in.scz
    [ ! -e none.scz ]
}

@test "no column is overwritten, and near names are named" {
    sc-annotate --obs obs.tsv in.scz >out.scz
    fails 3 "there is an obs column 'label' already" sc-annotate -o x.scz --obs obs.tsv out.scz
    fails 3 "sc-annotate: out.scz: neither obs nor var has a column 'lable'; near to it in obs: 'label'" \
        sc-annotate -o x.scz --drop lable out.scz
    fails 3 "there is an obs column 'score' already" sc-annotate -o x.scz --rename label=score out.scz
    fails 3 "obs 'c1': column 'label': 'B' is no int value" sc-annotate -o x.scz --cast label=int out.scz
    fails 2 "--cast knows category, string, int, real and bool, not 'float'" \
        sc-annotate -o x.scz --cast score=float out.scz
    fails 2 "--rename takes two names with '=' between them, not 'label'" \
        sc-annotate -o x.scz --rename label out.scz
}

@test "tables that are none: missing, empty, ragged, repeated, commas" {
    fails 1 "no.tsv: No such file or directory" sc-annotate -o x.scz --obs no.tsv in.scz
    : >empty.tsv
    fails 1 "empty.tsv: the file is empty" sc-annotate -o x.scz --obs empty.tsv in.scz
    printf 'x\ta\nc1\t1\nc2\n' >short.tsv
    fails 1 "short.tsv: line 3 has 1 fields, not 2" sc-annotate -o x.scz --obs short.tsv in.scz
    printf 'x\ta\nc1\t1\nc1\t2\n' >twice.tsv
    fails 3 "twice.tsv: 'c1' stands twice" sc-annotate -o x.scz --obs twice.tsv in.scz
    printf 'x,a\nc1,1\n' >commas.tsv
    fails 1 "are tabs between them?" sc-annotate -o x.scz --obs commas.tsv in.scz
}

@test "a cut stream fails it, and what comes after" {
    run bash -c 'set -o pipefail; head -c 300 in.scz | sc-annotate --obs obs.tsv | sc-view -t obs'
    [ "$status" -ne 0 ]
    [[ $output == *"sc-annotate: stdin: stream ends early"* ]]
    [[ $output == *"sc-view: stdin: "* ]]
}
