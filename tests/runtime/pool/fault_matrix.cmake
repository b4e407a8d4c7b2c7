# The fault matrix and the crash matrix; see README.md of the tests.
steward_test(test_faults OWN_MAIN TIMEOUT 120
  SOURCES
    ${CMAKE_CURRENT_LIST_DIR}/fault_matrix_main.cpp
    ${CMAKE_CURRENT_LIST_DIR}/fault_fixture.cpp
    ${CMAKE_CURRENT_LIST_DIR}/fault_program.cpp
    ${CMAKE_CURRENT_LIST_DIR}/fault_tasks.cpp
    ${CMAKE_CURRENT_LIST_DIR}/tasks.cpp
    ${CMAKE_CURRENT_LIST_DIR}/edge_tasks.cpp
    ${CMAKE_CURRENT_LIST_DIR}/fault_matrix.cpp
    ${CMAKE_CURRENT_LIST_DIR}/fault_matrix_around.cpp
    ${CMAKE_CURRENT_LIST_DIR}/fault_matrix_clock.cpp
    ${CMAKE_CURRENT_LIST_DIR}/fault_matrix_starts.cpp
    ${CMAKE_CURRENT_LIST_DIR}/crash_matrix.cpp
  LIBS steward_core fmt::fmt)
