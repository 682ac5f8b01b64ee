# sc-cat through real pipes: two small inputs whose genes overlap, in different order.
load helper

# make_input FILE "GENES" "CELLS": counts that tell gene and cell: 10 * (position of the cell) + position of the gene.
make_input() {
    local dir=$T/mtx.${1%.scz} gene cell i=0 j n
    local -a genes=($2) cells=($3)
    mkdir "$dir"
    for gene in "${genes[@]}"; do printf '%s\t%s\n' "$gene" "$gene"; done >"$dir/genes.tsv"
    printf '%s\n' "${cells[@]}" >"$dir/barcodes.tsv"
    n=$((${#genes[@]} * ${#cells[@]}))
    {
        echo '%%MatrixMarket matrix coordinate integer general'
        echo "${#genes[@]} ${#cells[@]} $n"
        for cell in "${cells[@]}"; do
            i=$((i + 1)) j=0
            for gene in "${genes[@]}"; do
                j=$((j + 1))
                echo "$j $i $((10 * i + j))"
            done
        done
    } >"$dir/matrix.mtx"
    sc-read -q "$dir" >"$T/$1"
}

setup() {
    make_input a.scz "g1 g2 g3" "c1 c2"
    make_input b.scz "g3 g4 g1" "d1 d2"
    cd "$T"
}

@test "inner: the common genes in the first input's order" {
    sc-cat a.scz b.scz >both.scz 2>note
    [ "$(cat note)" = "sc-cat: a.scz has 1 gene that not all inputs have; the 2 that all have are kept" ]
    [ "$(sc-view -t X both.scz)" = "$(printf 'cell\tg1\tg3\nc1\t11\t13\nc2\t21\t23\nd1\t13\t11\nd2\t23\t21')" ]
    [ "$(sc-view -t obs both.scz | cut -f1,2)" = "$(printf 'cell\tbatch\nc1\ta\nc2\ta\nd1\tb\nd2\tb')" ]
    sc-view --check both.scz
}

@test "outer: all genes, zeros where an input lacks one" {
    sc-cat --join outer a.scz b.scz >both.scz 2>note
    [ "$(cat note)" = "sc-cat: a.scz lacks 1 of all 4 genes; its cells have 0 of them" ]
    sc-cat --suffix always --batch-names a,b a.scz a.scz >twice.scz 2>note # where the genes are the same, there is nothing to say
    [ ! -s note ]
    [ "$(sc-view -t X both.scz | cut -f4,5)" = "$(printf 'g3\tg4\n13\t0\n23\t0\n11\t12\n21\t22')" ]
}

@test "a pipe gives what files give, whole or in part" {
    sc-cat --no-PG --batch-names a,b a.scz b.scz >files.scz
    sc-cat --no-PG --batch-names a,b - b.scz <a.scz >half.scz
    sc-cat --no-PG --batch-names a,b <(cat a.scz) <(cat b.scz) >pipes.scz
    cmp files.scz half.scz
    cmp files.scz pipes.scz
}

@test "the same bytes from any number of threads, and the first block's error" {
    sc-sim -q --n-obs 5000 --n-vars 40 >big.scz
    sc-sim -q --n-obs 3000 --n-vars 60 --seed 1 >wide.scz
    sc-cat -q -@ 1 --no-PG --batch-key input --join outer big.scz wide.scz >one.scz
    for n in 2 5; do sc-cat -q -@ $n --no-PG --batch-key input --join outer big.scz wide.scz | cmp - one.scz; done
    head -c 40000 big.scz >cut.scz
    for s in auto always; do
        fails 1 "cut.scz: stream ends early" sc-cat -q -@ 4 --batch-key input --suffix $s -o x.scz cut.scz wide.scz
        [ ! -e x.scz ]
    done
}

@test "names that clash: every cell gets its batch" {
    make_input c.scz "g1" "c2 e1"
    run sc-cat -o both.scz --batch-key tech --batch-names v2,v3 a.scz c.scz
    [ "$status" -eq 0 ]
    [[ $output == "sc-cat: cell 'c2' is there more than once"* ]]
    [ "$(sc-view -t obs both.scz | cut -f1 | tr '\n' ' ')" = "cell c1-v2 c2-v2 c2-v3 e1-v3 " ]
    [ "$(sc-view -t obs both.scz | head -1)" = "$(printf 'cell\ttech')" ]
    [[ $output != *"all the same"* ]]
    run sc-cat -o both.scz --batch-key tech --batch-names v2,v2 a.scz c.scz # two lanes of one batch
    [ "$status" -eq 0 ]
    [ "${lines[1]}" = "sc-cat: cell 'c2-v2' is there more than once all the same" ]
}

@test "--suffix: always, though no name clashes; never, though one does" {
    cells() { sc-cat -q --suffix "$@" | sc-view -t obs | cut -f1 | tr '\n' ' '; }
    [ "$(cells always a.scz b.scz)" = "cell c1-a c2-a d1-b d2-b " ]
    [ "$(cells never --batch-names u,v a.scz a.scz)" = "cell c1 c2 c1 c2 " ]
}

@test "obs columns are united, categories merged, what an input lacks is missing" {
    printf 'x\ttype\tscore\nc1\tB\t1\nc2\tB\t2\n' >a.tsv
    printf 'x\ttype\nd1\tT\nd2\tT\n' >b.tsv
    sc-annotate --obs a.tsv a.scz >a2.scz
    sc-annotate --obs b.tsv b.scz >b2.scz
    run sc-view -t obs <(sc-cat --batch-key '' a2.scz b2.scz)
    [ "${lines[0]}" = "$(printf 'cell\ttype\tscore')" ]
    [ "${lines[2]}" = "$(printf 'c2\tB\t2')" ]
    [ "${lines[3]}" = "$(printf 'd1\tT\t')" ]
}

@test "an obs column of the batch key's name is not overwritten" {
    sc-cat a.scz b.scz >both.scz
    fails 3 "'both.scz' has an obs column 'batch' already" sc-cat -o x.scz both.scz
    [ ! -e x.scz ]
}

@test "X of unlike kinds is refused" {
    sc-norm -q --target-sum 100 --log1p a.scz >log.scz
    fails 3 "X can't be joined: its kind differs between the inputs" sc-cat -o x.scz log.scz b.scz
}

@test "no common gene, files of one name, too many batch names" {
    make_input c.scz "h1" "e1"
    fails 3 "the inputs have no gene in common" sc-cat -o x.scz a.scz c.scz
    mkdir sub && cp b.scz sub/a.scz
    fails 2 "would be the same batch 'a'" sc-cat -o x.scz a.scz sub/a.scz
    fails 2 "--batch-names has 3 names for 2 inputs" sc-cat -o x.scz --batch-names u,v,w a.scz b.scz
}

@test "a missing, an empty and a cut input; a full disk; a model" {
    fails 1 "none.scz: No such file or directory" sc-cat -o x.scz a.scz none.scz
    : >empty.scz
    run sc-cat -o x.scz a.scz empty.scz
    [ "$status" -ne 0 ]
    [[ $output == "sc-cat: empty.scz: "* ]]
    head -c 400 a.scz >cut.scz
    fails 1 "cut.scz: stream ends early" sc-cat -o x.scz cut.scz b.scz
    [ ! -e x.scz ]
    run bash -c 'sc-cat a.scz b.scz >/dev/full'
    [ "$status" -eq 1 ]
    [[ $output == *"No space left on device" ]]
}

@test "the three PBMC technologies: 2860 cells on their common genes" {
    need_shared data/pbmc1k_v2.tar.gz data/pbmc1k_v3.tar.gz data/pbmc1k_5p.tar.gz
    for tech in v2 v3 5p; do sc-read -q "$SHARED/data/pbmc1k_$tech.tar.gz" >$tech.scz; done
    sc-cat -q --join inner --batch-key tech v2.scz v3.scz 5p.scz >pbmc.scz
    sc-view -t obs pbmc.scz >obs.tsv
    [ "$(wc -l <obs.tsv)" -eq 2861 ]
    [ "$(sed -n 2p obs.tsv)" = "$(printf 'AAACCTGAGCGCTCCA-1\tv2')" ]
    [[ $(sc-view pbmc.scz) == *"genes: 11221"* ]]
    [ "$(tail -n 1 obs.tsv | cut -f2)" = 5p ]
}

# with_proteins FILE "NAMES": counts of proteins too, the position of the protein plus 1.
with_proteins() {
    local dir=$T/v3.${1%.scz} name j=0
    local -a names=($2)
    mkdir "$dir"
    printf 'g1\tg1\tGene Expression\n' >"$dir/features.tsv"
    for name in "${names[@]}"; do printf '%s\t%s\tAntibody Capture\n' "$name" "$name"; done >>"$dir/features.tsv"
    printf 'c1\nc2\n' | sed "s/^/${1%.scz}/" >"$dir/barcodes.tsv"
    {
        printf '%%%%MatrixMarket matrix coordinate integer general\n%d 2 %d\n' $((${#names[@]} + 1)) $((${#names[@]} + 1))
        for name in g1 "${names[@]}"; do j=$((j + 1)) && echo "$j 1 $j"; done
    } >"$dir/matrix.mtx"
    sc-read -q "$dir" >"$T/$1"
}

@test "proteins are matched by name: those of all, or all of them, and then uns tells what was measured" {
    with_proteins p.scz "CD3 CD4 CD8" && with_proteins q.scz "CD8 CD3"
    [ "$(sc-cat p.scz q.scz | sc-view -t obsm/protein_expression)" = $'cell\tCD3\tCD8\npc1\t2\t4\npc2\t0\t0\nqc1\t3\t2\nqc2\t0\t0' ]
    sc-cat --protein-join outer p.scz q.scz >all.scz
    [ "$(sc-view -t obsm/protein_expression all.scz | tail -2)" = $'qc1\t3\t0\t2\nqc2\t0\t0\t0' ]
    [ "$(sc-view -t uns all.scz | tr -d ' \n')" = \
        '{"panels":{"protein_expression":{"column":"batch","measured":{"p":["CD3","CD4","CD8"],"q":["CD8","CD3"]}}}}' ]
    sc-view --check all.scz
    with_proteins r.scz "CD19"
    run bash -c 'sc-cat p.scz r.scz | sc-view'
    [[ $output == *"obsm/protein_expression is dropped: the inputs have none of its columns in common"* ]]
}

uns() { sc-view -t uns "$1" | tr -d ' \n'; }

# cats FILE NOTES IN...: sc-cat of the inputs says these NOTES and makes FILE.
cats() {
    sc-cat -o "$1" "${@:3}" 2>notes
    [ "$(cat notes)" = "$2" ] && sc-view --check "$1"
}

@test "uns: what all inputs say is kept, members of objects too, and a note names the rest" {
    for n in a b; do sc-norm -q --log1p $n.scz | sc-hvg -q --flavor seurat -n 1 >$n.hvg.scz; done
    genes='has 1 gene that not all inputs have; the 2 that all have are kept'
    cats same.scz "sc-cat: a.hvg.scz $genes" --batch-names a,b a.hvg.scz b.hvg.scz
    [ "$(uns same.scz)" = '{"log1p":{},"hvg":{"flavor":"seurat"}}' ]
    sc-norm -q --log1p a.scz >a.norm.scz
    cats less.scz "sc-cat: a.norm.scz $genes
sc-cat: uns is kept as far as the inputs agree; they do not in: hvg" a.norm.scz b.hvg.scz
    [ "$(uns less.scz)" = '{"log1p":{}}' ]
    sc-sim -q --mock | sc-pca -q -n 3 >pca.scz
    for n in 5 6; do sc-neighbors -q -k $n --use-rep X_pca pca.scz >k$n.scz; done
    run sc-cat --batch-key input --suffix always -o both.scz k5.scz k6.scz
    [[ $output == *"uns is kept as far as the inputs agree; they do not in: neighbors"* ]]
    [[ $output == *"uns/neighbors is dropped: so is the graph it speaks of"* ]]
    sc-view -t uns k5.scz | tr -d ' \n' | grep -q '"neighbors":{"connectivities_key"'
    [ "$(uns both.scz)" = "$(uns pca.scz)" ]
}

@test "uns: minified cells stay so if one model made them" {
    sc-sim -q --mock >s.scz
    for n in 1 2; do
        sc-fit -q --seed $n -m scvi --n-latent 2 --n-hidden 4 --max-epochs 1 -o $n.scm s.scz
        sc-embed -q --minify $n.scm s.scz >$n.scz
    done
    sc-norm -q --log1p s.scz | sc-embed -q --minify 1.scm >other.scz # of another uns
    sc-cat -q --batch-key input --suffix always 1.scz other.scz >one.scz
    sc-decode -q --no-PG 1.scm one.scz | sc-view -t layers/px_scale | sed 's/-other//' | tail -n +2 | sort -u >twice
    sc-decode -q --no-PG 1.scm 1.scz | sc-view -t layers/px_scale | tail -n +2 | sort -u >once
    sed 's/-1\t/\t/' twice | sort -u | cmp - once
    run sc-cat --batch-key input --suffix always -o two.scz 1.scz 2.scz
    [[ $output == *"the cells no longer count as minified: not all are, by the same model"* ]]
    fails 3 "" sc-decode 1.scm two.scz
}

@test "uns/panels: lists of several inputs are united, and left out if they do not go together" {
    local n
    for n in p:CD3:CD4 q:CD4 r:CD4:CD3 s:CD3; do with_proteins ${n%%:*}.scz "$(tr : ' ' <<<"${n#*:}")"; done
    sc-cat --protein-join outer -o pq.scz p.scz q.scz
    sc-cat --protein-join outer -o rs.scz r.scz s.scz
    cats all.scz "" --batch-key study pq.scz rs.scz
    [ "$(uns all.scz)" = '{"panels":{"protein_expression":{"column":"batch","measured":{"p":["CD3","CD4"],"q":["CD4"],"r":["CD4","CD3"],"s":["CD3"]}}}}' ]
    sc-cat --protein-join outer --batch-names p,s -o other.scz q.scz s.scz
    sc-cat --protein-join outer --batch-key panel -o key.scz r.scz s.scz
    for n in other key r; do
        cats all.scz "sc-cat: uns/panels is dropped: the inputs' lists of what was measured do not go together" \
            --batch-key study --suffix always pq.scz $n.scz
        [ "$(uns all.scz)" = '{}' ]
    done
}
