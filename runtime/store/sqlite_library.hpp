#pragma once

#include "base/loaded_library.hpp"

#include <sqlite3.h>

#include <stdexcept>
#include <string>

// For database.cpp alone.
namespace steward::store {

/// The calls of SQLite. A run without a state directory does not load it: to link it would cost each start 0.3 ms.
struct sqlite_library {
  decltype(&sqlite3_bind_int64) bind_int64 = nullptr;
  decltype(&sqlite3_bind_null) bind_null = nullptr;
  decltype(&sqlite3_bind_text64) bind_text64 = nullptr;
  decltype(&sqlite3_busy_timeout) busy_timeout = nullptr;
  decltype(&sqlite3_changes64) changes64 = nullptr;
  decltype(&sqlite3_close_v2) close_v2 = nullptr;
  decltype(&sqlite3_column_bytes) column_bytes = nullptr;
  decltype(&sqlite3_column_int64) column_int64 = nullptr;
  decltype(&sqlite3_column_text) column_text = nullptr;
  decltype(&sqlite3_column_type) column_type = nullptr;
  decltype(&sqlite3_errmsg) errmsg = nullptr;
  decltype(&sqlite3_errstr) errstr = nullptr;
  decltype(&sqlite3_exec) exec = nullptr;
  decltype(&sqlite3_extended_result_codes) extended_result_codes = nullptr;
  decltype(&sqlite3_file_control) file_control = nullptr;
  decltype(&sqlite3_finalize) finalize = nullptr;
  decltype(&sqlite3_open_v2) open_v2 = nullptr;
  decltype(&sqlite3_prepare_v3) prepare_v3 = nullptr;
  decltype(&sqlite3_reset) reset = nullptr;
  decltype(&sqlite3_step) step = nullptr;
  decltype(&sqlite3_system_errno) system_errno = nullptr;
  decltype(&sqlite3_total_changes64) total_changes64 = nullptr;
  decltype(&sqlite3_wal_checkpoint_v2) wal_checkpoint_v2 = nullptr;
  decltype(&sqlite3_wal_hook) wal_hook = nullptr;

  /// Stays loaded. Throws std::runtime_error.
  static const sqlite_library& get() {
    static const sqlite_library loaded;
    return loaded;
  }

private:
  static constexpr int oldest = 3'037'000;  // has sqlite3_changes64

  sqlite_library() {
    const loaded_library from{"libsqlite3.so.0", "libsqlite3-0"};
    decltype(&sqlite3_libversion_number) version = nullptr;
    from.find("sqlite3_libversion_number", version);
    if (version() < oldest)
      throw std::runtime_error("SQLite " + std::to_string(version()) + " is too old; install 3.37 or a newer one");
    from.find("sqlite3_bind_int64", bind_int64);
    from.find("sqlite3_bind_null", bind_null);
    from.find("sqlite3_bind_text64", bind_text64);
    from.find("sqlite3_busy_timeout", busy_timeout);
    from.find("sqlite3_changes64", changes64);
    from.find("sqlite3_close_v2", close_v2);
    from.find("sqlite3_column_bytes", column_bytes);
    from.find("sqlite3_column_int64", column_int64);
    from.find("sqlite3_column_text", column_text);
    from.find("sqlite3_column_type", column_type);
    from.find("sqlite3_errmsg", errmsg);
    from.find("sqlite3_errstr", errstr);
    from.find("sqlite3_exec", exec);
    from.find("sqlite3_extended_result_codes", extended_result_codes);
    from.find("sqlite3_file_control", file_control);
    from.find("sqlite3_finalize", finalize);
    from.find("sqlite3_open_v2", open_v2);
    from.find("sqlite3_prepare_v3", prepare_v3);
    from.find("sqlite3_reset", reset);
    from.find("sqlite3_step", step);
    from.find("sqlite3_system_errno", system_errno);
    from.find("sqlite3_total_changes64", total_changes64);
    from.find("sqlite3_wal_checkpoint_v2", wal_checkpoint_v2);
    from.find("sqlite3_wal_hook", wal_hook);
  }
};

}  // namespace steward::store
