# make: everything into build/.  make deps: what Debian must give.  make check: all tests.  PREFIX, DESTDIR as usual.
B ?= build
PREFIX ?= /usr/local
CFLAGS ?= -O2 -g
WARN ?= -Wall -Wextra -Wpedantic -Wshadow -Wconversion
PKGS = libzstd libarchive jansson cairo hdf5 libxxhash
VERSION := $(shell cat VERSION)
DEBS = gcc libc6-dev pkg-config libzstd-dev libarchive-dev libjansson-dev libcairo2-dev libhdf5-dev libxxhash-dev \
	liblzf-dev libcmocka-dev bats mandoc
override CPPFLAGS += -D_GNU_SOURCE -Ilib -DSC_VERSION='"$(VERSION)"' -DSC_PREFIX='"$(PREFIX)"'
override CFLAGS += -std=c17 $(WARN) -pthread -fPIC -fvisibility=hidden -ffp-contract=off -ffile-prefix-map=$(CURDIR)=. -MMD -MP
pc = $(shell pkg-config --$(1) $(2) 2>/dev/null)

ISAS = avx512 avx2 base
ISA_avx512 = -mavx512f -mavx512dq -mavx512bw -mavx512vl -mavx2 -mfma -mprefer-vector-width=512 -DSC_ISA_WIDTH=16
ISA_avx2 = -mavx2 -mfma -DSC_ISA_WIDTH=8
ISA_base = -DSC_ISA_WIDTH=4
SRC = $(sort $(wildcard lib/*.c lib/ops/*.c))
ISASRC = $(sort $(wildcard lib/isa/*.c))
OBJ = $(SRC:%.c=$B/%.o) $(foreach i,$(ISAS),$(ISASRC:%.c=$B/%.$i.o))
TOOLS = $(patsubst tools/%.c,$B/bin/%,$(sort $(wildcard tools/sc-*.c)))
PLUGINS = $(patsubst plugins/%.c,$B/plugins/%.so,$(sort $(wildcard plugins/*.c)))
FORMATS = $(patsubst formats/%.c,$B/formats/%.so,$(sort $(wildcard formats/*.c)))
CTESTS = $(patsubst tests/%.c,$B/tests/%,$(sort $(wildcard tests/test_*.c)))
MAN1 = $(patsubst man/%,$B/man/%,$(sort $(wildcard man/*.[1-9])))
LIBS = -lm -ldl $(call pc,libs,libzstd jansson libxxhash)

all: $(TOOLS) $(PLUGINS) $(FORMATS) $(MAN1)

$B/libsluice.a: $(OBJ)
	@rm -f $@; ar Drcs $@ $^
$B/bin/%: $B/tools/%.o $B/libsluice.a
	@mkdir -p $(@D); $(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS) $(call pc,libs,$(PKGS_$*))
$B/plugins/%.so: $B/plugins/%.o
	@mkdir -p $(@D); $(CC) $(CFLAGS) $(LDFLAGS) -shared $(NOUNDEF) -o $@ $^ -lm
$B/formats/%.so: $B/formats/%.o $B/libsluice.a
	@mkdir -p $(@D); $(CC) $(CFLAGS) $(LDFLAGS) -shared $(NOUNDEF) -Wl,--as-needed -o $@ $(filter %.o,$^) $B/libsluice.a \
		$(call pc,libs,$(PKGS_$*)) $(LIBS_$*) $(LIBS)
$B/tests/%: $B/tests/%.o $B/libsluice.a
	@mkdir -p $(@D); $(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lcmocka $(LIBS) $(call pc,libs,$(PKGS_$*))
define isa_rule
$B/%.$1.o: %.c
	@mkdir -p $$(@D); $$(CC) $$(CPPFLAGS) $$(CFLAGS) -O3 -ffp-contract=fast $$(ISA_$1) -DSC_ISA=$1 -c -o $$@ $$<
endef
$(foreach i,$(ISAS),$(eval $(call isa_rule,$i)))
$B/%.o: %.c
	@mkdir -p $(@D); $(CC) $(CPPFLAGS) $(CFLAGS) $(call pc,cflags,$(PKGS)) -c -o $@ $<
$B/man/sc-%.1: man/sc-%.1 $B/bin/sc-%
	@mkdir -p $(@D); tests/mkman $B/bin/sc-$* $< > $@.tmp && mv $@.tmp $@
$B/man/%: man/%
	@mkdir -p $(@D); cp $< $@

PKGS_h5ad = hdf5
PKGS_10x-h5 = hdf5
PKGS_loom = hdf5
PKGS_mtx = libarchive
PKGS_csv = libarchive
PKGS_scvi-pt = libarchive
LIBS_h5ad = -llzf
PKGS_sc-plot = cairo
NOUNDEF = -Wl,-z,defs

check: all $(CTESTS)
	tests/run $B
asan:
	$(MAKE) B=build/asan CFLAGS="-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined" \
		LDFLAGS="-fsanitize=address,undefined" NOUNDEF= check
tsan:
	$(MAKE) B=build/tsan CFLAGS="-O1 -g -fsanitize=thread" LDFLAGS=-fsanitize=thread NOUNDEF= check
fmt:
	clang-format -i $$(git ls-files '*.[ch]')
clean:
	rm -rf build demo
.PHONY: all check asan tsan fmt clean deps demo bench install
.SECONDARY:
-include $(shell find $B -name '*.d' 2>/dev/null)
