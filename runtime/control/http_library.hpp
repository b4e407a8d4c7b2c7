#pragma once

#include "base/loaded_library.hpp"

#include <microhttpd.h>

// For http_server.cpp alone.
namespace steward::control_api {

/// The calls of libmicrohttpd. It is loaded when somebody needs it: to link it would cost each start of each program
/// more than a millisecond, most of it for a TLS library that nobody asks for.
struct http_library {
  decltype(&MHD_start_daemon) start_daemon = nullptr;
  decltype(&MHD_stop_daemon) stop_daemon = nullptr;
  decltype(&MHD_add_connection) add_connection = nullptr;
  decltype(&MHD_suspend_connection) suspend = nullptr;
  decltype(&MHD_resume_connection) resume = nullptr;
  decltype(&MHD_queue_response) queue_response = nullptr;
  decltype(&MHD_create_response_from_buffer_with_free_callback_cls) response_of_buffer = nullptr;
  decltype(&MHD_create_response_from_callback) response_of_callback = nullptr;
  decltype(&MHD_add_response_header) add_header = nullptr;
  decltype(&MHD_destroy_response) destroy_response = nullptr;
  decltype(&MHD_get_connection_values_n) values = nullptr;
  decltype(&MHD_lookup_connection_value) value = nullptr;
  decltype(&MHD_get_connection_info) info = nullptr;
  decltype(&MHD_set_connection_option) set_option = nullptr;

  /// Stays loaded. Throws std::runtime_error.
  static const http_library& get() {
    static const http_library loaded;
    return loaded;
  }

private:
  http_library() {
    const loaded_library from{"libmicrohttpd.so.12", "libmicrohttpd12", "the HTTP library"};
    from.find("MHD_start_daemon", start_daemon);
    from.find("MHD_stop_daemon", stop_daemon);
    from.find("MHD_add_connection", add_connection);
    from.find("MHD_suspend_connection", suspend);
    from.find("MHD_resume_connection", resume);
    from.find("MHD_queue_response", queue_response);
    from.find("MHD_create_response_from_buffer_with_free_callback_cls", response_of_buffer);
    from.find("MHD_create_response_from_callback", response_of_callback);
    from.find("MHD_add_response_header", add_header);
    from.find("MHD_destroy_response", destroy_response);
    from.find("MHD_get_connection_values_n", values);
    from.find("MHD_lookup_connection_value", value);
    from.find("MHD_get_connection_info", info);
    from.find("MHD_set_connection_option", set_option);
  }
};

}  // namespace steward::control_api
