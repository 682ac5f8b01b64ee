# workflow.mk: from files of counts to a report, with make. It knows what depends on what, so it runs in parallel
# (make -j), goes on where it was stopped, and redoes only what a new file or another option changes.
#
#   make -j4 -f /usr/local/share/sluice/workflow.mk SC_DATA=data SC_FILTER='--min-genes 200 --max-pct-mt 15'
#
# or, in a Makefile of your own, with rules of your own behind it:
#
#   SC_DATA = data
#   SC_MODELS = ldvae scvi
#   SC_FIT_scvi = --n-latent 20
#   include /usr/local/share/sluice/workflow.mk
#
# Every file of SC_DATA that sc-read takes is a sample: NAME.h5ad, NAME.h5, NAME.loom, NAME.tar.gz, NAME.csv, NAME.tsv
# (those two .gz also), NAME/matrix.mtx.gz. Several samples are joined on their common genes, and the models told from
# which sample each cell is. Below SC_OUT, N being the sample or 'joined', M the model:
#
#   N.cells.scz   what the filter kept      N.M.html          report          N.M.history.svg   training
#   N.hvg.scz     variable genes            N.M.h5ad          for scanpy      N.M.umap.svg      clusters
#   N.M.scm       model                     N.M.loadings.tsv  of a linear decoder (ldvae)
#   N.M.scz       latent space, graph, layout, clusters
#
# SC_SEEDS = 0 1 2 makes all that a model leads to once for each seed, of training, layout and clusters: M is then
# ldvae.seed0, ldvae.seed1 ... Without it the tools' own seed holds, which is 0.
#
# 'make sc-list' prints the samples and what will be made; each file is a target by itself. An option may have a form
# for one model only: SC_FIT_scvi, SC_NEIGHBORS_scvi, SC_UMAP_scvi, SC_LEIDEN_scvi.

SC_DATA ?= .
SC_OUT ?= sluice
SC_MODELS ?= ldvae
SC_SEEDS ?=
SC_FILTER ?= --min-genes 200
SC_NORM ?= --target-sum 1e4 --log1p
SC_HVG ?= --flavor seurat_v3 -n 2000
SC_CAT ?= --join inner
SC_FIT ?=
SC_NEIGHBORS ?= -k 15
SC_UMAP ?=
SC_LEIDEN ?=
SC_COLOR ?= leiden

sc_suffixes := .h5ad .h5 .loom .tar.gz .csv .csv.gz .tsv .tsv.gz /matrix.mtx.gz /matrix.mtx
sc_found = $(foreach s,$(sc_suffixes),$(patsubst $(SC_DATA)/%$s,%,$(wildcard $(SC_DATA)/*$s)))
SC_SAMPLES ?= $(sort $(sc_found))
ifeq ($(SC_SAMPLES)$(filter sc-clean,$(MAKECMDGOALS)),)
$(error there is no file of counts in '$(SC_DATA)'; SC_DATA=FOLDER says where they are)
endif
sc_several := $(filter-out 1,$(words $(SC_SAMPLES)))
SC_NAME ?= $(if $(sc_several),joined,$(SC_SAMPLES))
sc_batch := $(if $(sc_several),--batch-key sample)
sc_empty :=
sc_comma := ,
sc_quote = '$(subst ','\'',$(1))'

sc_kinds = html h5ad history.svg umap.svg $(if $(filter ldvae ldvae.seed%,$1),loadings.tsv)
sc_seeded = $(foreach m,$(SC_MODELS),$(if $(SC_SEEDS),$(SC_SEEDS:%=$m.seed%),$m))
sc_all = $(foreach m,$(sc_seeded),$(patsubst %,$(SC_OUT)/$(SC_NAME).$m.%,$(call sc_kinds,$m)))

sc-all: $(sc_all)
sc-list:
	@printf '%s\n' $(patsubst %,'sample %',$(SC_SAMPLES)) $(patsubst %,'makes %',$(sc_all))
sc-clean:
	rm -rf $(SC_OUT)
sc_force:
.PHONY: sc-all sc-list sc-clean sc_force
.DELETE_ON_ERROR:
.SECONDARY:
.DEFAULT_GOAL := sc-all

# $(SC_OUT)/.STEP.options changes when the options of a step do, and only then
define sc_options
$(SC_OUT)/.$1.options: sc_force
	@mkdir -p $$(@D); printf '%s\n' $$(call sc_quote,$2) | cmp -s - $$@ || printf '%s\n' $$(call sc_quote,$2) >$$@
endef
$(eval $(call sc_options,filter,$$(SC_FILTER)))
$(eval $(call sc_options,cat,$$(SC_CAT) $$(SC_SAMPLES)))
$(eval $(call sc_options,hvg,$$(SC_NORM) $$(SC_HVG)))
$(eval $(call sc_options,umap,$$(SC_COLOR)))

# one rule for each kind of file; a folder of 10x is read as a whole
define sc_read_rule
$(SC_OUT)/%.raw.scz: $(SC_DATA)/%$1
	@mkdir -p $$(@D)
	sc-read -q -o $$@ $$(if $$(findstring /matrix,$1),$$(<D),$$<)
endef
$(foreach s,$(sc_suffixes),$(eval $(call sc_read_rule,$s)))

$(SC_SAMPLES:%=$(SC_OUT)/%.cells.scz): $(SC_OUT)/%.cells.scz: $(SC_OUT)/%.raw.scz $(SC_OUT)/.filter.options
	sc-filter $(SC_FILTER) -o $@ $<
ifneq ($(sc_several),)
$(SC_OUT)/$(SC_NAME).cells.scz: $(SC_SAMPLES:%=$(SC_OUT)/%.cells.scz) $(SC_OUT)/.cat.options
	sc-cat -q $(SC_CAT) --batch-key sample --batch-names $(subst $(sc_empty) $(sc_empty),$(sc_comma),$(SC_SAMPLES)) -o $@ \
	  $(filter %.scz,$^)
endif
$(SC_OUT)/%.hvg.scz: $(SC_OUT)/%.cells.scz $(SC_OUT)/.hvg.options
	sc-norm -q $(SC_NORM) $< | sc-hvg -q $(SC_HVG) $(if $(filter $(SC_NAME),$*),$(sc_batch)) --subset -o $@

# $1: the model, or MODEL.seedN; $2: the model; $3: --seed N.
# A stopped training goes on from its checkpoint, unless what it was made of has changed since.
define sc_model_rules
$(call sc_options,fit-$1,$$(SC_FIT) $$(SC_FIT_$2))
$(call sc_options,graph-$1,$$(SC_NEIGHBORS) $$(SC_NEIGHBORS_$2) / $$(SC_UMAP) $$(SC_UMAP_$2) / $$(SC_LEIDEN) $$(SC_LEIDEN_$2))
$(SC_OUT)/%.$1.scm: $(SC_OUT)/%.hvg.scz $(SC_OUT)/.fit-$1.options
	@for f in $$^; do if [ "$$$$f" -nt $$@.checkpoint ]; then rm -f $$@.checkpoint; fi; done
	sc-fit -q -m $2 $3 $$(if $$(filter $$(SC_NAME),$$*),$$(sc_batch)) $$(SC_FIT) $$(SC_FIT_$2) --checkpoint $$@.checkpoint --resume -o $$@ $$<
	@rm -f $$@.checkpoint
$(SC_OUT)/%.$1.scz: $(SC_OUT)/%.$1.scm $(SC_OUT)/%.hvg.scz $(SC_OUT)/.graph-$1.options
	sc-embed -q --key X_latent $(SC_OUT)/$$*.$1.scm $(SC_OUT)/$$*.hvg.scz | \
	  sc-neighbors -q --use-rep X_latent $$(SC_NEIGHBORS) $$(SC_NEIGHBORS_$2) | \
	  sc-umap -q $3 $$(SC_UMAP) $$(SC_UMAP_$2) | sc-leiden -q $3 $$(SC_LEIDEN) $$(SC_LEIDEN_$2) -o $$@
$(SC_OUT)/%.$1.html: $(SC_OUT)/%.$1.scm $(SC_OUT)/%.$1.scz
	sc-report -q -o $$@ $$^
endef
$(foreach m,$(SC_MODELS),$(if $(SC_SEEDS),,$(eval $(call sc_model_rules,$m,$m))) \
  $(foreach s,$(SC_SEEDS),$(eval $(call sc_model_rules,$m.seed$s,$m,--seed $s))))

$(SC_OUT)/%.history.svg: $(SC_OUT)/%.scm
	sc-plot history -q -o $@ $<
$(SC_OUT)/%.umap.svg: $(SC_OUT)/%.scz $(SC_OUT)/.umap.options
	sc-plot umap -q --color $(SC_COLOR) -o $@ $<
$(SC_OUT)/%.loadings.tsv: $(SC_OUT)/%.scm
	sc-loadings -q -o $@ $<
$(SC_OUT)/%.h5ad: $(SC_OUT)/%.scz
	sc-write -q -o $@ $<
