#include "store/writer.hpp"

#include "observe/run_view.hpp"
#include "steward/sinks.hpp"
#include "store/background.hpp"
#include "store/database.hpp"
#include "store/intake.hpp"
#include "store/last_words.hpp"
#include "store/recorder.hpp"
#include "store/schema.hpp"
#include "store/state_directory.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <exception>
#include <future>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

namespace steward::store {
namespace {

using std::chrono::milliseconds;
using clock = std::chrono::steady_clock;
using time_point = std::chrono::system_clock::time_point;

// A transaction is over soon, so that nothing waits for long behind it.
constexpr std::size_t most_at_once = 4096;
// How often it is looked for what is too old, and whether the file is still there.
constexpr milliseconds upkeep_every{10'000};
constexpr std::uint64_t upkeeps_a_file = 64;  // sooner where much is written
constexpr milliseconds look_every{1'000};
// What is thinned out or removed in one step, beside twice what was just written.
constexpr std::int64_t least_rows_a_step = 500;
constexpr std::int64_t most_rows_a_step = 10'000;
// Pages of the log of the database, of 4 KiB: from how many on it is taken in, how many it has at most while that goes
// well and when it does not, and how many a commit may be held up for.
constexpr int log_pages_to_take = 4'000;
constexpr int most_log_pages = 16'000;
constexpr int far_too_many_log_pages = 64'000;
constexpr int log_pages_at_once = 2'000;
// Pictures of trees of more children are rendered elsewhere.
constexpr std::size_t children_at_once = 500;
// An error that comes again is not told again for so long.
constexpr milliseconds quiet_for{60'000};

/// Errors of writing come as results, and signals are taken elsewhere.
void hold_back_signals() noexcept {
  sigset_t all;
  sigfillset(&all);
  for (const int fatal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT}) sigdelset(&all, fatal);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

/// How much of a batch is written.
struct position {
  std::size_t events = 0;
  std::size_t samples = 0;
};

/// What is open while it can be written.
class opened {
public:
  opened(const writer_options& options, const run_identity& who, const run_view& so_far)
      : directory(options.directory), in(directory.database_path(), database::access::write) {
    static constexpr const char* settings =
        "PRAGMA synchronous = NORMAL; PRAGMA secure_delete = OFF; PRAGMA temp_store = MEMORY; "
        "PRAGMA cache_size = -8000; PRAGMA journal_size_limit = 67108864";
    in.run(settings);
    bring_up_to_date(in);
    in.leave_log();
    take_last_words_in();
    rows.emplace(in, who, so_far);
    old.emplace(in, options.keep, rows->run());
    beside.emplace(in.path());
  }

  /// After each commit. What can wait is done beside the thread that writes; it itself takes in the little that came
  /// meanwhile, so that the log begins anew while events come all the time.
  void care_for_the_log() {
    const int pages = in.log_pages();
    if (pages < pages_before) beside->log_began_anew();
    pages_before = pages;
    if (pages < log_pages_to_take) return;
    const bool little_is_left = pages - beside->log_pages_taken() <= log_pages_at_once;
    if ((pages >= most_log_pages && little_is_left) || pages >= far_too_many_log_pages)
      in.take_log_in();
    else
      beside->take_log_in();
  }

  state_directory directory;
  database in;
  std::optional<recorder> rows;
  std::optional<retention> old;
  std::optional<background> beside;

private:
  int pages_before = 0;

  /// What the run before has left.
  void take_last_words_in() {
    const auto words = read_last_words(directory.path());
    if (words.empty()) return directory.remove_last_words();
    statement run{in, "SELECT number, id, pid, started FROM runs WHERE id = ? ORDER BY number DESC LIMIT 1"};
    run.bind(1, words.front().run);
    if (run.next()) {
      const auto number = static_cast<std::uint64_t>(run.number(0));
      const run_identity who{std::string{run.text(1)}, static_cast<int>(run.number(2)), time_of(run.number(3))};
      run.reset();
      recorder into{in, who, {}};
      transaction change{in};
      for (const auto& e : missing_words(in, number, who.id, words)) into.put(e);
      into.finish();
      change.commit();
    }
    directory.remove_last_words();
  }
};

}  // namespace

struct writer::impl {
  explicit impl(writer_options from)
      : options(std::move(from)),
        who{options.run, ::getpid(), options.now()},
        waiting(options.max_queued_bytes, options.commit_within),
        checkpoints(options.keep) {
    std::promise<std::string> begun;
    auto result = begun.get_future();
    thread = std::thread([this, &begun] { serve(begun); });
    try {
      directory = result.get();
    } catch (const std::exception&) {
      thread.join();
      throw;
    }
  }

  ~impl() {
    waiting.close();
    thread.join();
  }

  void serve(std::promise<std::string>& begun) {
    hold_back_signals();
    try {
      state = std::make_unique<opened>(options, who, view);
    } catch (const std::exception&) {
      begun.set_exception(std::current_exception());
      return;
    }
    begun.set_value(state->directory.path());
    next_look = clock::now() + look_every;
    next_upkeep = clock::now() + upkeep_every;
    for (;;) {
      auto got = waiting.take(next_upkeep);
      if (got.empty() && waiting.is_closed()) break;
      if (!got.empty()) write_all(std::move(got));
      if (clock::now() >= next_upkeep || fresh_bytes >= options.keep.max_bytes / upkeeps_a_file) keep_up();
    }
    state.reset();
  }

  /// Until it is written, or nothing more can be done.
  void write_all(batch got) {
    position done;
    fresh_rows = 0;
    for (;;) {
      const bool closing = waiting.is_closed();
      try {
        make_sure_of_the_file();
        while (done.events < got.events() || done.samples < got.samples.size()) write_some(got, done);
        tell_recovery();
        break;
      } catch (const std::exception& x) {
        meet_trouble(x.what());
      }
      if (closing) break;
      waiting.pause(options.retry_after);
    }
    const auto left = got.count - done.events - done.samples;
    waiting.done(std::move(got), left);
  }

  void make_sure_of_the_file() {
    const auto now = clock::now();
    if (state && now >= next_look) {
      next_look = now + look_every;
      if (state->in.has_moved()) throw std::runtime_error(state->in.path() + ": it is gone");
    }
    if (state) return;
    state = std::make_unique<opened>(options, who, view);
    kept_plan = 0;
  }

  /// With its number, where it is another one than is kept.
  std::pair<std::uint64_t, std::string> new_plan() {
    const std::lock_guard lock{plan_mutex};
    return {plan_number, plan_number == kept_plan ? std::string{} : plan};
  }

  /// In one transaction.
  void write_some(batch& got, position& done) {
    const position to{std::min(got.events(), done.events + most_at_once),
                      std::min(got.samples.size(), done.samples + most_at_once)};
    const auto from = done;
    sizes.clear();
    transaction change{state->in};
    for (auto i = from.events; i < to.events; ++i) sizes.push_back(state->rows->put(got.event_at(i)));
    for (auto i = from.samples; i < to.samples; ++i) state->rows->put(got.samples[i]);
    state->rows->finish();
    const auto [number, text] = new_plan();
    if (!text.empty()) state->rows->put_plan(text);
    change.commit();
    kept_plan = number;
    done = to;
    const auto rows = to.events - from.events + to.samples - from.samples;
    fresh_rows += static_cast<std::int64_t>(rows);
    written += rows;
    ++commits;
    for (auto i = from.events; i < to.events; ++i) follow(got.event_at(i), sizes[i - from.events]);
    if (const auto ready = state->beside->take_rendered()) state->rows->put_checkpoint(*ready);
    if (checkpoints.is_due(view.children.size(), options.now())) make_checkpoint();
    state->care_for_the_log();
  }

  /// That of a large tree is written after a later commit.
  void make_checkpoint() {
    if (view.children.size() <= children_at_once)
      state->rows->put_checkpoint(view);
    else if (!state->beside->render(view))
      return;
    checkpoints.made();
  }

  /// The picture is that of the file, which has no shares of microseconds.
  void follow(event& e, std::size_t bytes) {
    e.ts = time_of(micros_of(e.ts));
    fold(view, e);
    checkpoints.note(bytes, e.ts);
    fresh_bytes += bytes;
  }

  void keep_up() {
    try {
      const auto rows = std::clamp(2 * fresh_rows, least_rows_a_step, most_rows_a_step);
      if (state) {
        if (const auto ready = state->beside->take_rendered()) state->rows->put_checkpoint(*ready);
        if (state->old->step(options.now(), rows)) return;
      }
    } catch (const std::exception& x) {
      meet_trouble(x.what());
    }
    next_upkeep = clock::now() + upkeep_every;
    fresh_bytes = 0;
  }

  void meet_trouble(const std::string& why) {
    state.reset();
    waiting.failed();
    if (in_trouble.exchange(true) || clock::now() < next_telling) return;
    next_telling = clock::now() + quiet_for;
    told = true;
    if (options.on_problem)
      options.on_problem("the state cannot be written: " + why + "; events wait in memory, and it is tried again");
  }

  void tell_recovery() {
    if (!in_trouble.exchange(false) || !std::exchange(told, false)) return;
    const auto lost = waiting.lost();
    if (options.on_problem)
      options.on_problem("the state is written again; events and samples that were lost so far: " +
                         std::to_string(lost));
  }

  const writer_options options;
  const run_identity who;
  intake waiting;
  std::string directory;
  std::atomic<bool> in_copy{false};
  std::atomic<bool> in_trouble{false};
  std::atomic<std::uint64_t> written{0};
  std::atomic<std::uint64_t> commits{0};

  std::mutex plan_mutex;
  std::string plan;
  std::uint64_t plan_number = 0;

  // Of the thread.
  std::unique_ptr<opened> state;
  std::uint64_t kept_plan = 0;  // number of the one in the file
  run_view view;
  checkpoint_rule checkpoints;
  std::vector<std::size_t> sizes;
  std::uint64_t fresh_bytes = 0;  // since it was last looked for what is too old
  std::int64_t fresh_rows = 0;    // of the last batch
  clock::time_point next_look;
  clock::time_point next_upkeep;
  clock::time_point next_telling;
  bool told = false;
  std::thread thread;
};

writer::writer(writer_options options) : impl_(std::make_unique<impl>(std::move(options))) {}
writer::~writer() = default;

void writer::write(const event& e) noexcept {
  if (!impl_->in_copy.load(std::memory_order_relaxed)) return impl_->waiting.put(e);
  add_last_words(impl_->directory, to_json_line(e) + "\n");
}

void writer::write(const sample& x) noexcept {
  if (!impl_->in_copy.load(std::memory_order_relaxed)) impl_->waiting.put(x);
}

void writer::keep_plan(std::string plan) {
  const std::lock_guard lock{impl_->plan_mutex};
  impl_->plan = std::move(plan);
  ++impl_->plan_number;
}

bool writer::finish(milliseconds patience) {
  if (impl_->in_copy) {
    for (const auto& e : impl_->waiting.waiting_in_copy()) write(e);
    return true;
  }
  return impl_->waiting.wait_until_done(clock::now() + patience);
}

writer::counts writer::count() const {
  return {impl_->written.load(), impl_->waiting.lost(), impl_->commits.load(), impl_->in_trouble.load()};
}

void writer::continue_in_copy() noexcept { impl_->in_copy = true; }

}  // namespace steward::store
