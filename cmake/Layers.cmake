# breakeven_layer(NAME folder [PUBLIC libs...] [PRIVATE libs...]): src/<folder>/**/*.cpp as the static library
# breakeven_<folder>. Third-party libraries stay private to the layer, so that a stray include fails to compile.
function(breakeven_layer name)
  cmake_parse_arguments(LAYER "" "" "PUBLIC;PRIVATE;EXTRA" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${name}/*.cpp)
  add_library(breakeven_${name} STATIC ${sources} ${LAYER_EXTRA})
  target_include_directories(breakeven_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(breakeven_${name} PUBLIC ${LAYER_PUBLIC} PRIVATE breakeven_warnings ${LAYER_PRIVATE})
endfunction()

# breakeven_test(NAME layer [RANKS n] LIBS...): tests/<layer>/**/*_test.cpp as one executable. With RANKS it is launched
# once by mpiexec and its cases run on sub-communicators (tests/support/on_ranks.hpp).
function(breakeven_test name)
  cmake_parse_arguments(TEST "" "RANKS;TIMEOUT" "LIBS;EXTRA" ${ARGN})
  if(NOT TEST_TIMEOUT)
    set(TEST_TIMEOUT 120)
  endif()
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${name}/*_test.cpp)
  if(NOT sources)
    return()
  endif()
  add_executable(test_${name} ${sources} ${TEST_EXTRA})
  target_include_directories(test_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_compile_options(test_${name} PRIVATE -O1)
  target_link_libraries(test_${name} PRIVATE breakeven_warnings ${TEST_LIBS} GTest::gmock)
  if(TEST_RANKS)
    target_sources(test_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/support/mpi_main.cpp)
    target_link_libraries(test_${name} PRIVATE breakeven_comm Boost::mpi Boost::serialization MPI::MPI_CXX)
    target_compile_definitions(test_${name} PRIVATE OMPI_SKIP_MPICXX)
    add_test(NAME ${name} COMMAND ${MPIEXEC_EXECUTABLE} ${MPIEXEC_NUMPROC_FLAG} ${TEST_RANKS} ${BREAKEVEN_TEST_MPI_FLAGS}
                                  $<TARGET_FILE:test_${name}>)
    set_tests_properties(${name} PROPERTIES PROCESSORS 2 LABELS mpi)
  else()
    target_link_libraries(test_${name} PRIVATE GTest::gtest_main)
    add_test(NAME ${name} COMMAND test_${name})
    set_tests_properties(${name} PROPERTIES LABELS pure)
  endif()
  # Where the compiler ran: a source file's own name (__FILE__), which ccache may make relative, then leads to the source.
  set_tests_properties(${name} PROPERTIES TIMEOUT ${TEST_TIMEOUT} WORKING_DIRECTORY ${PROJECT_BINARY_DIR}
                                          ENVIRONMENT "${BREAKEVEN_TEST_ENVIRONMENT}")
endfunction()
