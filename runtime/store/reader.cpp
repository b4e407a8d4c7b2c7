#include "store/reader.hpp"

#include "observe/event_reader.hpp"
#include "observe/view_json.hpp"
#include "store/database.hpp"
#include "store/last_words.hpp"
#include "store/schema.hpp"
#include "store/state_directory.hpp"
#include "store/stretches.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace steward::store {
namespace {

using time_point = std::chrono::system_clock::time_point;
using taker = event_history::event_taker;

// What one statement reads, so that no reader keeps the log of the database from being taken in.
constexpr std::int64_t rows_at_once = 500;
// The latest figures of a child are that old at most; in the past they are thinned out.
constexpr std::array figures_age{std::chrono::seconds{3}, std::chrono::seconds{25}, std::chrono::seconds{150}};

std::string directory_of(const std::string& path) {
  std::error_code ignored;
  const std::filesystem::path given{path};
  if (!std::filesystem::is_directory(given, ignored) && given.filename() == database_name)
    return given.has_parent_path() ? given.parent_path().string() : ".";
  return path;
}

/// A connection that has been tried.
std::pair<std::unique_ptr<database>, std::int64_t> opened(const std::string& path, database::access how) {
  auto in = std::make_unique<database>(path, how);
  const auto version = readable_version(*in);
  return {std::move(in), version};
}

std::pair<std::unique_ptr<database>, std::int64_t> open_to_read(const std::string& directory) {
  const auto path = directory + "/" + database_name;
  std::error_code problem;
  if (!std::filesystem::exists(path, problem))
    throw std::runtime_error(directory + ": there is no state of a run: " +
                             (problem ? problem.message() : "it has no " + std::string{database_name}));
  try {
    return opened(path, database::access::read);
  } catch (const database_error&) {
    // Where nothing may be written, the log can be read only together with its index. Without a log there is no need.
    const auto log = std::filesystem::file_size(path + "-wal", problem);
    if ((!problem && log > 0) || holder_of(directory)) throw;
    return opened(path, database::access::immutable);
  }
}

/// Events of a list that a query wants.
bool is_wanted(const event_query& wanted, const event& e) {
  const auto below = [](const std::string& path, const std::string& of) {
    return path.starts_with(of) && (path.size() == of.size() || path[of.size()] == '/');
  };
  return e.seq > wanted.after && e.seq <= wanted.until && (!wanted.from || e.ts >= *wanted.from) &&
         (!wanted.before || e.ts < *wanted.before) && (!wanted.least || e.level >= *wanted.least) &&
         (wanted.kinds.empty() || std::ranges::find(wanted.kinds, e.kind) != wanted.kinds.end()) &&
         (wanted.actor.empty() || below(e.actor, wanted.actor)) &&
         (wanted.fingerprint.empty() || e.fingerprint == wanted.fingerprint) &&
         (wanted.crash.empty() || e.id == wanted.crash);
}

bool has_filters(const event_query& x) {
  return x.from || x.before || !x.kinds.empty() || x.least || !x.actor.empty() || !x.fingerprint.empty() ||
         !x.crash.empty();
}

/// A statement that is put together, and what is to be bound to it.
class query_text {
public:
  /// Parameters 1 and 2 are numbers.
  std::string bound(std::string text) {
    texts_.push_back(std::move(text));
    return "?" + std::to_string(texts_.size() + 2);
  }
  std::string one_of(const char* column, const std::vector<std::string>& all) {
    std::string out = std::string{column} + " IN (";
    for (const auto& one : all) out += (&one == &all.front() ? "" : ", ") + bound(one);
    return out + ")";
  }
  void bind_to(statement& to) const {
    for (std::size_t i = 0; i < texts_.size(); ++i) to.bind(static_cast<int>(i) + 3, texts_[i]);
  }

private:
  std::vector<std::string> texts_;
};

std::vector<std::string> names_of(const std::vector<event_kind>& kinds) {
  std::vector<std::string> out;
  for (const auto kind : kinds) out.emplace_back(to_string(kind));
  return out;
}

/// Which events are wanted, but for their numbers.
std::string condition_of(const event_query& wanted, query_text& in) {
  std::string out;
  // Not by the index of times that older versions have.
  if (wanted.from) out += " AND +ts >= " + std::to_string(micros_of(*wanted.from));
  if (wanted.before) out += " AND +ts < " + std::to_string(micros_of(*wanted.before));
  if (!wanted.kinds.empty()) out += " AND " + in.one_of("kind", names_of(wanted.kinds));
  std::vector<std::string> levels;
  if (wanted.least)
    for (auto level = *wanted.least; level <= event_level::error;
         level = event_level{static_cast<std::uint8_t>(static_cast<unsigned>(level) + 1U)})
      levels.emplace_back(to_string(level));
  if (!levels.empty()) out += " AND " + in.one_of("level", levels);
  if (!wanted.actor.empty()) {
    out += " AND (actor = " + in.bound(wanted.actor) + " OR (actor > " + in.bound(wanted.actor + "/");
    out += " AND actor < " + in.bound(wanted.actor + "0") + "))";
  }
  if (!wanted.fingerprint.empty()) out += " AND fingerprint = " + in.bound(wanted.fingerprint);
  if (!wanted.crash.empty()) out += " AND crash = " + in.bound(wanted.crash);
  return out;
}

/// In which stretches there are some.
std::string condition_of_stretches(const event_query& wanted, query_text& in) {
  std::string kinds;
  for (const auto& kind : names_of(wanted.kinds))
    kinds += (kinds.empty() ? "" : " OR ") + ("instr(words, " + in.bound(delimited(kind)) + ")");
  std::string out = kinds.empty() ? "" : " AND (" + kinds + ")";
  if (!wanted.actor.empty())
    out += " AND (instr(words, " + in.bound(delimited(wanted.actor)) + ") OR instr(words, " +
           in.bound("\n" + wanted.actor + "/") + "))";
  return out;
}

/// The rows that are wanted, the newest first.
std::string rows_wanted(const event_query& wanted, query_text& in, bool by_stretch) {
  if (!by_stretch)
    return "SELECT id FROM events WHERE id > ?1 AND id <= ?2" + condition_of(wanted, in) + " ORDER BY id DESC";
  const auto last = std::to_string(stretch_rows - 1);
  return "SELECT id FROM stretches CROSS JOIN events ON id BETWEEN first AND first + " + last +
         " WHERE first >= ?1 - " + last + " AND first <= ?2 AND id > ?1 AND id <= ?2" +
         condition_of_stretches(wanted, in) + condition_of(wanted, in) + " ORDER BY first DESC, id DESC";
}

}  // namespace

const char* to_string(run_status x) noexcept {
  switch (x) {
    case run_status::live:
      return "live";
    case run_status::ended:
      return "ended";
    case run_status::died:
      return "died";
  }
  return "unknown";
}

struct reader::impl {
  explicit impl(const std::string& path) : directory(directory_of(path)) {
    auto [opened, found] = open_to_read(directory);
    in = std::move(opened);
    version = found;
    words = read_last_words(directory);
  }

  bool has_checkpoints() const { return version >= 2; }
  bool has_stretches() const { return version >= 3; }
  bool has_plans() const { return version >= 4; }

  /// What the dying program has said, as far as the database does not have it.
  std::vector<event> words_of(const run_row& run) {
    if (words.empty() || words.front().run != run.id) return {};
    statement newest{*in, "SELECT max(number) FROM runs WHERE id = ?"};
    newest.bind(1, run.id);
    if (!newest.next() || newest.number(0) != signed_of(run.number)) return {};
    return missing_words(*in, run.number, run.id, words);
  }

  std::vector<run_row> runs() {
    std::vector<run_row> out;
    words = read_last_words(directory);
    {
      statement all{*in,
                    "SELECT number, id, scenario, file, seed, pid, started, ended, code, first_seq FROM runs "
                    "ORDER BY number"};
      while (all.next()) {
        run_row x;
        x.number = static_cast<std::uint64_t>(all.number(0));
        x.id = all.text(1);
        x.scenario = all.text(2);
        x.file = all.text(3);
        x.seed = static_cast<std::uint64_t>(all.number(4));
        x.pid = static_cast<int>(all.number(5));
        x.started = time_of(all.number(6));
        if (!all.is_null(7)) x.ended = time_of(all.number(7));
        if (!all.is_null(8)) x.code = static_cast<int>(all.number(8));
        x.first_seq = static_cast<std::uint64_t>(all.number(9));
        out.push_back(std::move(x));
      }
    }
    const auto holder = holder_of(directory);
    for (auto& x : out) {
      add_last_event(x);
      const bool newest = &x == &out.back();
      const bool live = newest && holder && (*holder == 0 || *holder == x.pid);
      x.status = x.ended ? run_status::ended : live ? run_status::live : run_status::died;
    }
    return out;
  }

  void add_last_event(run_row& x) {
    statement last{*in, "SELECT id, ts FROM events WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT 1"};
    last.bind(1, row_of(x.number, 0)).bind(2, row_of(x.number + 1, 0));
    if (last.next()) {
      x.last_seq = seq_of_row(last.number(0));
      x.last_at = time_of(last.number(1));
    }
    x.last_seq = std::max(x.last_seq, x.first_seq - 1);
    for (const auto& e : words_of(x)) {
      x.last_seq = e.seq;
      x.last_at = e.ts;
      if (e.kind != event_kind::run_end) continue;
      x.ended = e.ts;
      x.code = e.code;
    }
  }

  /// False: `f` wants no more.
  bool told(std::uint64_t seq, std::string_view line, const taker& f) {
    std::string problem;
    auto e = event_of_line(line, problem);
    if (!e) return true;  // its number is missing then
    e->seq = seq;
    return f(*e);
  }

  void events(const run_row& run, const event_query& wanted, const taker& f) {
    auto more = words_of(run);
    std::erase_if(more, [&](const event& e) { return !is_wanted(wanted, e); });
    if (wanted.only_last && more.size() > *wanted.only_last)
      more.erase(more.begin(), more.end() - static_cast<std::ptrdiff_t>(*wanted.only_last));
    if (!stored_events(run, wanted, more.size(), f)) return;
    for (const auto& e : more)
      if (!f(e)) return;
  }

  bool stored_events(const run_row& run, const event_query& wanted, std::size_t more, const taker& f) {
    const auto after = row_of(run.number, wanted.after);
    const auto until = row_of(run.number, std::min(wanted.until, max_seq));
    if (!has_filters(wanted) && !wanted.only_last) return all_events(after, until, f);
    query_text texts;
    const bool by_index = !wanted.crash.empty() || !wanted.fingerprint.empty();
    const bool by_stretch = has_stretches() && !by_index && (!wanted.kinds.empty() || !wanted.actor.empty());
    auto sql = rows_wanted(wanted, texts, by_stretch);
    if (wanted.only_last) sql += " LIMIT " + std::to_string(*wanted.only_last - std::min(more, *wanted.only_last));
    std::vector<std::int64_t> found;
    {
      statement ids{*in, sql};
      ids.bind(1, after).bind(2, until);
      texts.bind_to(ids);
      while (ids.next()) found.push_back(ids.number(0));
    }
    statement line{*in, "SELECT line FROM events WHERE id = ?"};
    for (auto id = found.rbegin(); id != found.rend(); ++id) {
      line.reset();
      if (!line.bind(1, *id).next()) continue;  // it was removed meanwhile
      const std::string text{line.text(0)};
      line.reset();
      if (!told(seq_of_row(*id), text, f)) return false;
    }
    return true;
  }

  bool all_events(std::int64_t after, std::int64_t until, const taker& f) {
    statement next{*in, "SELECT id, line FROM events WHERE id > ? AND id <= ? ORDER BY id LIMIT ?"};
    std::vector<std::pair<std::int64_t, std::string>> piece;
    do {
      piece.clear();
      next.bind(1, after).bind(2, until).bind(3, rows_at_once);
      while (next.next()) piece.emplace_back(next.number(0), next.text(1));
      next.reset();
      for (const auto& [id, line] : piece)
        if (!told(seq_of_row(id), line, f)) return false;
      if (!piece.empty()) after = piece.back().first;
    } while (!piece.empty());
    return true;
  }

  /// What folding up to that event begins with.
  run_view checkpoint_before(const run_row& run, std::uint64_t seq) {
    statement first{*in, "SELECT first_seq FROM runs WHERE number = ?"};
    first.bind(1, signed_of(run.number));
    if (!first.next()) throw std::runtime_error("run " + run.id + " is not kept any more");
    const auto first_seq = static_cast<std::uint64_t>(first.number(0));
    if (seq < first_seq - 1)
      throw std::runtime_error("run " + run.id + ": events before number " + std::to_string(first_seq) +
                               " are not kept any more");
    if (!has_checkpoints()) return {};
    statement nearest{*in, "SELECT view FROM checkpoints WHERE id >= ? AND id <= ? ORDER BY id DESC LIMIT 1"};
    nearest.bind(1, row_of(run.number, 0)).bind(2, row_of(run.number, seq));
    if (!nearest.next()) return {};
    return view_of(nearest.text(0));
  }

  std::string plan(const run_row& run) {
    if (!has_plans()) return {};
    statement kept{*in, "SELECT plan FROM runs WHERE number = ?"};
    kept.bind(1, signed_of(run.number));
    return kept.next() ? std::string{kept.text(0)} : std::string{};
  }

  std::optional<run_view> picture_before(const run_row& run) {
    statement first{*in, "SELECT first_seq FROM runs WHERE number = ?"};
    first.bind(1, signed_of(run.number));
    if (!first.next() || first.number(0) <= 1) return std::nullopt;
    auto out = checkpoint_before(run, static_cast<std::uint64_t>(first.number(0)) - 1);
    if (out.last_seq == 0) return std::nullopt;
    return out;
  }

  run_view view_at(const run_row& run, std::uint64_t seq, std::optional<time_point> until) {
    in->run("BEGIN");  // nothing is removed for this connection until its end
    try {
      auto view = checkpoint_before(run, seq);
      event_query wanted;
      wanted.after = view.last_seq;
      wanted.until = seq;
      events(run, wanted, [&](const event& e) {
        fold(view, e);
        return true;
      });
      fold_figures(run, view, until);
      in->run("COMMIT");
      return view;
    } catch (const std::exception&) {
      in->roll_back();
      throw;
    }
  }

  /// The latest ones, and those before them for the rates.
  void fold_figures(const run_row& run, run_view& view, std::optional<time_point> until) {
    if (!has_checkpoints()) return;
    auto end = micros_of(until.value_or(time_point::max()));
    if (!until) {
      // What comes after the next run began is none of its.
      statement newest{*in,
                       "SELECT ts FROM samples WHERE run = ?1 AND ts <= coalesce("
                       "(SELECT started FROM runs WHERE number > ?1 ORDER BY number LIMIT 1), ?2) "
                       "ORDER BY ts DESC LIMIT 1"};
      newest.bind(1, signed_of(run.number)).bind(2, end);
      if (!newest.next()) return;
      end = newest.number(0);
    }
    statement all{*in, "SELECT figures FROM samples WHERE run = ? AND ts > ? AND ts <= ? ORDER BY ts"};
    for (const auto age : figures_age) {
      all.bind(1, signed_of(run.number)).bind(2, end - std::chrono::microseconds{age}.count()).bind(3, end);
      bool any = false;
      while (all.next()) {
        fold(view, sample_of(all.text(0)));
        any = true;
      }
      all.reset();
      if (any) return;
    }
  }

  /// The number of the last event until then.
  std::uint64_t seq_at(const run_row& run, time_point at) {
    std::uint64_t out = run.first_seq - 1;
    if (const auto last = last_row_until(run, at)) {
      out = seq_of_row(*last);
    } else if (run.first_seq > 1) {
      statement cut{*in, "SELECT ts FROM checkpoints WHERE id = ?"};
      cut.bind(1, row_of(run.number, out));
      if (!cut.next() || time_of(cut.number(0)) > at) out = 0;
    }
    for (const auto& e : words_of(run))
      if (e.ts <= at) out = e.seq;
    return out;
  }

  /// By halves: times are in the order of the numbers.
  std::optional<std::int64_t> last_row_until(const run_row& run, time_point at) {
    statement next{*in, "SELECT id, ts FROM events WHERE id >= ? AND id < ? ORDER BY id LIMIT 1"};
    std::optional<std::int64_t> out;
    auto low = row_of(run.number, 0);
    auto high = row_of(run.number + 1, 0);
    while (low < high) {
      const auto middle = low + (high - low) / 2;
      next.bind(1, middle).bind(2, high);
      if (next.next() && time_of(next.number(1)) <= at) {
        out = next.number(0);
        low = *out + 1;
      } else {
        high = middle;
      }
      next.reset();
    }
    return out;
  }

  std::vector<sample> samples_of(const run_row& run, const std::string& path, time_point from, time_point to,
                                 std::chrono::milliseconds step) {
    std::vector<sample> out;
    if (!has_checkpoints()) return out;
    statement all{*in, "SELECT ts, figures FROM samples WHERE path = ? AND ts >= ? AND ts < ? AND run = ? ORDER BY ts"};
    const auto begin = micros_of(from);
    all.bind(1, path).bind(2, begin).bind(3, micros_of(to)).bind(4, signed_of(run.number));
    const auto length = std::max<std::int64_t>(1, std::chrono::microseconds{step}.count());
    std::int64_t stretch = -1;
    while (all.next()) {
      const auto its = (all.number(0) - begin) / length;
      auto x = sample_of(all.text(1));
      if (its == stretch)
        out.back() = std::move(x);
      else
        out.push_back(std::move(x));
      stretch = its;
    }
    return out;
  }

  std::string directory;
  std::unique_ptr<database> in;
  std::int64_t version = 0;
  std::vector<event> words;
};

class run_history final : public event_history {
public:
  run_history(reader::impl& of, run_row run) : of_(of), run_(std::move(run)) {}

  void events_after(std::uint64_t after, const event_taker& f) override {
    event_query wanted;
    wanted.after = after;
    of_.events(run_, wanted, f);
  }
  std::optional<run_view> picture_before() override { return of_.picture_before(run_); }
  std::string plan() override { return of_.plan(run_); }
  std::vector<sample> samples_of(const std::string& path, time_point from, time_point to,
                                 std::chrono::milliseconds step) override {
    return of_.samples_of(run_, path, from, to, step);
  }

private:
  reader::impl& of_;
  const run_row run_;
};

reader::reader(const std::string& directory) : impl_(std::make_unique<impl>(directory)) {}
reader::~reader() = default;

std::vector<run_row> reader::runs() { return impl_->runs(); }

std::optional<run_row> reader::find_run(const std::string& name) {
  auto all = impl_->runs();
  const auto found = std::find_if(all.rbegin(), all.rend(),
                                  [&](const run_row& x) { return name.empty() || x.id == name || x.scenario == name; });
  if (found == all.rend()) return std::nullopt;
  return std::move(*found);
}

void reader::events(const run_row& run, const event_query& wanted, const event_history::event_taker& f) {
  impl_->events(run, wanted, f);
}

run_view reader::view_at(const run_row& run, std::uint64_t seq) {
  std::optional<time_point> until;
  if (seq < run.last_seq) {
    event_query one;
    one.after = seq > 0 ? seq - 1 : 0;
    impl_->events(run, one, [&](const event& e) {
      until = e.ts;
      return false;
    });
  }
  return impl_->view_at(run, seq, until);
}

run_view reader::view_at(const run_row& run, time_point at) { return impl_->view_at(run, impl_->seq_at(run, at), at); }

std::unique_ptr<event_history> reader::history(const run_row& run) {
  return std::make_unique<run_history>(*impl_, run);
}

namespace {

class own_history final : public event_history {
public:
  own_history(const std::string& directory, const std::string& run) : in_(directory) {
    const auto found = in_.find_run(run);
    if (!found) throw std::runtime_error(directory + ": there is no run " + run);
    of_ = in_.history(*found);
  }

  void events_after(std::uint64_t after, const event_taker& f) override { of_->events_after(after, f); }
  std::optional<run_view> picture_before() override { return of_->picture_before(); }
  std::string plan() override { return of_->plan(); }
  std::vector<sample> samples_of(const std::string& path, time_point from, time_point to,
                                 std::chrono::milliseconds step) override {
    return of_->samples_of(path, from, to, step);
  }

private:
  reader in_;
  std::unique_ptr<event_history> of_;
};

}  // namespace

std::unique_ptr<event_history> history_of(const std::string& directory, const std::string& run) {
  return std::make_unique<own_history>(directory, run);
}

}  // namespace steward::store
