# What Makefile and proteins.mk have in common: from the query's batches A.scz and B.scz and the reference's ref.scz and
# ref.scm to the query models, their embeddings and the proofs. They set OUT, `rep`, the embedding's name, `surgery`,
# the command with its options, and `n_joint` and `n_alone`, the minibatches of models for both batches and for one.
SHELL = /bin/bash -o pipefail
HERE := $(dir $(abspath $(lastword $(MAKEFILE_LIST))))
DATA ?= ../shared/data
ifeq ($(wildcard $(DATA)/*)$(filter clean,$(MAKECMDGOALS)),)
$(error there is nothing in '$(DATA)'; DATA=FOLDER says where the data are)
endif
GENES ?= 2000

MODELS = joint reseeded alone_A alone_B chain_AB
o = $(OUT)

all: $o/proofs.txt $o/table.tsv
	@cat $o/proofs.txt; echo; column -t -s "$$(printf '\t')" $o/table.tsv

$o/both.scz: $o/A.scz $o/B.scz
	sc-cat -q --join inner --batch-key file -o $@ $^

$o/joint.scm: $o/ref.scm $o/both.scz
	$(surgery) --batch-size $(n_joint) -o $@ $^
$o/reseeded.scm: $o/ref.scm $o/both.scz
	$(surgery) --batch-size $(n_joint) --seed 1 -o $@ $^
$o/alone_%.scm: $o/ref.scm $o/%.scz
	$(surgery) --batch-size $(n_alone) -o $@ $^
$o/chain_AB.scm: $o/alone_A.scm $o/B.scz
	$(surgery) --batch-size $(n_alone) -o $@ $^

# embeddings, MODEL.BATCH.tsv
embed = sc-embed -q $(1) $(2) | sc-view -t obsm/$(rep)
$o/ref.tsv: $o/ref.scm $o/ref.scz
	$(call embed,$^) >$@
$(foreach m,$(MODELS),$o/$m.A.tsv): $o/%.A.tsv: $o/%.scm $o/A.scz
	$(call embed,$^) >$@
$(foreach m,$(MODELS),$o/$m.B.tsv): $o/%.B.tsv: $o/%.scm $o/B.scz
	$(call embed,$^) >$@

$o/proofs.txt: $(MODELS:%=$o/%.scm) $o/ref.scz $o/A.scz $o/B.scz $o/both.scz $o/joint.A.tsv $o/joint.B.tsv
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

clean:
	rm -rf $o
.PHONY: all clean
.SECONDARY:
