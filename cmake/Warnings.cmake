# Warnings are errors in CI (-DBREAKEVEN_WERROR=ON, set by scripts/check.sh); a user's newer compiler must not stop a build.
option(BREAKEVEN_WERROR "Treat warnings as errors" OFF)
add_library(breakeven_warnings INTERFACE)
target_compile_options(breakeven_warnings INTERFACE -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wpedantic
                       $<$<BOOL:${BREAKEVEN_WERROR}>:-Werror>)
# GCC 12 warns about overlapping copies inside std::string's operator+ where there are none (GCC bug 105651).
target_compile_options(breakeven_warnings INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
