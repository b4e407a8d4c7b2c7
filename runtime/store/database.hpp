#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace steward::store {

/// SQLite has signed numbers only.
constexpr std::int64_t signed_of(std::uint64_t x) noexcept { return static_cast<std::int64_t>(x); }

/// What SQLite answered, in words and as its number (SQLITE_FULL, say).
class database_error : public std::runtime_error {
public:
  database_error(const std::string& what, int code) : std::runtime_error(what), code_(code) {}
  int code() const noexcept { return code_; }

private:
  int code_;
};

/// A connection to one database file. All calls throw `database_error`. One thread at a time.
class database {
public:
  enum class access : std::uint8_t {
    write,      ///< makes the file where there is none
    read,       ///< writes nothing, but for what tells other connections that somebody reads
    immutable,  ///< nobody writes; for files of which nothing can be written in their directory
  };

  database(const std::string& path, access how);

  /// Statements without results.
  void run(const char* sql);
  /// The one number that a statement gives.
  std::int64_t number(const char* sql);
  /// Whether the file that is open is not the one that the path leads to any more.
  bool has_moved();
  /// Rows that were changed by the last statement.
  std::int64_t changes() const;
  /// By all statements so far.
  std::int64_t all_changes() const;
  void roll_back() noexcept;

  /// From now on commits leave the log as it is, and count its pages.
  void leave_log();
  /// Pages of the log after the last commit.
  int log_pages() const noexcept { return *log_pages_; }
  /// Copies what is in the log into the file, as far as no reader needs it where it is; whoever writes may go on.
  /// Returns up to which page; nothing while another connection does it.
  std::optional<int> take_log_in();

  sqlite3* handle() const noexcept { return handle_.get(); }
  const std::string& path() const noexcept { return path_; }
  [[noreturn]] void fail(int code) const;

private:
  struct closer {
    void operator()(sqlite3* x) const noexcept;
  };

  std::string path_;
  std::unique_ptr<int> log_pages_ = std::make_unique<int>(0);
  std::unique_ptr<sqlite3, closer> handle_;
};

/// A prepared statement; parameters and columns count from 1 and from 0, as in SQLite. The database must outlive it.
class statement {
public:
  statement(database& in, std::string_view sql);

  statement& bind(int at, std::int64_t value);
  /// The text must live until the statement is done, or reset.
  statement& bind(int at, std::string_view text);
  statement& bind(int at, const char* text) { return bind(at, std::string_view{text}); }
  statement& bind_null(int at);
  /// Null for an empty text.
  statement& bind_or_null(int at, std::string_view text) { return text.empty() ? bind_null(at) : bind(at, text); }

  /// Whether there is a(nother) row.
  bool next();
  /// To the end, for statements without rows; ready to be bound again.
  void run();
  void reset() noexcept;

  bool is_null(int column) const;
  std::int64_t number(int column) const;
  /// Until the next call.
  std::string_view text(int column) const;

private:
  struct finalizer {
    void operator()(sqlite3_stmt* x) const noexcept;
  };

  database* in_;
  std::unique_ptr<sqlite3_stmt, finalizer> handle_;
};

/// What is rolled back unless it is committed.
class transaction {
public:
  explicit transaction(database& in) : in_(in) { in_.run("BEGIN IMMEDIATE"); }
  ~transaction() {
    if (open_) in_.roll_back();
  }
  transaction(const transaction&) = delete;
  transaction& operator=(const transaction&) = delete;

  void commit() {
    in_.run("COMMIT");
    open_ = false;
  }

private:
  database& in_;
  bool open_ = true;
};

}  // namespace steward::store
