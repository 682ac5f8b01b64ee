# The experiment of the Makefile beside it with RNA and proteins: reference PBMC 5k with 29 proteins, query PBMC 10k
# with 14 of them, dealt out to batches A and B. Cell types are gated by the proteins that both measured. totalVI's KL
# term warms up over a number of steps that depends on the number of cells; here it is the same for all models.
#
#   make -f tests/workflows/mapping/proteins.mk OUT=mapping-proteins DATA=../shared/data
OUT ?= mapping-proteins
EPOCHS_REF ?= 400
EPOCHS ?= 200
rep = X_totalvi
n_joint = 256
n_alone = 128
surgery = sc-surgery -q --set scale-adversarial-loss=0 --train-size 1 --max-epochs $(EPOCHS) --n-steps-kl-warmup 100
include $(dir $(lastword $(MAKEFILE_LIST)))query.mk

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
$o/gates.tsv: $o/5k.raw.scz $o/10k.raw.scz
	awk -f $(HERE)gate.awk <(sc-view -t obsm/protein_expression $o/5k.raw.scz) \
	  <(sc-view -t obsm/protein_expression $o/10k.raw.scz) >$@
$o/%.labels: $o/gates.tsv $o/ref.tsv $o/%.tsv
	awk -f $(HERE)knn.awk $^ >$@

$o/table.tsv: $(foreach m,joint reseeded chain_AB,$o/$m.A.labels $o/$m.B.labels) $o/alone_A.A.labels $o/alone_B.B.labels
	@{ printf 'query\tmodel\tagrees with the gates\tagrees with joint\tdistance to joint\n'; \
	   for b in A B; do for m in joint reseeded alone_$$b chain_AB; do \
	     awk -v batch=$$b -v model=$$m -f $(HERE)compare.awk $o/joint.$$b.tsv $o/$$m.$$b.tsv \
	       $o/joint.$$b.labels $o/$$m.$$b.labels; \
	   done; done; \
	 } >$@.tmp
	@mv $@.tmp $@
