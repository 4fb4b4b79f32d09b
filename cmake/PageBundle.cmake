# The files of the report page (the drawing library, its licences, style, script, chart specifications) become bytes of
# the analysis library, so that `breakeven report` is one binary that works on a login node. The assembler's .incbin takes
# them as they are: no npm, no code generator, nothing to compile. src/analysis/page/embedded.hpp reads them.
enable_language(ASM)

set(page_folder ${PROJECT_SOURCE_DIR}/src/analysis/page)
set(PAGE_FILES
    bundle/vega_bundle.min.js bundle/LICENSES style.css boot.js
    charts/overview.vl.json charts/time.vl.json charts/front.vl.json charts/scaling.vl.json charts/efficiency.vl.json
    charts/ranks.vl.json charts/counts.vl.json charts/winners.vl.json)

# breakeven_embed(OUTPUT files...): writes OUTPUT, which defines page_<name>_begin and page_<name>_end for each file;
# <name> is the file name without folder, every other character than letters and digits an underscore.
function(breakeven_embed output)
  set(assembly "/* Made by cmake/PageBundle.cmake. */\n.section .rodata\n")
  foreach(file IN LISTS ARGN)
    get_filename_component(name ${file} NAME)
    string(REGEX REPLACE "[^A-Za-z0-9]" "_" name ${name})
    string(APPEND assembly ".global page_${name}_begin\n.global page_${name}_end\n.balign 16\npage_${name}_begin:\n"
                           ".incbin \"${page_folder}/${file}\"\npage_${name}_end:\n.byte 0\n")
    list(APPEND paths ${page_folder}/${file})
  endforeach()
  string(APPEND assembly ".section .note.GNU-stack,\"\",%progbits\n")  # says that the stack need not be executable
  file(CONFIGURE OUTPUT ${output} CONTENT "${assembly}" @ONLY)
  set_source_files_properties(${output} PROPERTIES OBJECT_DEPENDS "${paths}")
endfunction()

set(PAGE_BUNDLE_SOURCE ${PROJECT_BINARY_DIR}/page_files.s)
breakeven_embed(${PAGE_BUNDLE_SOURCE} ${PAGE_FILES})
