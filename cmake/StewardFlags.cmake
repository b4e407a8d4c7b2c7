# One INTERFACE target carries the language level, the warnings and the sanitizers of every target of this project.
# It is not exported: a consumer picks its own flags.
add_library(steward_flags INTERFACE)
target_compile_features(steward_flags INTERFACE cxx_std_20)
target_compile_options(steward_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor -Wold-style-cast
  -Woverloaded-virtual -Wcast-align -Wimplicit-fallthrough -Wextra-semi
  -fno-omit-frame-pointer
  # Position-independent code keeps the speed of other code: what is ours is never replaced by a symbol of somebody else.
  -fno-semantic-interposition)
# Files that are compiled in one batch see each other's unnamed namespaces, which is nothing to warn of.
target_compile_options(steward_flags INTERFACE
  $<$<BOOL:$<TARGET_PROPERTY:UNITY_BUILD>>:-Wno-shadow>
  $<$<AND:$<BOOL:$<TARGET_PROPERTY:UNITY_BUILD>>,$<CXX_COMPILER_ID:GNU>>:-Wno-subobject-linkage>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # False positives on std::string operator+ when optimising: GCC PR 105329, fixed in 13.
  target_compile_options(steward_flags INTERFACE -Wno-restrict)
endif()
if(STEWARD_WERROR)
  target_compile_options(steward_flags INTERFACE -Werror)
endif()
if(STEWARD_SANITIZE)
  # CAF 0.17's headers call member functions through null pointers, and cast the sentinel node of a queue to its element
  # type without using it as one: hence no `null` and no `vptr` check.
  target_compile_options(steward_flags INTERFACE -fsanitize=${STEWARD_SANITIZE} -fno-sanitize-recover=all)
  if(STEWARD_SANITIZE MATCHES "undefined")
    target_compile_options(steward_flags INTERFACE -fno-sanitize=null,vptr)
  endif()
  target_link_options(steward_flags INTERFACE -fsanitize=${STEWARD_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")  # g++ 12 reports false positives of these under the sanitizers.
    target_compile_options(steward_flags INTERFACE -Wno-maybe-uninitialized)
    if(STEWARD_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 11)
      # It cannot see what a fence orders. Ours stand between pages of two processes, where it sees nothing anyway.
      target_compile_options(steward_flags INTERFACE -Wno-tsan)
    endif()
  endif()
endif()

# steward_precompile(TARGET HEADERS...): compiles once what most files of a target begin with. Each file names its headers
# all the same: without STEWARD_PRECOMPILE, as scripts/test builds it for its consumers, it must do without.
set(steward_common_headers
  <algorithm> <array> <atomic> <chrono> <cstdint> <functional> <map> <memory> <mutex> <optional> <span> <string>
  <string_view> <thread> <utility> <vector>)
function(steward_precompile target)
  if(NOT STEWARD_PRECOMPILE)
    return()
  endif()
  target_precompile_headers(${target} PRIVATE ${ARGN})
  steward_precompile_flags(${target})
endfunction()
# The same with what was compiled for another target, whose flags must be the same.
function(steward_reuse_precompiled target from)
  if(NOT STEWARD_PRECOMPILE)
    return()
  endif()
  target_precompile_headers(${target} REUSE_FROM ${from})
  steward_precompile_flags(${target})
endfunction()
function(steward_precompile_flags target)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${target} PRIVATE -fpch-preprocess)  # ccache must see what a precompiled header stands for
    if(CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
      # The false positives of GCC PR 105329 again, which g++ 12 takes for ours where they come out of such a header.
      target_compile_options(${target} PRIVATE -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread)
    endif()
  endif()
endfunction()
