#include "cli/views/stored_run.hpp"

#include "base/text.hpp"
#include "cli/exit_codes.hpp"
#include "cli/views/phrases.hpp"

#include <fmt/format.h>

#include <chrono>
#include <stdexcept>
#include <utility>

namespace steward::cli {
namespace {

constexpr std::chrono::milliseconds between_looks{100};

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

}  // namespace

stored_run::stored_run(const std::string& directory, const std::string& run)
    : name_(directory), reader_(read(directory, [&] { return store::reader{directory}; })) {
  const auto row = read(name_, [&] { return reader_.find_run(run); });
  const auto all = read(name_, [&] { return reader_.runs(); });
  if (!row) {
    std::string names;
    for (const auto& one : all) names += fmt::format("\n  {} ({})", one.id, escape_text(one.scenario));
    throw cannot_look(
        fmt::format(
            "{}: {}{}", name_,
            run.empty() ? "no run has begun there" : "there is no run '" + escape_text(run) + "'; it has:", names),
        exit_no_such_run);
  }
  row_ = *row;
  others_ = all.size() - 1;
}

run_view stored_run::view() {
  renew();
  return read(name_, [&] { return reader_.view_at(row_); });
}

run_view stored_run::view_at(const moment& when) {
  return read(name_, [&] {
    if (when.seq) return reader_.view_at(row_, *when.seq);
    if (when.at) return reader_.view_at(row_, *when.at);
    std::optional<std::uint64_t> seq;
    store::event_query wanted;
    wanted.crash = when.crash;
    reader_.events(row_, wanted, [&](const event& e) {
      seq = e.seq;
      return false;
    });
    if (!seq) throw cannot_look("there is no crash " + escape_text(when.crash), exit_usage);
    return reader_.view_at(row_, *seq);
  });
}

void stored_run::events_after(std::uint64_t after, const event_taker& f) {
  store::event_query wanted;
  wanted.after = after;
  read(name_, [&] { reader_.events(row_, wanted, f); });
}

void stored_run::renew() {
  if (auto row = read(name_, [&] { return reader_.find_run(row_.id); })) row_ = std::move(*row);
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
  } while (!over && waits(between_looks));
}

std::vector<std::string> stored_run::remarks() const {
  std::vector<std::string> out;
  if (others_ > 0)
    out.push_back(
        fmt::format("{} has {} besides {}; --run ID names one", name_, phrases::counted(others_, "run"), row_.id));
  if (row_.status == store::run_status::died)
    out.push_back(fmt::format(
        "the program (pid {}) is gone without an end of the run: it was killed, or the machine went down", row_.pid));
  if (row_.first_seq > 1) out.push_back(fmt::format("events before number {} are not kept any more", row_.first_seq));
  return out;
}

}  // namespace steward::cli
