#include "cli/views/log.hpp"

#include "cli/exit_codes.hpp"
#include "cli/number_option.hpp"
#include "cli/views/child_name.hpp"
#include "cli/views/look_options.hpp"
#include "cli/views/run_finder.hpp"
#include "cli/words.hpp"
#include "config/suggest.hpp"
#include "observe/console.hpp"
#include "observe/phrases.hpp"
#include "observe/report_text.hpp"
#include "observe/standard_streams.hpp"
#include "steward/sinks.hpp"
#include "store/state_directory.hpp"

#include <CLI/CLI.hpp>

#include <fnmatch.h>
#include <poll.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <set>
#include <string_view>
#include <utility>

namespace steward::cli {
namespace {

constexpr std::size_t most_kept_bytes = std::size_t{64} << 10;

bool is_pattern(std::string_view text) { return text.find_first_of("*?[") != std::string_view::npos; }

/// A path with all that is below it, a pattern, or the end of a path, also with all that is below.
bool matches(const std::string& wanted, const std::string& actor) {
  if (is_pattern(wanted)) return ::fnmatch(wanted.c_str(), actor.c_str(), 0) == 0;
  if (actor == wanted || (actor.starts_with(wanted) && actor[wanted.size()] == '/')) return true;
  for (auto end = actor.size(); end != 0 && end != std::string::npos; end = actor.rfind('/', end - 1))
    if (names_child(wanted, std::string_view{actor}.substr(0, end))) return true;
  return false;
}

/// Which of the wanted paths and patterns no event has been about.
class unseen_paths {
public:
  explicit unseen_paths(const std::vector<std::string>& wanted) : left_(wanted) {}

  void note(const event& e) {
    if (left_.empty() || e.actor.empty() || seen_.size() >= most_kept || !seen_.insert(e.actor).second) return;
    std::erase_if(left_, [&](const auto& one) { return matches(one, e.actor); });
  }
  bool any() const noexcept { return !left_.empty(); }
  /// What to say of them, once.
  std::vector<std::string> take(bool so_far) {
    std::vector<std::string> out;
    const std::vector<std::string> paths{seen_.begin(), seen_.end()};
    for (const auto& one : std::exchange(left_, {}))
      out.push_back("no event is about '" + report::escaped(one) + "'" + (so_far ? " so far" : "") +
                    meant_child(one, paths) + "; 'steward ps --all -o name' lists the paths");
    return out;
  }

private:
  static constexpr std::size_t most_kept = 100'000;

  std::vector<std::string> left_;
  std::set<std::string, std::less<>> seen_;
};

template <class Enum>
std::optional<Enum> named(std::string_view name, int last) {
  for (int i = 0; i <= last; ++i)
    if (name == to_string(static_cast<Enum>(i))) return static_cast<Enum>(i);
  return std::nullopt;
}

std::string check_kind(const std::string& text) {
  if (named<event_kind>(text, int(event_kind::child))) return {};
  std::vector<std::string> all;
  for (const auto& one : event_kinds()) all.emplace_back(one.name);
  const auto meant = config::did_you_mean(text, all);
  return "'" + report::escaped(text) + "' is no kind of event" + (meant ? " (did you mean '" + *meant + "'?)" : "") +
         "; there are " + config::list_names(all, all.size());
}

/// Text that leaves in large pieces, as long as nobody waits for it.
class printed_text {
public:
  ~printed_text() { flush(); }

  void add(std::string_view text) {
    kept_ += text;
    if (kept_.size() > most_kept_bytes) flush();
  }
  void flush() {
    if (!kept_.empty()) standard_streams::print(kept_);
    kept_.clear();
  }
  /// Whether there is still somebody who reads it; waits for so long.
  bool is_read(std::chrono::milliseconds pause) {
    flush();
    if (standard_streams::output_problem() != 0) return false;
    pollfd out{standard_streams::output_descriptor(), 0, 0};
    return ::poll(&out, 1, static_cast<int>(pause.count())) == 0 || (out.revents & (POLLERR | POLLHUP | POLLNVAL)) == 0;
  }

private:
  std::string kept_;
};

class log_command : public command {
public:
  std::string_view name() const override { return "log"; }
  CLI::App* add_to(CLI::App& app) override {
    auto* out =
        app.add_subcommand(std::string{name()}, "Show the events of a run, as people read them, and follow them");
    options_.add_to(*out);
    out->add_flag("-f,--follow", follow_, "go on with what comes, until the run is over; wait where none has begun");
    out->add_option("--actor", filter_.actors,
                    "a path with all that is below it, its end such as total, or a pattern such as '/root/*/w1'")
        ->allow_extra_args(false);
    out->add_option("--kind", kinds_, "a kind of event, such as crash; several with commas")
        ->allow_extra_args(false)
        ->delimiter(',')
        ->check(CLI::Validator{check_kind, "KIND"});
    out->add_option("--level", level_, "this level and above")
        ->check(CLI::IsMember({"debug", "info", "warn", "error"}));
    out->add_option("--since", since_, std::string{time_notation});
    out->add_option("--until", until_, std::string{time_notation});
    out->add_option("-n,--last", last_, "the last N of them only")
        ->check(whole_number(0, std::numeric_limits<std::int64_t>::max()));
    out->add_flag("--verbose", verbose_, "starts, stops and everything else, too");
    out->add_flag("--dates", dates_, "dates before the times");
    return out;
  }

  int run(const program&) override {
    return looking("log", [&] {
      const auto from = follow_ ? open_waiting() : options_.open();
      if (!from) return int{exit_done};
      read_filter(*from);
      show(*from);
      for (const auto& one : from->remarks()) options_.say(one);
      return int{exit_done};
    });
  }

private:
  /// Waits for a run to begin; null when nobody reads what would be told of it.
  std::unique_ptr<run_source> open_waiting() const {
    constexpr std::chrono::milliseconds between_looks{100};
    printed_text nothing;
    std::string told;
    for (;;) {
      try {
        auto out = options_.open();
        // Somebody has the run directory who has not begun a run there.
        if (out->is_live() || !options_.id().empty() || !store::holder_of(options_.run())) return out;
        throw nothing_yet(options_.run() + ": the next run is about to begin there", exit_no_such_run);
      } catch (const nothing_yet& x) {
        if (told != x.what()) options_.say(x.what() + std::string{"; waiting for a run, Ctrl-C ends that"});
        told = x.what();
      }
      if (!nothing.is_read(between_looks)) return nullptr;
    }
  }

  void read_filter(run_source& from) {
    for (const auto& one : kinds_) filter_.kinds.push_back(*named<event_kind>(one, int(event_kind::child)));
    if (!level_.empty()) filter_.least = named<event_level>(level_, int(event_level::error));
    if (since_.empty() && until_.empty()) return;
    // Times are told back from the end of what there is.
    const auto now = phrases::moment_of(from.is_live() ? run_view{} : from.view(), from.is_live());
    filter_.since = read_time("--since", since_, now);
    filter_.until = read_time("--until", until_, now);
  }

  static std::optional<run_view::time_point> read_time(const char* option, const std::string& text,
                                                       run_view::time_point now) {
    if (text.empty()) return std::nullopt;
    const auto out = time_of(text, now);
    if (!out)
      throw cannot_look(std::string{option} + ": '" + report::escaped(text) + "' is not " + std::string{time_notation},
                        exit_usage);
    return out;
  }

  void show(run_source& from) {
    printed_text out;
    console_options how;
    how.detail = verbose_ ? console_detail::verbose : console_detail::normal;
    how.colour = options_.on().colour;
    how.dates = dates_;
    console_view people{how, [&](std::string_view text) { out.add(text); }};
    const bool all = filter_.actors.empty() && !filter_.since && !filter_.until && !last_;
    if (!all) people.leave_out_summary();
    const bool one_by_one = !kinds_.empty() || !level_.empty();
    const auto tell = [&](const event& e) {
      if (options_.as_json())
        out.add(to_json_line(e) + "\n");
      else if (one_by_one)
        people.show_alone(e);
      else
        people.show(e);
    };
    std::uint64_t seen = 0;
    unseen_paths unseen{filter_.actors};
    if (last_) seen = show_last(from, tell, unseen);
    const auto next = [&](const event& e) {
      seen = e.seq;
      unseen.note(e);
      if (filter_.takes(e)) tell(e);
      return !filter_.until || e.ts <= *filter_.until;
    };
    if (follow_)
      follow(from, seen, next, unseen, out);
    else if (!last_)
      from.events_after(0, next);
    people.finish();
    out.flush();
    say_unseen(unseen);
  }

  void follow(run_source& from, const std::uint64_t& seen, const run_source::event_taker& next, unseen_paths& unseen,
              printed_text& out) const {
    std::optional<std::uint64_t> before;
    from.follow(seen, next, [&](std::chrono::milliseconds pause) {
      const bool is_idle = before == seen;
      before = seen;
      out.flush();
      if (is_idle) say_unseen(unseen);  // it is at the end of what there is
      return out.is_read(pause);
    });
  }

  /// Of those up to a time others may be behind it.
  void say_unseen(unseen_paths& unseen) const {
    if (filter_.until) return;
    for (const auto& one : unseen.take(follow_)) options_.say(one);
  }

  /// Reads from the end, further back each time until there are enough of those that are wanted. Returns the number of
  /// the last event that there was.
  std::uint64_t show_last(run_source& from, const std::function<void(const event&)>& tell, unseen_paths& unseen) const {
    constexpr std::uint64_t least_read = 1'000;
    constexpr std::uint64_t read_for_each = 8;
    constexpr std::uint64_t further = 8;
    const auto newest = from.newest().value_or(0);
    std::uint64_t seen = 0;
    std::deque<event> kept;
    for (auto count = std::max<std::uint64_t>(least_read, read_for_each * *last_);; count *= further) {
      const auto after = newest > count ? newest - count : 0;
      kept.clear();
      from.events_after(after, [&](const event& e) {
        seen = e.seq;
        unseen.note(e);
        if (!filter_.takes(e) || !is_shown(e)) return true;
        kept.push_back(e);
        if (kept.size() > *last_) kept.pop_front();
        return true;
      });
      if (after == 0 || (kept.size() >= *last_ && !unseen.any())) break;
    }
    for (const auto& e : kept) tell(e);
    return seen;
  }

  /// Whether people see it at all, so that it counts as one of the last.
  bool is_shown(const event& e) const {
    if (options_.as_json() || !kinds_.empty() || !level_.empty()) return true;
    return console_view::shows(e, verbose_ ? console_detail::verbose : console_detail::normal);
  }

  look_options options_;
  log_filter filter_;
  std::vector<std::string> kinds_;
  std::string level_;
  std::string since_;
  std::string until_;
  std::optional<std::size_t> last_;
  bool follow_ = false;
  bool verbose_ = false;
  bool dates_ = false;
};

}  // namespace

bool log_filter::takes(const event& e) const {
  if (!kinds.empty() && std::find(kinds.begin(), kinds.end(), e.kind) == kinds.end()) return false;
  if (least && e.level < *least) return false;
  if ((since && e.ts < *since) || (until && e.ts > *until)) return false;
  return actors.empty() ||
         std::any_of(actors.begin(), actors.end(), [&](const auto& one) { return matches(one, e.actor); });
}

std::unique_ptr<command> make_log_command() { return std::make_unique<log_command>(); }

}  // namespace steward::cli
