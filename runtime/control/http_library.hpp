#pragma once

#include <dlfcn.h>
#include <microhttpd.h>

#include <stdexcept>
#include <string>

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
  static constexpr const char* file = "libmicrohttpd.so.12";
  static constexpr const char* package = "libmicrohttpd12";

  http_library() {
    void* handle = ::dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) fail();
    find(handle, "MHD_start_daemon", start_daemon);
    find(handle, "MHD_stop_daemon", stop_daemon);
    find(handle, "MHD_add_connection", add_connection);
    find(handle, "MHD_suspend_connection", suspend);
    find(handle, "MHD_resume_connection", resume);
    find(handle, "MHD_queue_response", queue_response);
    find(handle, "MHD_create_response_from_buffer_with_free_callback_cls", response_of_buffer);
    find(handle, "MHD_create_response_from_callback", response_of_callback);
    find(handle, "MHD_add_response_header", add_header);
    find(handle, "MHD_destroy_response", destroy_response);
    find(handle, "MHD_get_connection_values_n", values);
    find(handle, "MHD_lookup_connection_value", value);
    find(handle, "MHD_get_connection_info", info);
    find(handle, "MHD_set_connection_option", set_option);
  }

  template <class F>
  static void find(void* handle, const char* name, F& into) {
    into = reinterpret_cast<F>(::dlsym(handle, name));
    if (into == nullptr) fail();
  }
  [[noreturn]] static void fail() {
    const char* why = ::dlerror();
    throw std::runtime_error(std::string{"the HTTP library cannot be loaded (install "} + package +
                             "): " + (why != nullptr ? why : file));
  }
};

}  // namespace steward::control_api
