# cmake -DCOMPILER=... -DSOURCE=... -DINCLUDES=a;b -DSAYS=TEXT -P check.cmake
# A program with one mistake is refused with one error, which says what to write. With -DFIRST=ON more may follow it.
list(TRANSFORM INCLUDES PREPEND "-I")
execute_process(COMMAND "${COMPILER}" -std=c++20 -fsyntax-only ${INCLUDES} "${SOURCE}"
  RESULT_VARIABLE result OUTPUT_VARIABLE out ERROR_VARIABLE errors)
if(result EQUAL 0)
  message(FATAL_ERROR "${SOURCE} is taken, though it cannot work")
endif()
string(REGEX MATCHALL "error: " found "${errors}")
list(LENGTH found count)
if(FIRST AND count GREATER 1)
  string(REGEX MATCH "error: [^\n]*" errors "${errors}")
  set(count 1)
endif()
string(FIND "${errors}" "${SAYS}" place)
if(NOT count EQUAL 1 OR place EQUAL -1)
  message(FATAL_ERROR "wanted one error that says '${SAYS}', got ${count}:\n${errors}")
endif()
