# workflow.mk and Snakefile, as users include and call them: two samples to a report, and only what changed anew.
load helper

setup_file() {
    export F=$BATS_FILE_TMPDIR
    mkdir "$F/data"
    for i in 1 2; do
        sc-sim -q --n-obs 240 --n-vars 300 --n-types 3 --n-batches 1 --seed $i | sc-write -q -o "$F/data/s$i.h5ad"
    done
    (cd "$ROOT" && tests/install "$SLUICE_BUILD" "$F/usr" "$F/usr" 1.0)
}

project() { # a folder with the data and a Makefile that includes the installed fragment
    cp -r "$F/data" "$T/data"
    cd "$T"
    cat >Makefile <<END
SC_DATA = data
SC_OUT = out
SC_MODELS = ldvae scvi
SC_FILTER = --min-genes 10
SC_HVG = -n 100
SC_FIT = --max-epochs 2
SC_FIT_scvi = --n-latent 4 --n-hidden 16
include $F/usr/share/sluice/workflow.mk
counts.txt: out/joined.cells.scz # a rule of the user's own
	sc-view \$< >\$@
END
}

made() { grep -oE '^sc-[a-z]+ ' <<<"$output" | sort | uniq -c | awk '{ printf "%s%s", (NR > 1 ? " " : ""), $2 ($1 > 1 ? "*" $1 : "") } END { print "" }'; }

@test "two samples become a report for each of two models" {
    project
    run make -j2
    echo "$output"
    [ "$status" -eq 0 ]
    for m in ldvae scvi; do
        sc-view --check out/joined.$m.scm
        sc-view --check out/joined.$m.scz
        grep -q '</html>' out/joined.$m.html
        [ "$(tail -n 1 out/joined.$m.umap.svg)" = "</svg>" ]
        [ "$(tail -n 1 out/joined.$m.history.svg)" = "</svg>" ]
        sc-read -q out/joined.$m.h5ad | sc-view | grep -q "cells: 480"
    done
    [ "$(wc -l <out/joined.ldvae.loadings.tsv)" -eq 101 ]
    [ "$(sc-view -t obsm/X_latent out/joined.scvi.scz | head -n 1 | tr '\t' '\n' | wc -l)" -eq 5 ]
    sc-view -H out/joined.ldvae.scz | grep -q "sample (category: s1, s2)"
    [ -z "$(find out -name "*.checkpoint")" ]
    # nothing is left to do
    run make
    [ "$(made)" = "" ]

    # another option redoes what follows from it, and the same one nothing
    run make SC_LEIDEN="--resolution 2"
    [ "$(made)" = "sc-embed*2 sc-plot*2 sc-report*2 sc-write*2" ]
    run make SC_LEIDEN="--resolution 2"
    [ "$(made)" = "" ]
    run make SC_LEIDEN="--resolution 2" SC_FIT_scvi="--n-latent 5 --n-hidden 16"
    [ "$(made)" = "sc-embed sc-fit sc-plot*2 sc-report sc-write" ]
    run make SC_LEIDEN="--resolution 2" SC_FIT_scvi="--n-latent 5 --n-hidden 16" SC_COLOR=sample
    [ "$(made)" = "sc-plot*2" ]

    # another sample: the old ones are not read anew
    sc-sim -q --n-obs 100 --n-vars 300 --seed 3 | sc-write -q -o data/s3.h5ad
    run make out/joined.cells.scz
    [ "$(made)" = "sc-cat sc-filter sc-read" ]
    sc-view out/joined.cells.scz | grep -q "cells: 580"
    make -s counts.txt
    grep -q "cells: 580" counts.txt
    run make sc-list
    [ "$(grep -c '^sample ' <<<"$output")" -eq 3 ]
}

@test "each seed has a model, a layout and a report of its own, and another one is made beside them" {
    project
    run make SC_MODELS=ldvae SC_SEEDS="0 1"
    echo "$output"
    [ "$(made)" = "sc-cat sc-embed*2 sc-filter*2 sc-fit*2 sc-loadings*2 sc-norm sc-plot*4 sc-read*2 sc-report*2 sc-write*2" ]
    make -s SC_MODELS=ldvae
    for m in out/joined.ldvae{,.seed0,.seed1}.scm; do sc-loadings "$m" >"$m.tsv"; done
    cmp out/joined.ldvae.scm.tsv out/joined.ldvae.seed0.scm.tsv
    cmp <(sc-view -t obsm/X_umap out/joined.ldvae.scz) <(sc-view -t obsm/X_umap out/joined.ldvae.seed0.scz)
    run cmp -s out/joined.ldvae.scm.tsv out/joined.ldvae.seed1.scm.tsv
    [ "$status" -eq 1 ]
    [ "$(sc-view out/joined.ldvae.seed1.scz | grep -cE '^by: sc-(umap|leiden) .*--seed 1')" -eq 2 ]
    run make SC_MODELS=ldvae SC_SEEDS="0 1 7"
    [ "$(made)" = "sc-embed sc-fit sc-loadings sc-plot*2 sc-report sc-write" ]
    run make SC_MODELS=ldvae SC_SEEDS="0 1" SC_FIT_ldvae="--n-latent 3"
    [ "$(made)" = "sc-embed*2 sc-fit*2 sc-loadings*2 sc-plot*4 sc-report*2 sc-write*2" ]
}

@test "a step that fails leaves no file of its own, and what was done stays" {
    project
    run make -k SC_MODELS=ldvae SC_LEIDEN="--resolution -1"
    [ "$status" -ne 0 ]
    [ ! -e out/joined.ldvae.scz ]
    [ -e out/joined.ldvae.scm ]
    run make SC_MODELS=ldvae
    [ "$status" -eq 0 ]
    [ "$(made)" = "sc-embed sc-plot sc-report sc-write" ]
}

@test "a stopped training goes on from its checkpoint to the same model" {
    project
    make -s SC_MODELS=ldvae SC_FIT="--max-epochs 100 --batch-size 16" out/joined.ldvae.scm
    mv out/joined.ldvae.scm whole.scm
    mkdir bin
    cat >bin/sc-fit <<'END'
#!/bin/sh
# stopped after an epoch or a few
rm -f epochs
"$SLUICE_BUILD/bin/sc-fit" --log-json epochs "$@" &
while kill -0 $! 2>/dev/null && [ ! -s epochs ]; do sleep 0.01; done
kill -TERM $! 2>/dev/null
wait $!
END
    chmod +x bin/sc-fit
    for again in 1 2 3; do
        PATH=$T/bin:$PATH make -s SC_MODELS=ldvae SC_FIT="--max-epochs 100 --batch-size 16" out/joined.ldvae.scm && break
        [ -e out/joined.ldvae.scm.checkpoint ]
        [ ! -e out/joined.ldvae.scm ]
    done
    [ ! -e out/joined.ldvae.scm ] || [ "$again" -gt 1 ]
    make -s SC_MODELS=ldvae SC_FIT="--max-epochs 100 --batch-size 16" out/joined.ldvae.scm
    cmp whole.scm out/joined.ldvae.scm
    [ ! -e out/joined.ldvae.scm.checkpoint ]
}

@test "one sample is not joined, and a folder without any says so" {
    mkdir "$T/d" "$T/none"
    cp "$F/data/s1.h5ad" "$T/d/only.h5ad"
    cd "$T"
    make -s -f "$F/usr/share/sluice/workflow.mk" SC_DATA=d SC_FILTER="--min-genes 10" SC_HVG="-n 50" SC_FIT="--max-epochs 1"
    [ -s sluice/only.ldvae.html ]
    [ ! -e sluice/joined.cells.scz ]
    run make -f "$F/usr/share/sluice/workflow.mk" SC_DATA=none
    [ "$status" -eq 2 ]
    [[ $output == *"there is no file of counts in 'none'; SC_DATA=FOLDER says where they are"* ]]
    make -s -f "$F/usr/share/sluice/workflow.mk" SC_DATA=none sc-clean # which needs no data
    [ ! -e sluice ]
}

@test "PBMC of three chemistries, from tar.gz to report with one make" {
    need_shared data/pbmc1k_v2.tar.gz data/pbmc1k_v3.tar.gz data/pbmc1k_5p.tar.gz
    mkdir "$T/d"
    for t in v2 v3 5p; do ln -s "$(realpath "$SHARED")/data/pbmc1k_$t.tar.gz" "$T/d/$t.tar.gz"; done
    cd "$T"
    make -s -f "$F/usr/share/sluice/workflow.mk" SC_DATA=d SC_FILTER="--max-pct-mt 25" SC_HVG="-n 500 --keep-raw" SC_FIT="--max-epochs 2 --lr 5e-3" SC_LEIDEN="--resolution 0.8"
    sc-view sluice/joined.ldvae.scz | grep -q "genes: 500"
    sc-view -H sluice/joined.ldvae.scz | grep -q "sample (category: 5p, v2, v3)"
    [ "$(stat -c %s sluice/joined.ldvae.html)" -lt 5000000 ]
}

@test "Snakemake gives what make gives" {
    need_command snakemake
    cd "$T"
    set_up=(data="$F/data" out=out filter='--min-genes 10' hvg='-n 100' fit='--max-epochs 2')
    snakemake -q all -s "$F/usr/share/sluice/Snakefile" -c 2 --config "${set_up[@]}"
    make -s -f "$F/usr/share/sluice/workflow.mk" SC_DATA="$F/data" SC_OUT=made SC_FILTER="--min-genes 10" SC_HVG="-n 100" SC_FIT="--max-epochs 2"
    for what in obs obsm/X_latent obsm/X_umap; do
        cmp <(sc-view -t $what out/joined.ldvae.scz) <(sc-view -t $what made/joined.ldvae.scz)
    done
    for f in html h5ad history.svg umap.svg loadings.tsv; do [ -s out/joined.ldvae.$f ]; done
    snakemake -q all -s "$F/usr/share/sluice/Snakefile" -c 2 --config "${set_up[@]}" seeds='0 1'
    make -s -f "$F/usr/share/sluice/workflow.mk" SC_DATA="$F/data" SC_OUT=made SC_FILTER="--min-genes 10" SC_HVG="-n 100" SC_FIT="--max-epochs 2" SC_SEEDS="0 1"
    for what in obs obsm/X_latent obsm/X_umap; do
        cmp <(sc-view -t $what out/joined.ldvae.seed1.scz) <(sc-view -t $what made/joined.ldvae.seed1.scz)
    done
    for f in html h5ad history.svg umap.svg loadings.tsv; do [ -s out/joined.ldvae.seed1.$f ]; done
    run snakemake -n -s "$F/usr/share/sluice/Snakefile" -c 2 --config "${set_up[@]}"
    [[ $output == *"Nothing to be done"* ]]
    run snakemake -n -s "$F/usr/share/sluice/Snakefile" -c 2 --config "${set_up[@]}" leiden='--resolution 2'
    [[ $output == *graph* && $output != *"rule fit"* ]]
}
