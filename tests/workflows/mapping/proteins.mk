# The experiment of the Makefile beside it with RNA and proteins: reference PBMC 5k with 29 proteins, query PBMC 10k
# with 14 of them, dealt out to batches A and B. Cell types are gated by the proteins that both measured. totalVI's KL
# term warms up over a number of steps that depends on the number of cells; here it is the same for all models.
#
#   make -f tests/workflows/mapping/proteins.mk OUT=mapping-proteins DATA=../shared/data
SHELL = /bin/bash -o pipefail
HERE := $(dir $(abspath $(lastword $(MAKEFILE_LIST))))
DATA ?= ../shared/data
OUT ?= mapping-proteins
EPOCHS_REF ?= 400
EPOCHS ?= 200
GENES ?= 2000

MODELS = joint reseeded alone_A alone_B chain_AB
o = $(OUT)
surgery = sc-surgery -q --set scale-adversarial-loss=0 --train-size 1 --max-epochs $(EPOCHS) --n-steps-kl-warmup 100

all: $o/proofs.txt $o/table.tsv
	@cat $o/proofs.txt; echo; column -t -s "$$(printf '\t')" $o/table.tsv

# every cell of a stream is of one batch
batch = sc-view -t obs $(1) | awk '{ print $$1 "\t" (NR == 1 ? "batch" : "$(2)") }' >$(1).tsv && \
	sc-annotate -q --obs $(1).tsv -o $(3) $(1) && rm $(1).tsv

$o/5k.raw.scz: $(DATA)/pbmc_5k_protein_v3.h5ad
	@mkdir -p $o
	sc-read -q $< | sc-hvg -q --flavor seurat_v3 -n $(GENES) --subset -o $@
$o/ref.scz: $o/5k.raw.scz
	$(call batch,$<,5k,$@)
$o/ref.scm: $o/ref.scz
	sc-fit -q -m totalvi --batch-key batch --n-layers-decoder 2 --use-layer-norm both --use-batch-norm none \
	  --max-epochs $(EPOCHS_REF) -o $@ $<
$o/10k.raw.scz: $(DATA)/pbmc_10k_protein_v3.h5ad
	@mkdir -p $o
	sc-read -q -o $@ $<
$o/A.scz $o/B.scz: $o/%.scz: $o/10k.raw.scz
	awk -v rest=$(if $(filter A,$*),1,0) -v to=$o/$*.mtx -f $(HERE)part.awk <(sc-view -t X $<) \
	  <(sc-view -t obsm/protein_expression $<)
	sc-read -q -o $o/$*.raw.scz $o/$*.mtx
	$(call batch,$o/$*.raw.scz,$*,$@)
	@rm -r $o/$*.mtx
$o/both.scz: $o/A.scz $o/B.scz
	sc-cat -q --join inner --batch-key file -o $@ $^

$o/joint.scm: $o/ref.scm $o/both.scz
	$(surgery) --batch-size 256 -o $@ $^
$o/reseeded.scm: $o/ref.scm $o/both.scz
	$(surgery) --batch-size 256 --seed 1 -o $@ $^
$o/alone_%.scm: $o/ref.scm $o/%.scz
	$(surgery) --batch-size 128 -o $@ $^
$o/chain_AB.scm: $o/alone_A.scm $o/B.scz
	$(surgery) --batch-size 128 -o $@ $^

embed = sc-embed -q $(1) $(2) | sc-view -t obsm/X_totalvi
$o/ref.tsv: $o/ref.scm $o/ref.scz
	$(call embed,$^) >$@
$(foreach m,$(MODELS),$o/$m.A.tsv): $o/%.A.tsv: $o/%.scm $o/A.scz
	$(call embed,$^) >$@
$(foreach m,$(MODELS),$o/$m.B.tsv): $o/%.B.tsv: $o/%.scm $o/B.scz
	$(call embed,$^) >$@
$o/gates.tsv: $o/5k.raw.scz $o/10k.raw.scz
	awk -f $(HERE)gate.awk <(sc-view -t obsm/protein_expression $o/5k.raw.scz) \
	  <(sc-view -t obsm/protein_expression $o/10k.raw.scz) >$@
$o/%.labels: $o/gates.tsv $o/ref.tsv $o/%.tsv
	awk -f $(HERE)knn.awk $^ >$@

$o/proofs.txt: $(MODELS:%=$o/%.scm) $o/ref.scz $o/A.scz $o/both.scz $o/joint.A.tsv $o/joint.B.tsv
	@{ echo "The reference's cells in each query model, against the reference:"; \
	   sc-surgery --verify $o/ref.scm $(MODELS:%=$o/%.scm) -- $o/ref.scz; \
	   echo; echo "Batch A in the model that B was added to, against the model before:"; \
	   sc-surgery --verify $o/alone_A.scm $o/chain_AB.scm -- $o/A.scz; \
	   $(call embed,$o/joint.scm $o/both.scz) | tail -n +2 | sort >$o/both.sorted; \
	   tail -qn +2 $o/joint.A.tsv $o/joint.B.tsv | sort >$o/apart.sorted; \
	   cmp $o/both.sorted $o/apart.sorted; \
	   echo; echo "The query embedded as one stream and batch by batch: identical ($$(wc -l <$o/both.sorted) cells)."; \
	 } >$@.tmp
	@mv $@.tmp $@

$o/table.tsv: $(foreach m,joint reseeded chain_AB,$o/$m.A.labels $o/$m.B.labels) $o/alone_A.A.labels $o/alone_B.B.labels
	@{ printf 'query\tmodel\tagrees with the gates\tagrees with joint\tdistance to joint\n'; \
	   for b in A B; do for m in joint reseeded alone_$$b chain_AB; do \
	     awk -v batch=$$b -v model=$$m -f $(HERE)compare.awk $o/joint.$$b.tsv $o/$$m.$$b.tsv \
	       $o/joint.$$b.labels $o/$$m.$$b.labels; \
	   done; done; \
	 } >$@.tmp
	@mv $@.tmp $@

clean:
	rm -rf $o
.PHONY: all clean
.SECONDARY:
