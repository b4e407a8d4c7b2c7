#pragma once

#include <dlfcn.h>

#include <stdexcept>
#include <string>

namespace steward {

/// A shared library of C functions that is loaded when somebody needs it, and stays loaded. To link one costs each
/// start of each program, whether it is used or not. Its header is needed to build, for the types.
///
/// Throws std::runtime_error, which names the Debian package, where it is missing or lacks a function. Thread-safe.
class loaded_library {
public:
  /// People are told of it by `name`, or else by its file.
  loaded_library(const char* file, const char* package, const char* name = nullptr)
      : name_(name != nullptr ? name : file), package_(package), handle_(::dlopen(file, RTLD_NOW | RTLD_LOCAL)) {
    if (handle_ == nullptr) fail();
  }

  /// Makes `into` the function, or a pointer to the variable, of that name.
  template <class P>
  void find(const char* name, P*& into) const {
    into = reinterpret_cast<P*>(::dlsym(handle_, name));
    if (into == nullptr) fail();
  }

private:
  [[noreturn]] void fail() const {
    const char* why = ::dlerror();
    throw std::runtime_error(std::string{name_} + " cannot be loaded (install " + package_ +
                             "): " + (why != nullptr ? why : "it lacks a function"));
  }

  const char* name_;
  const char* package_;
  void* handle_;
};

}  // namespace steward
