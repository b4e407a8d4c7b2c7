# steward_add_backtrace(TARGET): compiles libbacktrace, which g++ brings along in its own directory, into a static library,
# so that whoever links that needs nothing else. Its symbols get a prefix, and it reads the program alone, not the shared
# libraries. Without it, or without binutils, the target goes without file names and lines in the frames of crashes.
function(steward_add_backtrace target)
  find_program(STEWARD_GXX NAMES g++)
  if(NOT STEWARD_GXX OR NOT CMAKE_AR OR NOT CMAKE_NM OR NOT CMAKE_OBJCOPY)
    message(STATUS "libbacktrace: no g++ or binutils; crashes are told without files and lines")
    return()
  endif()
  execute_process(COMMAND ${STEWARD_GXX} -print-file-name=libbacktrace.a
    OUTPUT_VARIABLE archive OUTPUT_STRIP_TRAILING_WHITESPACE)
  execute_process(COMMAND ${STEWARD_GXX} -print-file-name=include/backtrace.h
    OUTPUT_VARIABLE header OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(NOT IS_ABSOLUTE "${archive}" OR NOT EXISTS "${archive}" OR NOT EXISTS "${header}")
    message(STATUS "libbacktrace: not found; crashes are told without files and lines")
    return()
  endif()
  set(dir ${CMAKE_CURRENT_BINARY_DIR}/libbacktrace)
  set(parts dwarf elf fileline mmap mmapio posix sort state)
  list(TRANSFORM parts APPEND .o OUTPUT_VARIABLE members)
  file(MAKE_DIRECTORY ${dir}/include)
  # The header alone: the directory that it lies in is not for other compilers.
  configure_file(${header} ${dir}/include/backtrace.h COPYONLY)
  execute_process(COMMAND ${CMAKE_AR} x ${archive} ${members} WORKING_DIRECTORY ${dir} RESULT_VARIABLE failed)
  if(NOT failed)
    execute_process(COMMAND ${CMAKE_NM} -g --defined-only ${members} WORKING_DIRECTORY ${dir}
      OUTPUT_VARIABLE symbols RESULT_VARIABLE failed)
  endif()
  string(REGEX MATCHALL "backtrace_[A-Za-z0-9_]+" symbols "${symbols}")
  list(REMOVE_DUPLICATES symbols)
  set(renames "dl_iterate_phdr steward_iterate_program\n")
  foreach(symbol IN LISTS symbols)
    string(APPEND renames "${symbol} steward_${symbol}\n")
  endforeach()
  file(WRITE ${dir}/renames.txt "${renames}")
  set(objects)
  foreach(part IN LISTS parts)
    set(object ${dir}/steward_backtrace_${part}.o)
    if(NOT failed)
      execute_process(COMMAND ${CMAKE_OBJCOPY} --redefine-syms=${dir}/renames.txt ${dir}/${part}.o ${object}
        RESULT_VARIABLE failed)
    endif()
    list(APPEND objects ${object})
  endforeach()
  if(failed)
    message(STATUS "libbacktrace: ${archive} cannot be taken apart; crashes are told without files and lines")
    return()
  endif()
  set_source_files_properties(${objects} PROPERTIES EXTERNAL_OBJECT TRUE GENERATED TRUE)
  target_sources(${target} PRIVATE ${objects})
  # For the one file that needs it, so that the others are compiled alike wherever they are built.
  set_source_files_properties(${PROJECT_SOURCE_DIR}/runtime/process/debug_info.cpp TARGET_DIRECTORY ${target} PROPERTIES
    COMPILE_DEFINITIONS STEWARD_LIBBACKTRACE COMPILE_OPTIONS "-isystem;${dir}/include" SKIP_PRECOMPILE_HEADERS ON)
endfunction()
