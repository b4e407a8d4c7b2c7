#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace steward::config {

/// Where something stands in a text. Line and column count from 1; the column counts bytes, as compilers do.
struct mark {
  std::size_t source = 0;  ///< index into the sources of a `fault_log`
  std::size_t line = 1;
  std::size_t col = 1;
};

/// What may be added to the message of a fault.
struct hint {
  std::optional<std::string> expected;    ///< what would have been right: "a duration such as 5s"
  std::optional<std::string> suggestion;  ///< what was probably meant: "workers"
};

/// One fault of a config, ready to be shown, or something that is allowed and probably not meant.
struct diagnostic {
  bool is_warning = false;
  std::string file;      ///< "--set" for a fault in an override
  std::size_t line = 0;  ///< 0 when the fault has no place in a text, such as a missing file
  std::size_t col = 0;
  std::string path;  ///< "tree.children[0].pool.workers"; empty for faults of the text itself
  std::string message;
  std::optional<std::string> expected;
  std::optional<std::string> suggestion;
  std::string excerpt;    ///< the line, or the part of it around the place, with nothing in it that a terminal acts on
  std::size_t caret = 0;  ///< characters of `excerpt` left of the place
};

/// The fault as compilers print it, with a newline at the end of each line:
/// @code
/// squares.yaml:7:20: error: tree.children[0].pool.wrokers: unknown key (did you mean 'workers'?)
///       pool: {task: square, wrokers: 4}
///                            ^
/// @endcode
/// Text that came from the config is escaped. Pure; any thread may call it.
std::string render(const diagnostic& fault);

/// All faults as a JSON array of objects with the keys file, line, col, path, message level ("error" or "warning")
/// and, where known, expected and suggestion. Bytes that are not UTF-8 are replaced. Pure; any thread may call it.
std::string render_json(const std::vector<diagnostic>& faults);

/// Collects the faults of one load together with the texts they are in. Keeps at most `max_faults`; how many more there
/// were is told by a last fault, so that nothing is dropped in silence. Not thread-safe.
class fault_log {
public:
  static constexpr std::size_t max_faults = 100;

  /// Adds a text that marks can point into; returns its index.
  std::size_t add_source(std::string name, std::string text);

  void add(const mark& at, std::string_view path, std::string message, hint more = {});

  /// Adds something that is no fault. Neither counts nor stands among the faults.
  void warn(const mark& at, std::string_view path, std::string message);

  /// True when further faults are only counted; then it is not worth searching for a suggestion.
  bool full() const noexcept { return faults_.size() >= max_faults; }

  bool empty() const noexcept { return faults_.empty(); }

  /// Whether something is wrong in the line of this mark already.
  bool has_fault_in_line(const mark& at) const noexcept;

  std::size_t count() const noexcept { return faults_.size() + dropped_; }

  /// "file:line" of a mark.
  std::string where(const mark& at) const;

  /// The same, but "--set" alone for what stands in an override.
  std::string origin(const mark& at) const;

  /// The faults so far in the order of their places: those of the file, then those of each override.
  std::vector<diagnostic> sorted() const;

  /// The warnings so far, in the same order; at most `max_faults`.
  std::vector<diagnostic> warnings() const;

private:
  struct source {
    std::string name;
    std::string text;
    std::vector<std::size_t> line_starts;
  };
  struct entry {
    mark at;
    diagnostic fault;
  };

  diagnostic make(const mark& at, std::string_view path, std::string message, hint more) const;
  static std::vector<diagnostic> in_order(std::vector<entry> entries);

  std::vector<source> sources_;
  std::vector<entry> warnings_;
  std::vector<entry> faults_;
  std::size_t dropped_ = 0;
};

}  // namespace steward::config
