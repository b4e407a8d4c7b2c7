#pragma once

#include "observe/run_view.hpp"
#include "steward/event.hpp"
#include "steward/sample.hpp"
#include "store/background.hpp"
#include "store/database.hpp"
#include "store/retention.hpp"
#include "store/stretches.hpp"

#include <chrono>
#include <cstdint>
#include <string>

namespace steward::store {

/// The run that is recorded.
struct run_identity {
  std::string id;
  int pid = 0;
  std::chrono::system_clock::time_point started;
};

/// When the picture of a run is kept, so that folding can go on from there.
class checkpoint_rule {
public:
  using time_point = std::chrono::system_clock::time_point;

  /// After so many events, or as many times the children, since a picture is as large as its children.
  static constexpr std::uint64_t least_events = 20'000;
  static constexpr std::uint64_t events_per_child = 20;
  /// What is kept can be cut at that many places.
  static constexpr unsigned parts = 16;

  explicit checkpoint_rule(const keep_limits& keep) : keep_(keep) {}

  void note(std::size_t bytes, time_point at);
  bool is_due(std::size_t children, time_point now) const;
  void made() { *this = checkpoint_rule{keep_}; }

private:
  keep_limits keep_;
  std::uint64_t events_ = 0;
  std::uint64_t bytes_ = 0;
  time_point first_;
};

/// Writes one run into a database, within transactions of the caller. Not thread-safe. Throws `database_error`.
class recorder {
public:
  /// Goes on with the run where the database has it, else begins it; `so_far` is its picture by now. Needs no
  /// transaction.
  recorder(database& in, const run_identity& who, const run_view& so_far);

  /// Returns how many bytes it takes.
  std::size_t put(const event& e);
  void put(const sample& x);
  /// Before the transaction is committed in which events were put.
  void finish() { stretches_.write(); }
  void put_checkpoint(const run_view& view) { put_checkpoint(picture_of(view)); }
  void put_checkpoint(const picture& of_run);
  void put_plan(const std::string& plan);

  std::uint64_t run() const noexcept { return run_; }

private:
  void begin(const run_identity& who, const run_view& so_far);
  void note_start(const event& e);
  void note_end(const event& e);

  database& in_;
  std::uint64_t run_ = 0;
  stretch_notes stretches_;
  statement event_;
  statement sample_;
  statement sample_bytes_;
  statement checkpoint_;
  statement start_;
  statement end_;
};

}  // namespace steward::store
