# Installs the program, the libraries, the public headers, the scenarios, and a package config, so that a consumer needs
#   find_package(steward REQUIRED)
#   target_link_libraries(app PRIVATE steward::steward)
set(STEWARD_PACKAGE_DIR "${CMAKE_INSTALL_LIBDIR}/cmake/steward")

foreach(part core runtime store control config cli actors)
  set_target_properties(steward_${part} PROPERTIES EXPORT_NAME ${part})
endforeach()
set_target_properties(steward_all PROPERTIES EXPORT_NAME steward)
set(optional_parts)
if(TARGET steward_throw_frames)
  set_target_properties(steward_throw_frames PROPERTIES EXPORT_NAME throw_frames)
  set(optional_parts steward_throw_frames)
  add_dependencies(steward steward_throw_frames)  # the program's build, as scripts/run makes it, can be installed
endif()

if(BUILD_SHARED_LIBS)
  file(RELATIVE_PATH to_libraries "/${CMAKE_INSTALL_BINDIR}" "/${CMAKE_INSTALL_LIBDIR}")
  set_target_properties(steward PROPERTIES INSTALL_RPATH "$ORIGIN/${to_libraries}")
  foreach(part core runtime store control config cli actors)
    set_target_properties(steward_${part} PROPERTIES INSTALL_RPATH "$ORIGIN" VERSION ${PROJECT_VERSION}
      SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  endforeach()
endif()
install(TARGETS steward RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS steward_core steward_runtime steward_store steward_control steward_config steward_cli steward_actors steward_all
  ${optional_parts}
  EXPORT steward_targets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT steward_targets NAMESPACE steward:: DESTINATION ${STEWARD_PACKAGE_DIR})

install(DIRECTORY "${PROJECT_SOURCE_DIR}/runtime/include/steward" DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.hpp")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/config/scenarios" DESTINATION ${CMAKE_INSTALL_DATADIR}/steward
  FILES_MATCHING PATTERN "*.yaml")
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION ${CMAKE_INSTALL_DOCDIR})

configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/stewardConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/stewardConfig.cmake"
  INSTALL_DESTINATION ${STEWARD_PACKAGE_DIR}
  NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/stewardConfigVersion.cmake"
  VERSION ${PROJECT_VERSION}
  COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/stewardConfig.cmake"
  "${PROJECT_BINARY_DIR}/stewardConfigVersion.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/FindCAF.cmake"
  DESTINATION ${STEWARD_PACKAGE_DIR})
