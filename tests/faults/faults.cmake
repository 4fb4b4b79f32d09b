# The programs under faults: killed at random moments, stopped by signals, on full and read-only disks, with spoilt files.
# By hand, with more trials: BREAKEVEN_BIN=build/release/bin python3 tests/faults/kill_trials.py 200
if(PYTHON3_WITH_H5PY)
  function(breakeven_fault_test name)
    add_test(NAME faults_${name} COMMAND ${PYTHON3_WITH_H5PY} ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/${ARGN})
    set_tests_properties(faults_${name} PROPERTIES LABELS faults SKIP_RETURN_CODE 77 TIMEOUT 600
                                                   ENVIRONMENT "${driver_environment}")
  endfunction()
  breakeven_fault_test(kills kill_trials.py 20)
  breakeven_fault_test(signals signals_test.py)
  breakeven_fault_test(disks disks_test.py)
  breakeven_fault_test(mutations mutations_test.py 150)
endif()
