# The programs end to end, started as a user starts them. Each file is one test; it starts several launches at a time.
# Run by the distribution's python3, which has h5py, whatever python3 stands first in PATH.
find_program(PYTHON3_WITH_H5PY python3 PATHS /usr/bin NO_DEFAULT_PATH)
list(JOIN BREAKEVEN_TEST_MPI_FLAGS " " driver_mpi_flags)
# ob1: start-up without a search for networks, a sixth faster over some two hundred launches.
set(driver_environment ${BREAKEVEN_TEST_ENVIRONMENT} OMPI_MCA_pml=ob1 "BREAKEVEN_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}"
                       "BREAKEVEN_MPIEXEC=${MPIEXEC_EXECUTABLE}" "BREAKEVEN_MPI_FLAGS=${driver_mpi_flags}"
                       "PYTHONDONTWRITEBYTECODE=1")
if(PYTHON3_WITH_H5PY)
  foreach(name rejections input_files least_squares heavy_pairs relu_training kronecker softmax_relu faulty_methods solutions output shards front_end calibrate peers page_faults)
    add_test(NAME drivers_${name} COMMAND ${PYTHON3_WITH_H5PY} ${CMAKE_CURRENT_LIST_DIR}/${name}_test.py)
    set_tests_properties(drivers_${name} PROPERTIES LABELS drivers PROCESSORS 2 SKIP_RETURN_CODE 77 TIMEOUT 300
                                                    ENVIRONMENT "${driver_environment}")
  endforeach()
endif()
