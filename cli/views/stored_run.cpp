#include "cli/views/stored_run.hpp"

#include "base/text.hpp"
#include "cli/exit_codes.hpp"
#include "config/suggest.hpp"
#include "observe/phrases.hpp"
#include "store/state_directory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <utility>
#include <vector>

namespace steward::cli {
namespace {

constexpr std::chrono::milliseconds between_reads{100};

std::unique_ptr<store::reader> opened(const std::string& directory) {
  try {
    return std::make_unique<store::reader>(directory);
  } catch (const std::runtime_error& x) {
    if (store::holder_of(directory)) throw nothing_yet(directory + ": " + x.what(), exit_no_such_run);
    throw cannot_look(x.what(), exit_usage);
  }
}

/// What the store says is wrong becomes the reason why one cannot look.
template <class F>
auto read(const std::string& name, F&& f) {
  try {
    return f();
  } catch (const cannot_look&) {
    throw;
  } catch (const std::runtime_error& x) {
    throw cannot_look(name + ": " + x.what(), exit_usage);
  }
}

/// Names the newest of those that there are.
std::string no_run(const std::string& directory, const std::string& wanted, const std::vector<store::run_row>& all) {
  constexpr std::size_t most_named = 10;
  std::vector<std::string> ids;
  for (const auto& one : all) {
    ids.push_back(one.id);
    ids.push_back(one.scenario);
  }
  const auto meant = config::did_you_mean(wanted, ids);
  auto out = fmt::format("{}: there is no run '{}'{}; the newest are:", directory, escape_text(wanted),
                         meant ? " (did you mean '" + escape_text(*meant) + "'?)" : "");
  for (std::size_t i = 0; i < std::min(all.size(), most_named); ++i) {
    const auto& one = all[all.size() - 1 - i];
    out += fmt::format("\n  {} ({})", one.id, escape_text(one.scenario));
  }
  return out + fmt::format("\n'steward runs {}' lists all", escape_text(directory));
}

}  // namespace

stored_run::stored_run(const std::string& directory, const std::string& run)
    : name_(directory), reader_(opened(directory)) {
  const auto row = read(name_, [&] { return reader_->find_run(run); });
  const auto all = read(name_, [&] { return reader_->runs(); });
  if (all.empty()) throw nothing_yet(name_ + ": no run has begun there", exit_no_such_run);
  if (!row) throw cannot_look(no_run(name_, run, all), exit_no_such_run);
  row_ = *row;
  others_ = all.size() - 1;
}

std::vector<run_entry> stored_run::runs_in(const std::string& directory) {
  const auto in = opened(directory);
  return read(directory, [&] {
    std::vector<run_entry> out;
    for (const auto& row : in->runs()) {
      run_entry x;
      x.id = row.id;
      x.scenario = row.scenario;
      x.started = row.started;
      x.last = row.last_at;
      x.ended = row.ended;
      x.code = row.code;
      x.live = row.status == store::run_status::live;
      if (row.pid > 0) x.pid = row.pid;
      if (row.last_seq > 0) {
        const auto view = in->view_at(row);
        x.crashes = view.crash_count;
        x.died = view.died;
      }
      out.push_back(std::move(x));
    }
    return out;
  });
}

run_view stored_run::view() {
  renew();
  return read(name_, [&] { return reader_->view_at(row_); });
}

run_view stored_run::view_at(const moment& when) {
  return read(name_, [&] {
    if (when.seq) return reader_->view_at(row_, *when.seq);
    if (when.at) return reader_->view_at(row_, *when.at);
    std::optional<std::uint64_t> seq;
    store::event_query wanted;
    wanted.crash = when.crash;
    reader_->events(row_, wanted, [&](const event& e) {
      seq = e.seq;
      return false;
    });
    if (!seq) throw cannot_look("there is no crash " + escape_text(when.crash), exit_usage);
    return reader_->view_at(row_, *seq);
  });
}

std::optional<std::uint64_t> stored_run::newest() {
  renew();
  return row_.last_seq;
}

void stored_run::events_after(std::uint64_t after, const event_taker& f) {
  store::event_query wanted;
  wanted.after = after;
  read(name_, [&] { reader_->events(row_, wanted, f); });
}

void stored_run::renew() {
  if (auto row = read(name_, [&] { return reader_->find_run(row_.id); })) row_ = std::move(*row);
}

void stored_run::follow(std::uint64_t after, const event_taker& f, const patience& waits) {
  bool over = false;
  const auto take = [&](const event& e) {
    after = e.seq;
    over = !f(e) || e.kind == event_kind::run_end;
    return !over;
  };
  do {
    const bool was_live = is_live();
    events_after(after, take);
    if (!was_live) return;  // there is nothing to come
    renew();
  } while (!over && waits(between_reads));
}

std::shared_ptr<event_history> stored_run::history() {
  return read(name_, [&] { return store::history_of(name_, row_.id); });
}

std::vector<std::string> stored_run::remarks() const {
  std::vector<std::string> out;
  if (others_ > 0)
    out.push_back(fmt::format("{} has {} besides {}; --run ID names one, and 'steward runs {}' lists them", name_,
                              phrases::counted(others_, "run"), row_.id, name_));
  if (row_.status == store::run_status::died)
    out.push_back(fmt::format(
        "the program (pid {}) is gone without an end of the run: it was killed, or the machine went down", row_.pid));
  if (row_.first_seq > 1) out.push_back(fmt::format("events before number {} are not kept any more", row_.first_seq));
  return out;
}

}  // namespace steward::cli
