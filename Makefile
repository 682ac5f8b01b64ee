# make: everything into build/.  make check: all tests.  make demo: the tutorial on simulated cells, into demo/.
# TESTS='sc-norm test_knn' runs those alone, by their names.  make install: PREFIX, DESTDIR as usual.
# V=1 shows the whole commands, -s not even a line for each.
# check and demo fetch with apt-get what is missing, as make deps does.
B ?= build
PREFIX ?= /usr/local
CFLAGS ?= -O2 -g
PKG_CONFIG ?= pkg-config
WARN ?= -Wall -Wextra -Wpedantic -Wshadow -Wconversion
NOUNDEF = -Wl,-z,defs
VERSION := $(shell cat VERSION)
DEBS = gcc libc6-dev pkgconf libzstd-dev libarchive-dev libjansson-dev libcairo2-dev libhdf5-dev libxxhash-dev \
	liblzf-dev libigraph-dev zlib1g-dev libcmocka-dev bats mandoc
PKGS = libzstd libarchive jansson cairo hdf5 libxxhash
$(foreach f,h5ad 10x-h5 loom,$(eval PKGS_$f = hdf5)$(eval LIBS_$f = -llzf))
PKGS_sc-plot = cairo fontconfig
PKGS_sc-leiden = igraph
PKGS_sc-report = zlib

pc = $(shell $(PKG_CONFIG) --$(1) $(2) 2>/dev/null)
PKG_CFLAGS := $(call pc,cflags,$(PKGS))
INCLUDES = $(patsubst %/,-I%,$(sort $(dir $(wildcard lib/*/sc_*.h))))
LIBS := -lm -ldl $(call pc,libs,libzstd jansson libxxhash libarchive)
CC_ALL = $(CC) $(CPPFLAGS) -D_GNU_SOURCE -Ilib $(INCLUDES) -DSC_VERSION='"$(VERSION)"' $(CFLAGS) -std=c17 $(WARN) \
	-pthread -fPIC -fvisibility=hidden -ffp-contract=off $(call quote,-ffile-prefix-map=$(CURDIR)=.) -MMD -MP
say = $(if $(filter-out 0,$(V)),,@)$(if $(filter-out 0,$(V))$(findstring s,$(firstword -$(MAKEFLAGS))),,printf '  %-4s%s\n' $(1) $@; )
LINK = $(call say,LD)mkdir -p $(@D); $(CC) $(CFLAGS) -pthread $(LDFLAGS) -o $@
quote = '$(subst ','\'',$(1))'

ISAS = avx512 avx2 base
ISA_avx512 = -mavx512f -mavx512dq -mavx512bw -mavx512vl -mavx2 -mfma -mprefer-vector-width=512 -DSC_ISA_WIDTH=16
ISA_avx2 = -mavx2 -mfma -DSC_ISA_WIDTH=8
ISA_base = -DSC_ISA_WIDTH=4
SRC = $(sort $(filter-out $(ISASRC) $(OPSRC),$(wildcard lib/*/*.c)))
ISASRC = $(sort $(wildcard lib/isa/*.c))
OPSRC = $(sort $(wildcard lib/ops/*.c))
OBJ = $(SRC:%.c=$B/%.o) $(patsubst %.c,$B/%.f64.o,$(wildcard lib/exec/*.c) $(OPSRC)) $(foreach i,$(ISAS),$(patsubst %.c,$B/%.$i.o,$(ISASRC) $(OPSRC)))
TOOLS = $(patsubst tools/%.c,$B/bin/%,$(sort $(wildcard tools/sc-*.c)))
PLUGINS = $(patsubst plugins/%.c,$B/plugins/%.so,$(sort $(wildcard plugins/*.c)))
FORMATS = $(patsubst formats/%.c,$B/formats/%.so,$(sort $(wildcard formats/*.c)))
CTESTS = $(patsubst tests/%.c,$B/tests/%,$(sort $(wildcard tests/test_*.c)))
MAN = $(patsubst man/%,$B/man/%,$(sort $(wildcard man/*.[1-9])))

all: $(TOOLS) $(PLUGINS) $(FORMATS) $(MAN)

.SECONDEXPANSION: # x.c may have more sources in a folder of its name: formats/h5ad/*.c go into formats/h5ad.so
more = $$(addprefix $B/,$$(addsuffix .o,$$(basename $$(sort $$(wildcard $(1)/$$*/*.c)))))
$B/libsluice.a: $(OBJ)
	$(call say,AR)rm -f $@; $(AR) Drcs $@ $^
$B/bin/%: $B/tools/%.o $(call more,tools) $B/libsluice.a
	$(LINK) -Wl,--as-needed $^ $(LIBS) $(call pc,libs,$(PKGS_$*))
$B/plugins/%.so: $B/plugins/%.o
	$(LINK) -shared $(NOUNDEF) $^ -lm
$(foreach f,h5ad 10x-h5 loom,$B/formats/$f.so): $(patsubst %.c,$B/%.o,$(sort $(wildcard formats/common/h5*.c)))
$B/formats/%.so: $B/formats/%.o $(call more,formats) $B/libsluice.a
	$(LINK) -shared $(NOUNDEF) -Wl,--as-needed $^ $(call pc,libs,$(PKGS_$*)) $(LIBS_$*) $(LIBS)
$B/tests/%: $B/tests/%.o $B/libsluice.a
	$(LINK) -Wl,--as-needed $^ -lcmocka $(LIBS) $(call pc,libs,$(PKGS_$*))
$B/bench/%: $B/tests/bench/%.o $B/libsluice.a
	$(LINK) $^ $(LIBS)
define isa_rule
$B/%.$1.o: %.c $B/flags
	$$(call say,CC)mkdir -p $$(@D); $$(CC_ALL) -O3 -fno-math-errno $$(if $$(findstring isa,$$<),-ffp-contract=fast) $$(ISA_$1) -DSC_ISA=$1 -c -o $$@ $$<
endef
$(foreach i,$(ISAS),$(eval $(call isa_rule,$i)))
$B/%.f64.o: %.c
	$(call say,CC)mkdir -p $(@D); $(CC_ALL) -DSC_F64 -c -o $@ $<
$B/%.o: %.c $B/flags
	$(call say,CC)mkdir -p $(@D); $(CC_ALL) $(PKG_CFLAGS) -c -o $@ $<
# loops over entries, which vectorize; private: $B/flags must not see it
$(addprefix $B/lib/,stream/sc_stream_matrix.o model/sc_net_tensors.o data/sc_rows.o data/sc_gene_order.o infer/sc_infer_block.o train/sc_packed.o train/sc_minibuf.o): private CFLAGS += -O3
$B/flags: FORCE # other flags than last time: compile anew
	@mkdir -p $B; printf '%s\n' $(call quote,$(CC_ALL)) | cmp -s - $@ || printf '%s\n' $(call quote,$(CC_ALL)) >$@
# the one source that knows of PREFIX, so that another one compiles this alone
$B/lib/model/sc_plugin.o: private override CPPFLAGS += -DSC_PREFIX='"$(PREFIX)"'
$B/lib/model/sc_plugin.o: $B/prefix
$B/prefix: FORCE
	@mkdir -p $B; printf '%s\n' $(call quote,$(PREFIX)) | cmp -s - $@ || printf '%s\n' $(call quote,$(PREFIX)) >$@
$B/tools/sc-report/assets.o: $(wildcard tools/sc-report/page.* tools/sc-report/*.js)
$B/man/sc-%.1: man/sc-%.1 $B/bin/sc-% tests/mkman
	$(call say,MAN)mkdir -p $(@D); tests/mkman $B/bin/sc-$* $< >$@.tmp && mv $@.tmp $@
$B/man/sc-read.1 $B/man/sc-write.1: $(FORMATS) # whose options they list
$B/man/%: man/%
	$(call say,MAN)mkdir -p $(@D); cp $< $@

deps:
	@CC="$(CC)" PKG_CONFIG="$(PKG_CONFIG)" tests/deps $(DEBS)
check demo: deps # pkg-config answers after deps only, so a second make asks it
	@$(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$$(nproc)) run-$@
run-check: all $(CTESTS)
	tests/run $B $(TESTS)
run-demo: all
	@PATH="$(abspath $B)/bin:$$PATH" tests/workflows/tutorial.sh demo
asan: # the leak check of gcc 12 misreads the thread-local storage of some plugins' libraries and crashes
	ASAN_OPTIONS=intercept_tls_get_addr=0 LSAN_OPTIONS=suppressions=$(CURDIR)/tests/lsan.supp $(MAKE) B=build/asan CFLAGS="-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined" \
		LDFLAGS="-fsanitize=address,undefined" NOUNDEF= check
# ten times slower: what was made for it, and the C tests that have threads and end in a minute
THREADED = threads.bats $(filter-out test_gradients test_transfer test_counts,$(basename $(notdir $(shell grep -l sc_pool_new tests/test_*.c))))
tsan:
	$(MAKE) B=build/tsan CFLAGS="-O1 -g -fsanitize=thread" LDFLAGS=-fsanitize=thread NOUNDEF= TESTS="$(or $(TESTS),$(THREADED))" check
install: all
	tests/install $B "$(DESTDIR)$(PREFIX)" "$(PREFIX)" "$(VERSION)"
bench: all $B/bench/kernels $B/bench/train # SCVI_PYTHON=python with scvi-tools: side by side with it
	$B/bench/kernels
	$B/bench/train
	tests/bench/run $B
fmt:
	clang-format -i $$(git ls-files '*.[ch]')
dist: # a release, of what is committed; a commit gives the same bytes each time
	@mkdir -p $B; git archive -9 --prefix=sluice-$(VERSION)/ -o $B/sluice-$(VERSION).tar.gz HEAD
	@echo $B/sluice-$(VERSION).tar.gz
clean:
	rm -rf build demo
.PHONY: bench all dist check run-check demo run-demo asan tsan fmt clean deps install FORCE
.PRECIOUS: $B/%.o # not .SECONDARY, for which an object that is missing is none to make if its source is old
-include $(shell find $B -name '*.d' 2>/dev/null)
