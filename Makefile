# The face of the build; CMakeLists.txt is what stands behind it.
#
#   make                  build/aerials, build/libaerials.so
#   make test             all tests, under the address and undefined-behaviour sanitizers
#   make test T=kv/merge  those whose name matches
#   make check            everything a change should pass
#   make bench            side by side with other stores; LONG=1 adds 10,000,000 keys in two halves
#   make install          to PREFIX (/usr/local), below DESTDIR if set
#   make format, make clean, make demo

PREFIX ?= /usr/local
export BENCH_DIR ?= build
JOBS ?= $(shell nproc)
CMAKE = cmake -G Ninja -S .
SOURCES = $(shell git ls-files '*.c' '*.h' 2>/dev/null || find include src cli bench tests -name '*.[ch]')
SCRIPTS = test demo tools/packages .ci/run $(wildcard tests/*/*.sh)

export UBSAN_OPTIONS ?= print_stacktrace=1
export TSAN_OPTIONS ?= second_deadlock_stack=1

all:
	@$(CMAKE) -B build -DBUILD_TESTING=OFF > /dev/null
	@ninja -C build -j $(JOBS)

# Sanitizers with -O1: they find the same, and the long random tests take half the time.
DEBUG = -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS_DEBUG='-O1 -g'
CTEST = ctest --output-on-failure --no-tests=error -j $(JOBS)

test:
	@$(CMAKE) -B build-asan $(DEBUG) -DSANITIZE=address,undefined > /dev/null
	@ninja -C build-asan -j $(JOBS)
	@$(CTEST) --test-dir build-asan $(if $(T),-R '$(T)')

# ---- make check, in the order of what fails soonest ----

check: check-format check-scripts check-warnings check-lint test check-threads check-model
check-static: check-format check-scripts check-warnings check-lint

check-format:
	clang-format --dry-run -Werror $(SOURCES)

check-scripts:
	shellcheck $(SCRIPTS)

WARNINGS = build-warnings-gcc build-warnings-clang
check-warnings: $(WARNINGS)
$(WARNINGS): build-warnings-%:
	@$(CMAKE) -B $@ -DCMAKE_C_COMPILER=$* -DWERROR=ON > /dev/null
	@ninja -C $@ -j $(JOBS) all $(if $(wildcard bench/*.c),aerials_bench aerials_bench_tables)

# readdir_r, which cppcheck would have us use, is deprecated by the C library.
check-lint: build-warnings-clang
	run-clang-tidy -quiet -j $(JOBS) -p build-warnings-clang '$(CURDIR)/(src|cli|bench)/' > build-warnings-clang/tidy.log 2>&1 \
	    || { grep -v '^\(clang-tidy\|[0-9]* warnings\)' build-warnings-clang/tidy.log; false; }
	cppcheck -q -j $(JOBS) --std=c11 --library=posix --enable=warning,performance,portability --inline-suppr \
	    --suppress=missingIncludeSystem --suppress=readdirCalled --error-exitcode=1 -D_GNU_SOURCE -Iinclude -Isrc $(wildcard src cli bench)

# The tests that run several threads, under the thread sanitizer.
check-threads:
	@$(CMAKE) -B build-tsan $(DEBUG) -DSANITIZE=thread > /dev/null
	@ninja -C build-tsan -j $(JOBS)
	@$(CTEST) --test-dir build-tsan -L threads

# A million random operations against a map; under the sanitizers of `make test` it is fewer.
check-model: build-warnings-gcc
	@$(CTEST) --test-dir build-warnings-gcc -R '^(model|tables)/model$$'

# ---- the rest ----

bench:
	@$(CMAKE) -B build -DBUILD_TESTING=OFF > /dev/null
	@ninja -C build -j $(JOBS) aerials_bench aerials_bench_tables
	@build/aerials_bench $(if $(LONG),--long)
	@echo
	@build/aerials_bench_tables "$(BENCH_DIR)/bench-tables"

install: all
	@DESTDIR='$(DESTDIR)' cmake --install build --prefix '$(PREFIX)'

format:
	clang-format -i $(SOURCES)

demo:
	@./demo

clean:
	rm -rf build build-asan build-tsan $(WARNINGS)

.PHONY: all test check check-static check-format check-scripts check-warnings check-lint check-threads check-model \
	$(WARNINGS) bench install format demo clean
