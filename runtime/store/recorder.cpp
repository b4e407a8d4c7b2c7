#include "store/recorder.hpp"

#include "observe/view_json.hpp"
#include "steward/sinks.hpp"
#include "store/schema.hpp"

#include <algorithm>
#include <stdexcept>

namespace steward::store {
namespace {

constexpr std::uint64_t most_runs = (std::uint64_t{1} << (63U - seq_bits)) - 1;

}  // namespace

void checkpoint_rule::note(std::size_t bytes, time_point at) {
  if (events_ == 0) first_ = at;
  ++events_;
  bytes_ += bytes;
}

bool checkpoint_rule::is_due(std::size_t children, time_point now) const {
  if (events_ == 0) return false;
  return events_ >= std::max(least_events, events_per_child * children) || bytes_ >= keep_.max_bytes / parts ||
         now - first_ >= keep_.max_age / parts;
}

recorder::recorder(database& in, const run_identity& who, const run_view& so_far)
    : in_(in),
      stretches_(in),
      event_(in,
             "INSERT OR IGNORE INTO events (id, ts, kind, level, actor, crash, fingerprint, line) "
             "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"),
      sample_(in, "INSERT OR REPLACE INTO samples (ts, path, run, figures) VALUES (?, ?, ?, ?)"),
      sample_bytes_(in,
                    "INSERT INTO progress (what, value) VALUES ('sample_bytes', ?1) "
                    "ON CONFLICT (what) DO UPDATE SET value = value + ?1"),
      checkpoint_(in, "INSERT OR REPLACE INTO checkpoints (id, ts, view) VALUES (?, ?, ?)"),
      start_(in, "UPDATE runs SET scenario = ?, file = ?, seed = ?, ended = NULL, code = NULL WHERE number = ?"),
      end_(in, "UPDATE runs SET ended = ?, code = ? WHERE number = ?") {
  statement known{in, "SELECT number FROM runs WHERE id = ? AND pid = ? AND started = ?"};
  known.bind(1, who.id).bind(2, who.pid).bind(3, micros_of(who.started));
  if (known.next())
    run_ = static_cast<std::uint64_t>(known.number(0));
  else
    begin(who, so_far);
}

void recorder::begin(const run_identity& who, const run_view& so_far) {
  transaction change{in_};
  run_ = static_cast<std::uint64_t>(in_.number("SELECT coalesce(max(number), 0) + 1 FROM runs"));
  if (run_ > most_runs) throw std::runtime_error(in_.path() + ": it has had its last run; take a new state directory");
  statement add{in_, "INSERT INTO runs (number, id, pid, started, first_seq) VALUES (?, ?, ?, ?, ?)"};
  add.bind(1, signed_of(run_)).bind(2, who.id).bind(3, who.pid).bind(4, micros_of(who.started));
  add.bind(5, signed_of(so_far.last_seq + 1)).run();
  if (so_far.scenario) {  // the file was lost in the middle of the run
    start_.bind(1, so_far.scenario->name).bind(2, so_far.scenario->file).bind(3, signed_of(so_far.scenario->seed));
    start_.bind(4, signed_of(run_)).run();
  }
  if (so_far.last_seq > 0) put_checkpoint(so_far);
  change.commit();
}

std::size_t recorder::put(const event& e) {
  const auto line = to_json_line(e);
  event_.bind(1, row_of(run_, e.seq)).bind(2, micros_of(e.ts)).bind(3, to_string(e.kind)).bind(4, to_string(e.level));
  event_.bind_or_null(5, e.actor).bind_or_null(6, e.id).bind_or_null(7, e.fingerprint).bind(8, line);
  event_.run();
  stretches_.note(row_of(run_, e.seq), e.kind, e.actor);
  if (e.kind == event_kind::run_start) note_start(e);
  if (e.kind == event_kind::run_end) note_end(e);
  static constexpr std::size_t keys = 60;  // with their share of the entries
  return line.size() + 2 * e.actor.size() + keys;
}

void recorder::note_start(const event& e) {
  const auto& what = e.scenario ? *e.scenario : event_scenario{};
  start_.bind(1, what.name).bind(2, what.file).bind(3, signed_of(what.seed)).bind(4, signed_of(run_)).run();
}

void recorder::note_end(const event& e) {
  end_.bind(1, micros_of(e.ts)).bind(3, signed_of(run_));
  if (e.code)
    end_.bind(2, *e.code);
  else
    end_.bind_null(2);
  end_.run();
}

void recorder::put(const sample& x) {
  const auto figures = json_of(x);
  sample_.bind(1, micros_of(x.at)).bind(2, x.path).bind(3, signed_of(run_)).bind(4, figures).run();
  sample_bytes_.bind(1, signed_of(sample_weight(figures.size(), x.path.size()))).run();
}

void recorder::put_plan(const std::string& plan) {
  statement keep{in_, "UPDATE runs SET plan = ? WHERE number = ?"};
  keep.bind(1, plan).bind(2, signed_of(run_)).run();
}

void recorder::put_checkpoint(const picture& of_run) {
  checkpoint_.bind(1, row_of(run_, of_run.seq)).bind(2, micros_of(of_run.at)).bind(3, of_run.text).run();
}

}  // namespace steward::store
