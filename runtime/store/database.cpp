#include "store/database.hpp"

#include "store/sqlite_library.hpp"

#include <optional>
#include <system_error>

namespace steward::store {
namespace {

/// A path as SQLite takes it in a URI.
std::string uri_of(const std::string& path, const char* parameters) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out = "file:";
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' ||
                       c == '.' || c == '-' || c == '_';
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += digits[byte >> 4U];
      out += digits[byte & 15U];
    }
  }
  return out + parameters;
}

sqlite3* open(const std::string& path, database::access how) {
  static constexpr int busy_limit_ms = 250;
  const bool writes = how == database::access::write;
  const char* parameters = writes ? "?mode=rwc" : how == database::access::read ? "?mode=ro" : "?mode=ro&immutable=1";
  const int flags = (writes ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_URI |
                    SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
  sqlite3* out = nullptr;
  const int code = sqlite_library::get().open_v2(uri_of(path, parameters).c_str(), &out, flags, nullptr);
  if (code != SQLITE_OK) {
    const std::string why = out != nullptr ? sqlite_library::get().errmsg(out) : sqlite_library::get().errstr(code);
    sqlite_library::get().close_v2(out);
    throw database_error{path + ": " + why, code};
  }
  sqlite_library::get().extended_result_codes(out, 1);
  sqlite_library::get().busy_timeout(out, busy_limit_ms);
  return out;
}

}  // namespace

void database::closer::operator()(sqlite3* x) const noexcept { sqlite_library::get().close_v2(x); }

database::database(const std::string& path, access how) : path_(path), handle_(open(path, how)) {}

void database::fail(int code) const {
  std::string why = sqlite_library::get().errmsg(handle());
  const int system = sqlite_library::get().system_errno(handle());
  const int primary = code & 0xff;
  if (code == SQLITE_READONLY_DBMOVED) why = "it is gone";
  if (system != 0 && (primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN))
    why += ": " + std::generic_category().message(system);
  throw database_error{path_ + ": " + why, code};
}

void database::run(const char* sql) {
  const int code = sqlite_library::get().exec(handle(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(code);
}

std::int64_t database::number(const char* sql) {
  statement all{*this, sql};
  return all.next() ? all.number(0) : 0;
}

bool database::has_moved() {
  int moved = 0;
  const int code = sqlite_library::get().file_control(handle(), "main", SQLITE_FCNTL_HAS_MOVED, &moved);
  return code == SQLITE_OK && moved != 0;
}

std::int64_t database::changes() const { return sqlite_library::get().changes64(handle()); }

std::int64_t database::all_changes() const { return sqlite_library::get().total_changes64(handle()); }

void database::roll_back() noexcept { sqlite_library::get().exec(handle(), "ROLLBACK", nullptr, nullptr, nullptr); }

void database::leave_log() {
  static constexpr auto note = [](void* pages, sqlite3*, const char*, int count) {
    *static_cast<int*>(pages) = count;
    return SQLITE_OK;
  };
  sqlite_library::get().wal_hook(handle(), note, log_pages_.get());
}

std::optional<int> database::take_log_in() {
  if (number("PRAGMA schema_version") == 0) return 0;  // a connection that has read nothing knows of no log
  int pages = 0;
  int taken = 0;
  const int code =
      sqlite_library::get().wal_checkpoint_v2(handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, &pages, &taken);
  if (code == SQLITE_BUSY) return std::nullopt;
  if (code != SQLITE_OK) fail(code);
  return taken;
}

void statement::finalizer::operator()(sqlite3_stmt* x) const noexcept { sqlite_library::get().finalize(x); }

statement::statement(database& in, std::string_view sql) : in_(&in) {
  sqlite3_stmt* out = nullptr;
  const int code = sqlite_library::get().prepare_v3(in.handle(), sql.data(), static_cast<int>(sql.size()),
                                                    SQLITE_PREPARE_PERSISTENT, &out, nullptr);
  if (code != SQLITE_OK) in.fail(code);
  handle_.reset(out);
}

statement& statement::bind(int at, std::int64_t value) {
  const int code = sqlite_library::get().bind_int64(handle_.get(), at, value);
  if (code != SQLITE_OK) in_->fail(code);
  return *this;
}

statement& statement::bind(int at, std::string_view text) {
  static constexpr sqlite3_destructor_type stays = nullptr;  // SQLITE_STATIC
  const char* begin = text.data() != nullptr ? text.data() : "";
  const int code = sqlite_library::get().bind_text64(handle_.get(), at, begin, text.size(), stays, SQLITE_UTF8);
  if (code != SQLITE_OK) in_->fail(code);
  return *this;
}

statement& statement::bind_null(int at) {
  const int code = sqlite_library::get().bind_null(handle_.get(), at);
  if (code != SQLITE_OK) in_->fail(code);
  return *this;
}

bool statement::next() {
  const int code = sqlite_library::get().step(handle_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  reset();
  in_->fail(code);
}

void statement::run() {
  while (next()) {
  }
  reset();
}

void statement::reset() noexcept { sqlite_library::get().reset(handle_.get()); }

bool statement::is_null(int column) const {
  return sqlite_library::get().column_type(handle_.get(), column) == SQLITE_NULL;
}

std::int64_t statement::number(int column) const { return sqlite_library::get().column_int64(handle_.get(), column); }

std::string_view statement::text(int column) const {
  const auto* begin = sqlite_library::get().column_text(handle_.get(), column);
  if (begin == nullptr) return {};
  const auto size = static_cast<std::size_t>(sqlite_library::get().column_bytes(handle_.get(), column));
  return {reinterpret_cast<const char*>(begin), size};
}

}  // namespace steward::store
