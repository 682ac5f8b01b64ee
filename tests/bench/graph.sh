# Of tests/bench/run: the graph of 100,000 cells with 10 dimensions, its layout and its clusters.
# shellcheck shell=bash disable=SC2154  # the variables of tests/bench/run

# The peer's steps are timed inside of its process, imports apart; the whole is the process, from file to file.
graph() {
    wants graph graph || return 0
    make_model
    [ -e latent.h5ad ] || {
        sc-embed -q -@ "$threads" big.scm big.scz | sc-view -t obsm/X_scvi >latent.tsv
        sc-read -q -o latent.scz latent.tsv
        h5ad latent
    }
    local step
    rm -f graph.*.t
    for _ in $(seq "$(few 3)"); do
        timed graph.neighbors.own.t sc-neighbors -q -@ "$threads" --use-rep X -k 15 -o neighbors.scz latent.scz
        timed graph.umap.own.t sc-umap -q -@ "$threads" --min-dist 0.3 -o umap.scz neighbors.scz
        timed graph.leiden.own.t sc-leiden -q --n-iterations 2 -o leiden.scz neighbors.scz
        timed graph.own.t bash -c "sc-neighbors -q -@ $threads --use-rep X -k 15 latent.scz | sc-umap -q -@ $threads --min-dist 0.3 |
            sc-leiden -q --n-iterations 2 -o leiden.scz"
        [ "$python" ] || continue
        timed_peer graph.peer.t graph "$work/latent.h5ad" "$threads"
        for step in neighbors umap leiden; do
            sed -n "s/^$step //p" said.txt >>graph.$step.peer.t
        done
    done
    for step in neighbors umap leiden; do
        row "graph-$step" "sc-$step, 100000 x 10" "$big" "" "graph.$step.own.t" "graph.$step.peer.t"
    done
    row graph "  the three in a pipe" "$big" "" graph.own.t graph.peer.t
}
