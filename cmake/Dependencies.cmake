# find_package only. The Debian packages behind each line stand in scripts/install_dependencies.sh.
find_package(Threads REQUIRED)
find_package(MPI REQUIRED COMPONENTS C CXX)
set(HDF5_PREFER_PARALLEL ON)
find_package(HDF5 REQUIRED COMPONENTS C HL)
if(NOT HDF5_IS_PARALLEL)
  message(FATAL_ERROR "HDF5 was found without MPI support; install the parallel build (Debian: libhdf5-openmpi-dev)")
endif()
find_package(Boost 1.74 REQUIRED COMPONENTS mpi serialization)
find_package(Eigen3 3.4 REQUIRED NO_MODULE)
find_package(CLI11 CONFIG REQUIRED)
find_package(fmt CONFIG REQUIRED)
find_package(nlohmann_json CONFIG REQUIRED)
find_package(tomlplusplus CONFIG REQUIRED)
# Its headers alone, without the library that Debian's target brings: the parser is then compiled here, with the mend that
# toml_reader.cpp makes, and a sanitizer sees it.
add_library(breakeven_toml INTERFACE)
target_include_directories(breakeven_toml SYSTEM INTERFACE
                           $<TARGET_PROPERTY:tomlplusplus::tomlplusplus,INTERFACE_INCLUDE_DIRECTORIES>)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(ZLIB REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(HWY REQUIRED IMPORTED_TARGET libhwy)
pkg_check_modules(LBFGS REQUIRED IMPORTED_TARGET liblbfgs)
set(BLA_VENDOR OpenBLAS)
find_package(BLAS REQUIRED)
find_path(CBLAS_INCLUDE_DIR cblas.h PATH_SUFFIXES x86_64-linux-gnu openblas openblas-pthread
          PATHS /usr/include/x86_64-linux-gnu /usr/include REQUIRED)
