# bytes_of(FILE OUT): sets OUT to the bytes of a file as C++ character literals, each with a comma behind it.
function(bytes_of file out)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${file}")
  file(READ "${file}" hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${hex}")
  set(${out} "${bytes}" PARENT_SCOPE)
endfunction()

# embed_page(OUT): writes a source that has the files of observer/dist in it.
function(embed_page out)
  set(folder "${PROJECT_SOURCE_DIR}/observer/dist")
  set(files
    "/|index.html|text/html[SEMICOLON] charset=utf-8"
    "/observer.js|observer.js|text/javascript[SEMICOLON] charset=utf-8"
    "/observer.css|observer.css|text/css[SEMICOLON] charset=utf-8"
    "/icon.svg|icon.svg|image/svg+xml"
    "/licences.txt|licences.txt|text/plain[SEMICOLON] charset=utf-8")
  set(STEWARD_PAGE_BYTES "")
  set(STEWARD_PAGE_FILES "")
  set(number 0)
  foreach(one IN LISTS files)
    string(REPLACE "|" ";" parts "${one}")
    list(GET parts 0 path)
    list(GET parts 1 name)
    list(GET parts 2 type)
    string(REPLACE "[SEMICOLON]" ";" type "${type}")
    bytes_of("${folder}/${name}" bytes)
    string(APPEND STEWARD_PAGE_BYTES "constexpr char bytes_${number}[] = {${bytes}};\n")
    string(APPEND STEWARD_PAGE_FILES
      "    {\"${path}\", \"${type}\", {bytes_${number}, sizeof bytes_${number}}},\n")
    math(EXPR number "${number} + 1")
  endforeach()
  configure_file("${PROJECT_SOURCE_DIR}/runtime/control/page_files.cpp.in" "${out}" @ONLY)
endfunction()
