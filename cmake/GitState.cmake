# The git state, version, build type and flags as constants of a generated header, git_state.hpp, renewed at every build
# but rewritten only when it changes. Use: include(GitState), then breakeven_git_state(TARGET).
# Also run as a script (cmake -P) by the target it makes.
if(CMAKE_SCRIPT_MODE_FILE)
  cmake_minimum_required(VERSION 3.25)  # before the function, which keeps the policies it was defined under
endif()

function(breakeven_write_git_state source_dir header version build_type flags)
  set(state "unknown")
  find_program(GIT git)
  if(GIT)
    execute_process(COMMAND ${GIT} -C ${source_dir} rev-parse --short=12 HEAD
                    OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
    if(NOT failed)
      # Only what is tracked below this folder counts. Two different changed trees must not pass for the same code.
      execute_process(COMMAND ${GIT} -C ${source_dir} diff HEAD --no-ext-diff --no-color -- .
                      OUTPUT_VARIABLE changes ERROR_QUIET)
      set(state "${commit}")
      if(NOT changes STREQUAL "")
        string(SHA256 digest "${changes}")
        string(SUBSTRING "${digest}" 0 8 digest)
        string(APPEND state "-dirty-${digest}")
      endif()
    endif()
  endif()
  string(REPLACE "\\" "\\\\" flags "${flags}")
  string(REPLACE "\"" "\\\"" flags "${flags}")
  file(CONFIGURE OUTPUT ${header} CONTENT "#pragma once
#include <string_view>
namespace breakeven::build {
inline constexpr std::string_view version = \"@version@\";
inline constexpr std::string_view git_state = \"@state@\";
inline constexpr std::string_view build_type = \"@build_type@\";
inline constexpr std::string_view flags = \"@flags@\";
}  // namespace breakeven::build
" @ONLY)
endfunction()

if(CMAKE_SCRIPT_MODE_FILE)
  breakeven_write_git_state("${SOURCE_DIR}" "${HEADER}" "${VERSION}" "${BUILD_TYPE}" "${FLAGS}")
  return()
endif()

set(breakeven_git_state_script ${CMAKE_CURRENT_LIST_FILE})
function(breakeven_git_state target)
  string(TOUPPER "${CMAKE_BUILD_TYPE}" configuration)
  string(STRIP "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${configuration}}" flags)
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/git_state)
  add_custom_target(breakeven_git_state_header BYPRODUCTS ${folder}/git_state.hpp
    COMMAND ${CMAKE_COMMAND} -DSOURCE_DIR=${PROJECT_SOURCE_DIR} -DHEADER=${folder}/git_state.hpp
            -DVERSION=${PROJECT_VERSION} "-DBUILD_TYPE=${CMAKE_BUILD_TYPE}" "-DFLAGS=${flags}"
            -P ${breakeven_git_state_script}
    COMMENT "" VERBATIM)
  add_dependencies(${target} breakeven_git_state_header)
  target_include_directories(${target} PRIVATE ${folder})
endfunction()
