# Makefile of libps
#
#   make              libps.so, the backend modules and psctl, into $(O)
#   make demo         the main job, everything included: packages, build, run
#   make check        the tests and gates, packages included
#   make check-asan   the unit tests under AddressSanitizer and UBSan; check-tsan: ThreadSanitizer
#   make check-valgrind   programs on proxies, and the stress, in valgrind's memcheck
#   make check-torture    everything fails once, and random schedules for SECONDS each (1)
#   make check-glibc  RELEASE=trixie: programs on proxies with the libc of another release of Debian
#   make bench        figures, each paired in one run
#   make install      PREFIX= DESTDIR=; also uninstall
#   make format       rewrite the sources in the house's format
#
# CC=clang, V=1 (show commands), O=dir (build folder), DEBUG=1 (lock ranks), SAN=address|thread

VERSION = 1.0.0
SONAME = libps.so.1

O ?= build
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
BINDIR ?= $(PREFIX)/bin
INCLUDEDIR ?= $(PREFIX)/include
MANDIR ?= $(PREFIX)/share/man
PKG_CONFIG ?= pkg-config

CFLAGS ?= -O2 -g
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wvla -fvisibility=hidden -fno-strict-aliasing -fdata-sections -pthread \
	-DPS_VERSION_TEXT='"$(VERSION)"' $(CFLAGS)
CPPFLAGS += -Iinclude -Iruntime
LDFLAGS_ALL = -pthread $(LDFLAGS)

ifeq ($(SAN),address)
ALL_CFLAGS += -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
else ifeq ($(SAN),thread)
# gcc says that it does not see fences; what they order here are atomics, which it needs none for
ALL_CFLAGS += -fsanitize=thread -fno-omit-frame-pointer $(if $(findstring clang,$(CC)),,-Wno-tsan)
endif
ifdef DEBUG
ALL_CFLAGS += -DPS_DEBUG
endif

Q = $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' '$(1)' '$(2)')

RUNTIME_SRC = $(sort $(wildcard runtime/*.c runtime/*/*.c))
BUILTIN_SRC = $(sort $(wildcard backends/file/*.c backends/memory/*.c))
SHIM_SRC = $(sort $(wildcard shim/*.c))
CLI_SRC = $(sort $(wildcard cli/*.c))
UNIT_SRC = $(sort $(wildcard tests/unit/*.c))
MODULES = cache delay fail retry trace
# What needs a library is built where that is: install-deps.sh brings them all, pkg-config as well.
has = $(shell $(PKG_CONFIG) --exists $(1) 2>/dev/null && echo yes)
ifeq ($(call has,hiredis),yes)
MODULES += redis
ifeq ($(call has,libssl),yes)
MODULES += rediss
endif
endif
ifeq ($(call has,libcurl libcrypto),yes)
MODULES += http https s3
endif
ifeq ($(call has,libcrypto),yes)
MODULES += digest
endif
# where it is not, a failure's line has no names of functions
ifeq ($(call has,libunwind-generic libdw),yes)
UNWIND_LIB = $(O)/libps/libps-unwind.so
endif
LEFT_OUT = $(filter-out $(MODULES),redis rediss http https s3 digest) $(if $(UNWIND_LIB),,unwind)
digest_LIBS = $(shell $(PKG_CONFIG) --libs libcrypto)
http_LIBS = $(shell $(PKG_CONFIG) --libs libcurl libcrypto)
s3_LIBS = $(http_LIBS)
# its names (sds...) must not meet a program's own: redis-server has them, too
redis_LIBS = $(firstword $(filter /%,$(shell $(CC) -print-file-name=libhiredis.a)) \
	$(shell $(PKG_CONFIG) --libs hiredis))
rediss_LIBS = $(redis_LIBS) $(shell $(PKG_CONFIG) --libs libssl libcrypto)
# a scheme of an example is none of the build's own, so they are not in libps/
EXAMPLE_MODULES = $(patsubst examples/backend_%.c,$(O)/tests/libps-backend-%.so, \
	$(wildcard examples/backend_*.c))
TOOLS = $(patsubst tests/tools/%.c,$(O)/tests/%,$(wildcard tests/tools/*.c))

objects = $(patsubst %.c,$(O)/%.o,$(1))
CORE_OBJ = $(call objects,$(RUNTIME_SRC) $(BUILTIN_SRC))
# ThreadSanitizer's own calls of libc would meet the hooks before it can watch them: without it
SHIM_OBJ = $(if $(filter thread,$(SAN)),,$(call objects,$(SHIM_SRC)))

LIB = $(O)/$(SONAME)
MODULE_LIBS = $(MODULES:%=$(O)/libps/libps-backend-%.so) $(UNWIND_LIB)

.PHONY: all demo check check-asan check-tsan check-valgrind check-torture bench install uninstall places format clean deps tests tools check-glibc
.DELETE_ON_ERROR:

all: $(LIB) $(O)/libps.so $(MODULE_LIBS) $(O)/psctl
	$(if $(strip $(LEFT_OUT)),@echo "left out: $(strip $(LEFT_OUT)); 'scripts/install-deps.sh demo' brings what they need")

# Position-independent throughout: everything ends in a shared object or a test.
$(O)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -fPIC -MMD -MP -c $< -o $@

# -z now: no lazy binding inside a signal handler; nodelete: threads and hooks outlive a dlclose.
# Every program's start pays for this file: fewer parts to map, and small variables side by side,
# so that few pages are touched, took a sixth off that.
$(LIB): $(CORE_OBJ) $(SHIM_OBJ) shim/libps.map
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) -shared -Wl,-soname,$(SONAME) -Wl,--version-script=shim/libps.map \
		-Wl,-z,defs,-z,now,-z,relro,-z,nodelete -Wl,-Bsymbolic-functions \
		-Wl,-z,noseparate-code -Wl,--sort-section=alignment \
		$(CORE_OBJ) $(SHIM_OBJ) $(LDFLAGS_ALL) -ldl -o $@

$(O)/libps.so: $(LIB)
	@ln -sf $(SONAME) $@

$(O)/libps/libps-backend-%.so: backends/%/*.c backends/module.h backends/wrap/wrap.h backends/backend.map $(LIB)
	@mkdir -p $(@D)
	$(call say,MODULE,$@)
	$(Q)$(CC) -Iinclude $(ALL_CFLAGS) -fPIC -shared -Wl,--version-script=backends/backend.map \
		-Wl,-z,defs $(filter %.c,$^) $(LIB) $($*_LIBS) $(LDFLAGS_ALL) \
		-Wl,-rpath,'$$ORIGIN/..' -o $@

# S3 is HTTP with signatures
$(O)/libps/libps-backend-s3.so: $(filter-out backends/http/http.c,$(wildcard backends/http/*.c))

# and rediss is Redis by TLS
$(O)/libps/libps-backend-rediss.so: $(wildcard backends/redis/*.c)

# a module that serves two schemes has two names
$(O)/libps/libps-backend-https.so: $(O)/libps/libps-backend-http.so
	@ln -sf $(<F) $@

$(O)/libps/libps-unwind.so: unwind/*.c unwind/*.h unwind/unwind.map
	@mkdir -p $(@D)
	$(call say,MODULE,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(shell $(PKG_CONFIG) --cflags libunwind-generic libdw) -fPIC -shared \
		-Wl,--version-script=unwind/unwind.map -Wl,-z,defs $(filter %.c,$^) \
		$(shell $(PKG_CONFIG) --libs libunwind-generic libdw) $(LDFLAGS_ALL) -ldl -o $@

$(O)/psctl: $(call objects,$(CLI_SRC)) $(LIB)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(call objects,$(CLI_SRC)) $(LIB) $(LDFLAGS_ALL) -ldl \
		-Wl,-rpath,'$$ORIGIN:$$ORIGIN/../lib' -o $@

# --- tests -------------------------------------------------------------------

CRITERION = $(shell $(PKG_CONFIG) --libs --cflags criterion)

$(O)/unit-tests: $(call objects,$(UNIT_SRC) shim/program.c backends/s3/s3_json.c backends/cache/sha256.c) \
		$(CORE_OBJ)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $^ $(CRITERION) $(LDFLAGS_ALL) -ldl -rdynamic -o $@

$(O)/tests/%: tests/tools/%.c $(LIB)
	@mkdir -p $(@D)
	$(call say,TOOL,$@)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) $< $(LIB) $(LDFLAGS_ALL) -Wl,-rpath,'$$ORIGIN/..' -o $@

$(O)/tests/libps-backend-%.so: examples/backend_%.c $(LIB)
	@mkdir -p $(@D)
	$(call say,MODULE,$@)
	$(Q)$(CC) -Iinclude $(ALL_CFLAGS) -fPIC -shared -Wl,-z,defs $< $(LIB) $(LDFLAGS_ALL) \
		-Wl,-rpath,'$$ORIGIN/..' -o $@

# Where they are found by whoever may not see these sources.
$(O)/tests/%.py: tests/remote/%.py
	@mkdir -p $(@D)
	$(Q)cp $< $@

tools: $(TOOLS)

tests: all $(O)/unit-tests tools $(EXAMPLE_MODULES) $(O)/tests/s3_stand_in.py $(O)/tests/s3_services.py

check: deps
	$(Q)tests/run.sh $(O)

check-asan:
	$(Q)$(MAKE) O=$(O)/asan SAN=address DEBUG=1 tests
	$(Q)tests/sanitized.sh address $(O)/asan

check-tsan:
	$(Q)$(MAKE) O=$(O)/tsan SAN=thread DEBUG=1 tests
	$(Q)tests/sanitized.sh thread $(O)/tsan

check-valgrind: deps
	$(Q)$(MAKE) all tests
	$(Q)tests/memcheck.sh $(O)

SECONDS ?= 1

# With DEBUG=1, in a folder of its own: locks trap out of order.
check-torture:
	$(Q)$(MAKE) O=$(O)/torture DEBUG=1 tests
	$(Q)tests/torture/run.sh $(O)/torture $(SECONDS)

demo:
	$(Q)scripts/install-deps.sh demo
	$(Q)$(MAKE) all
	$(Q)examples/demo.sh $(O)

bench:
	$(Q)scripts/install-deps.sh bench
	$(Q)$(MAKE) all
	$(Q)bench/run.sh $(O)

# RELEASE=trixie
check-glibc:
	$(Q)tests/other_glibc.sh $(O) $(RELEASE)

# Packages that are missing are installed (apt, as root or with sudo), or named.
deps:
	$(Q)scripts/install-deps.sh

# --- install -----------------------------------------------------------------

# where bash looks for it, whatever the prefix is a prefix of
COMPLETIONS = $(PREFIX)/share/bash-completion/completions

# libps.pc names these folders, and every command below: one word each, and absolute.
places:
	$(foreach place,PREFIX LIBDIR BINDIR INCLUDEDIR MANDIR,\
		$(if $(filter-out 1,$(words $($(place))))$(filter-out /%,$($(place))),\
		$(error $(place)="$($(place))" is no absolute path without blanks)))
	$(if $(filter-out 0 1,$(words $(DESTDIR))),$(error DESTDIR="$(DESTDIR)" has a blank))

install: places all
	install -d $(DESTDIR)$(LIBDIR)/libps $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(BINDIR) \
		$(DESTDIR)$(INCLUDEDIR)/ps $(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(MANDIR)/man3 \
		$(DESTDIR)$(MANDIR)/man7
	install -m 755 $(LIB) $(DESTDIR)$(LIBDIR)/
	ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/libps.so
	install -m 755 $(MODULE_LIBS) $(DESTDIR)$(LIBDIR)/libps/
	install -m 755 $(O)/psctl $(DESTDIR)$(BINDIR)/
	install -m 644 include/ps/*.h $(DESTDIR)$(INCLUDEDIR)/ps/
	install -D -m 644 cli/psctl.bash $(DESTDIR)$(COMPLETIONS)/psctl
	for s in 1 3 7; do \
		install -m 644 docs/man/*.$$s $(DESTDIR)$(MANDIR)/man$$s/ || exit 1; done
	sed 's|@PREFIX@|$(PREFIX)|;s|@LIBDIR@|$(LIBDIR)|;s|@INCLUDEDIR@|$(INCLUDEDIR)|;s|@VERSION@|$(VERSION)|' \
		libps.pc.in > $(DESTDIR)$(LIBDIR)/pkgconfig/libps.pc

uninstall: places
	rm -f $(DESTDIR)$(LIBDIR)/$(SONAME) $(DESTDIR)$(LIBDIR)/libps.so \
		$(patsubst %,$(DESTDIR)$(LIBDIR)/libps/%,$(notdir $(MODULE_LIBS))) \
		$(DESTDIR)$(BINDIR)/psctl $(DESTDIR)$(COMPLETIONS)/psctl \
		$(DESTDIR)$(LIBDIR)/pkgconfig/libps.pc \
		$(patsubst include/ps/%,$(DESTDIR)$(INCLUDEDIR)/ps/%,$(wildcard include/ps/*.h)) \
		$(foreach s,1 3 7,$(patsubst docs/man/%,$(DESTDIR)$(MANDIR)/man$(s)/%,$(wildcard docs/man/*.$(s))))
	rmdir $(DESTDIR)$(LIBDIR)/libps $(DESTDIR)$(INCLUDEDIR)/ps 2>/dev/null || true

format:
	git ls-files '*.c' '*.h' | xargs clang-format -i

clean:
	rm -rf $(O)

-include $(shell test -d $(O) && find $(O) -name '*.d')
