# Runs over several nodes that are namespaces of this machine, made by scripts/cluster.sh. A cluster is a fixture: it is
# ended whatever the tests did, and a run of one of its tests by name brings it along.
function(breakeven_cluster name)
  set(state ${PROJECT_BINARY_DIR}/${name}_cluster)
  add_test(NAME ${name}_up COMMAND ${PROJECT_SOURCE_DIR}/tests/start_cluster.sh ${state} ${ARGN})
  set_tests_properties(${name}_up PROPERTIES FIXTURES_SETUP ${name} LABELS ${name} SKIP_RETURN_CODE 77 TIMEOUT 60)
  add_test(NAME ${name}_down COMMAND ${PROJECT_SOURCE_DIR}/scripts/cluster.sh down --state ${state})
  set_tests_properties(${name}_down PROPERTIES FIXTURES_CLEANUP ${name} LABELS ${name} SKIP_RETURN_CODE 77 TIMEOUT 60)
endfunction()

function(breakeven_cluster_test cluster name timeout)
  set(state ${PROJECT_BINARY_DIR}/${cluster}_cluster)
  add_test(NAME ${cluster}_${name} COMMAND ${PYTHON3_WITH_H5PY} ${PROJECT_SOURCE_DIR}/tests/${cluster}/${name}_test.py)
  # Each node has few ranks, so Open MPI does not see that all of them share this machine's cores: yield is said.
  set_tests_properties(${cluster}_${name} PROPERTIES
    FIXTURES_REQUIRED ${cluster} LABELS ${cluster} SKIP_RETURN_CODE 77 TIMEOUT ${timeout}
    ENVIRONMENT "BREAKEVEN_CLUSTER=${state};SLURM_CONF=${state}/slurm.conf;BREAKEVEN_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY};\
PYTHONDONTWRITEBYTECODE=1;OMPI_ALLOW_RUN_AS_ROOT=1;OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1;OMPI_MCA_mpi_yield_when_idle=1")
endfunction()

if(PYTHON3_WITH_H5PY)
  breakeven_cluster(slurm 6)
  foreach(name scaling time_limit rank_failure node_failure)  # side by side: most of their time is waiting for Slurm
    breakeven_cluster_test(slurm ${name} 400)
  endforeach()
  breakeven_cluster(hosts 3 --without-slurm)
  breakeven_cluster_test(hosts failures 240)
  add_test(NAME hosts_cluster_script
           COMMAND ${PYTHON3_WITH_H5PY} ${CMAKE_CURRENT_LIST_DIR}/hosts/cluster_script_test.py)
  set_tests_properties(hosts_cluster_script PROPERTIES LABELS hosts SKIP_RETURN_CODE 77 TIMEOUT 200
                                                       ENVIRONMENT PYTHONDONTWRITEBYTECODE=1)
endif()
