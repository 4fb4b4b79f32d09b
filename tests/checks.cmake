# Checks that are no C++: each a test with a label of its own, so that scripts/check.sh can run, time and count them.
# Exit 77 means "cannot run here"; the test has printed why.
find_program(PYTHON3 python3)
function(breakeven_check name timeout)
  add_test(NAME ${name} COMMAND ${ARGN})
  set_tests_properties(${name} PROPERTIES LABELS ${name} SKIP_RETURN_CODE 77 TIMEOUT ${timeout})
endfunction()

set(tests ${PROJECT_SOURCE_DIR}/tests)
breakeven_check(format 120 ${tests}/check_format.sh)
if(PYTHON3)
  breakeven_check(layers 60 ${PYTHON3} ${tests}/check_layers.py)
  add_test(NAME layers_self_test COMMAND ${PYTHON3} ${tests}/check_layers.py --self-test)
  set_tests_properties(layers_self_test PROPERTIES LABELS layers)
  breakeven_check(headers 900 ${PYTHON3} ${tests}/check_headers.py ${PROJECT_BINARY_DIR} 2)
  set_tests_properties(headers PROPERTIES PROCESSORS 2)
  if(EXISTS ${tests}/results/readers_test.py)
    breakeven_check(readers 300 /usr/bin/python3 ${tests}/results/readers_test.py
                    ${PROJECT_SOURCE_DIR}/data/golden/study-1.1.h5)
  endif()
endif()
breakeven_check(fuzz 900 ${tests}/fuzz/run.sh 20)  # with clang, in build/fuzz
set_tests_properties(fuzz PROPERTIES PROCESSORS 2)
if(EXISTS ${tests}/analysis/page_test.mjs)
  breakeven_check(page 300 ${tests}/run_page_test.sh ${PROJECT_BINARY_DIR})
endif()
