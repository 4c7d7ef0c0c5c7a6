# What makes a build fast, in the array `fast_options`: precompiled headers, and ccache where there is one. Sourced by tests/run and examples/quickstart/run.

set_fast_options() {  # COMPILER: gcc or clang
    fast_options=(-DCONFAB_PCH=ON)
    command -v ccache >/dev/null || return 0
    # ccache knows precompiled headers when it is told what to overlook.
    export CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
    local flags=-fpch-preprocess
    [ "$1" = gcc ] || flags="-Xclang -fno-pch-timestamp"
    fast_options+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_FLAGS="$flags")
}
