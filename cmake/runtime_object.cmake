# The runtime as one relocatable file: nnc links it with a model's object into a program, on machines that need neither a compiler nor a
# linker nor the C library's development files. It holds the start-up files of the C library and every member of the static libraries
# that the runtime uses; only the functions of the module (nnc_train, …) are left to be found.
#
#   nnc_runtime_object(<target> <file> <sources…>)
function(nnc_runtime_object target file)
  add_library(${target}_parts OBJECT ${ARGN})
  target_compile_definitions(${target}_parts PRIVATE FMT_HEADER_ONLY NNC_VERSION="${PROJECT_VERSION}")
  target_compile_options(${target}_parts PRIVATE -O2 -Wall -Wextra -ffunction-sections -fdata-sections -fno-pie)
  target_include_directories(${target}_parts PRIVATE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/include)
  foreach(name crt1.o crti.o crtbeginT.o crtend.o crtn.o libstdc++.a libz.a libm.a libc.a libgcc.a libgcc_eh.a)
    execute_process(COMMAND ${CMAKE_CXX_COMPILER} -print-file-name=${name} OUTPUT_VARIABLE path OUTPUT_STRIP_TRAILING_WHITESPACE)
    if(NOT IS_ABSOLUTE ${path})
      message(FATAL_ERROR "${name} is missing: install the static libraries of the C and C++ compiler and of zlib")
    endif()
    string(MAKE_C_IDENTIFIER ${name} variable)
    set(${variable} ${path})
  endforeach()
  add_custom_command(OUTPUT ${file}
    COMMAND ${CMAKE_LINKER} -r --force-group-allocation -T ${CMAKE_SOURCE_DIR}/cmake/runtime_sections.ld -o ${file} ${crt1_o} ${crti_o} ${crtbeginT_o} $<TARGET_OBJECTS:${target}_parts>
            --start-group ${libstdc___a} ${libz_a} ${libm_a} ${libgcc_a} ${libgcc_eh_a} ${libc_a} --end-group ${crtend_o} ${crtn_o}
    COMMAND ${CMAKE_OBJCOPY} --strip-debug ${file}
    DEPENDS ${target}_parts $<TARGET_OBJECTS:${target}_parts> ${CMAKE_SOURCE_DIR}/cmake/runtime_sections.ld
    COMMAND_EXPAND_LISTS VERBATIM COMMENT "Linking the runtime into one file")
  add_custom_target(${target} ALL DEPENDS ${file})
endfunction()
