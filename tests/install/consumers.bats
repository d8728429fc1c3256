# A program outside this tree finds the installed library: C11 and C++17, by pkg-config and by CMake.
# A library built with a sanitizer needs its users built with it too, hence AERIALS_SANITIZE.

setup() {
    root=$BATS_TEST_TMPDIR
    prefix=$root/prefix
    cmake --install "$AERIALS_BUILD" --prefix "$prefix" >/dev/null
    flags=(-Wall -Wextra -Wpedantic -Werror ${AERIALS_SANITIZE:+-fsanitize=$AERIALS_SANITIZE})
    PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name aerials.pc)")
    export PKG_CONFIG_PATH
    LD_LIBRARY_PATH=$(dirname "$(find "$prefix" -name libaerials.so)")
    export LD_LIBRARY_PATH

    cat >"$root/use.c" <<'SOURCE'
#include <aerials.h>
#include <stdio.h>

int main(void)
{
    aer_db *db = NULL;
    int rc = aer_open("/nonexistent/aerials", NULL, &db);

    if (rc == AER_OK || db == NULL) return 1;
    printf("%s\n", aer_version());
    aer_close(db);
    return 0;
}
SOURCE
    cp "$root/use.c" "$root/use.cpp"
}

@test "a C11 program by pkg-config" {
    read -ra package < <(pkg-config --cflags --libs aerials)
    cc -std=c11 "${flags[@]}" "$root/use.c" -o "$root/use" "${package[@]}"
    [ "$("$root/use")" = "$(pkg-config --modversion aerials)" ]
}

@test "a C++17 program by pkg-config" {
    read -ra package < <(pkg-config --cflags --libs aerials)
    c++ -std=c++17 "${flags[@]}" "$root/use.cpp" -o "$root/use" "${package[@]}"
    [ "$("$root/use")" = "$(pkg-config --modversion aerials)" ]
}

@test "both by find_package" {
    cat >"$root/CMakeLists.txt" <<'SOURCE'
cmake_minimum_required(VERSION 3.20)
project(consumer LANGUAGES C CXX)
set(CMAKE_CXX_STANDARD 17)
find_package(Aerials 0.1 REQUIRED)
add_executable(in_c use.c)
add_executable(in_cxx use.cpp)
target_link_libraries(in_c Aerials::aerials)
target_link_libraries(in_cxx Aerials::aerials)
SOURCE
    cmake -G Ninja -S "$root" -B "$root/build" -DCMAKE_PREFIX_PATH="$prefix" \
        -DCMAKE_C_FLAGS="${flags[*]}" -DCMAKE_CXX_FLAGS="${flags[*]}"
    cmake --build "$root/build"
    "$root/build/in_c"
    "$root/build/in_cxx"
}

@test "the installed command finds its library" {
    unset LD_LIBRARY_PATH
    "$prefix/bin/aerials" version
}

@test "the shared library shows aer_ names only" {
    [ -z "$(nm -D --defined-only "$LD_LIBRARY_PATH/libaerials.so" | awk '$3 !~ /^(aer_[a-z]|_init|_fini|__)/ {print $3}')" ]
}
