#include "store/retention.hpp"

#include "store/schema.hpp"
#include "store/stretches.hpp"

#include <algorithm>
#include <string>

namespace steward::store {
namespace {

/// The first row of a run.
std::int64_t first_row_of(std::int64_t run) noexcept { return row_of(static_cast<std::uint64_t>(run), 0); }

}  // namespace

bool retention::step(time_point now, std::int64_t rows) {
  std::int64_t left = rows;
  while (left > 0) {
    const auto before = in_.all_changes();
    if (!piece(now, left)) break;
    left -= std::max<std::int64_t>(1, in_.all_changes() - before);
  }
  return left < rows;
}

bool retention::piece(time_point now, std::int64_t rows) {
  if (remove_what_was_cut(rows)) return true;
  if (remove_old_samples(now, rows)) return true;
  if (thin_samples(now, rows)) return true;
  if (cut_by_age(now)) return true;
  if (cut_by_size()) return true;
  return give_pages_back();
}

/// What is out of the lists already: whoever reads does not look at it any more.
bool retention::remove_what_was_cut(std::int64_t rows) {
  const auto oldest = in_.number("SELECT coalesce(min(number), 0) FROM runs");
  const auto first = first_row_of(oldest);
  if (remove_where("DELETE FROM events WHERE id IN (SELECT id FROM events WHERE id < ?1 LIMIT ?2)", first, rows))
    return true;
  if (remove_where("DELETE FROM checkpoints WHERE id IN (SELECT id FROM checkpoints WHERE id < ?1 LIMIT ?2)", first,
                   rows))
    return true;
  if (remove_where("DELETE FROM stretches WHERE first IN (SELECT first FROM stretches WHERE first < ?1 LIMIT ?2)",
                   first, rows))
    return true;
  if (remove_samples("run < ?2 AND ts < (SELECT started FROM runs WHERE number = ?2)", {oldest}, rows)) return true;
  statement runs{in_, "SELECT number, first_seq FROM runs WHERE first_seq > 1 ORDER BY number"};
  while (runs.next()) {
    const auto begin = first_row_of(runs.number(0));
    const auto end = begin + runs.number(1);
    const auto between = " WHERE id >= " + std::to_string(begin) + " AND id < ?1 LIMIT ?2)";
    const auto of_stretches =
        "DELETE FROM stretches WHERE first IN (SELECT first FROM stretches WHERE first >= " + std::to_string(begin) +
        " AND first < ?1 LIMIT ?2)";
    const auto of_events = "DELETE FROM events WHERE id IN (SELECT id FROM events" + between;
    if (remove_where(of_events.c_str(), end, rows)) return true;
    if (remove_where(of_stretches.c_str(), stretch_of_row(end), rows)) return true;
    // The one at the cut is what folding begins with.
    const auto of_checkpoints = "DELETE FROM checkpoints WHERE id IN (SELECT id FROM checkpoints" + between;
    if (remove_where(of_checkpoints.c_str(), end - 1, rows)) return true;
  }
  return false;
}

bool retention::remove_where(const char* sql, std::int64_t below, std::int64_t rows) {
  statement remove{in_, sql};
  remove.bind(1, below).bind(2, rows).run();
  return in_.changes() > 0;
}

/// Parameters of `which` count from 2.
bool retention::remove_samples(const char* which, std::initializer_list<std::int64_t> values, std::int64_t rows) {
  transaction change{in_};
  const auto sql = "DELETE FROM samples WHERE (ts, path) IN (SELECT ts, path FROM samples WHERE " + std::string{which} +
                   " ORDER BY ts LIMIT ?1) RETURNING length(figures), length(path)";
  statement remove{in_, sql};
  remove.bind(1, rows);
  int at = 1;
  for (const auto value : values) remove.bind(++at, value);
  std::int64_t bytes = 0;
  bool any = false;
  while (remove.next()) {
    any = true;
    bytes += signed_of(
        sample_weight(static_cast<std::size_t>(remove.number(0)), static_cast<std::size_t>(remove.number(1))));
  }
  remove.reset();
  if (any) set_progress("sample_bytes", progress("sample_bytes") - bytes);
  change.commit();
  return any;
}

bool retention::remove_old_samples(time_point now, std::int64_t rows) {
  const bool too_many = progress("sample_bytes") > signed_of(keep_.max_bytes / samples_share);
  return too_many ? remove_samples("1", {}, rows) : remove_samples("ts < ?2", {micros_of(now - keep_.max_age)}, rows);
}

bool retention::thin_samples(time_point now, std::int64_t rows) {
  return thin(sample_tiers[0], "thinned_to_10s", now, rows) || thin(sample_tiers[1], "thinned_to_1m", now, rows);
}

/// Takes the oldest stretch that is not thinned yet; keeps the last sample of each child in it.
bool retention::thin(const sample_tier& tier, const char* progress_name, time_point now, std::int64_t rows) {
  const auto step = micros_of(time_point{tier.step});
  const auto begin_of_stretch = [step](std::int64_t at) { return at - at % step; };
  statement oldest{in_, "SELECT ts FROM samples WHERE ts >= ? ORDER BY ts LIMIT 1"};
  oldest.bind(1, progress(progress_name));
  if (!oldest.next()) return false;
  const auto begin = begin_of_stretch(oldest.number(0));
  const auto end = begin + step;
  oldest.reset();
  if (end > begin_of_stretch(micros_of(now - tier.age))) return false;
  static constexpr const char* superseded =
      "ts >= ?2 AND ts < ?3 AND ts < (SELECT max(ts) FROM samples AS later WHERE later.path = samples.path AND "
      "later.ts >= ?2 AND later.ts < ?3)";
  if (!remove_samples(superseded, {begin, end}, rows)) set_progress(progress_name, end);
  return true;
}

bool retention::cut_by_age(time_point now) {
  const auto limit = micros_of(now - keep_.max_age);
  statement runs{in_, "SELECT number, started, first_seq FROM runs ORDER BY number"};
  bool oldest = true;
  while (runs.next()) {
    const auto run = runs.number(0);
    const bool over = run != signed_of(current_);
    if (over && oldest) {
      statement last{in_, "SELECT ts FROM events WHERE id < ? AND id >= ? ORDER BY id DESC LIMIT 1"};
      last.bind(1, first_row_of(run + 1)).bind(2, first_row_of(run));
      if ((last.next() ? last.number(0) : runs.number(1)) < limit) {
        last.reset();
        runs.reset();
        return drop_oldest_run();
      }
    }
    oldest = false;
    statement place{in_, "SELECT id FROM checkpoints WHERE id >= ? AND id < ? AND ts < ? ORDER BY id DESC LIMIT 1"};
    place.bind(1, first_row_of(run) + runs.number(2)).bind(2, first_row_of(run + 1)).bind(3, limit);
    if (!place.next()) continue;
    const auto checkpoint = place.number(0);
    place.reset();
    runs.reset();
    cut_run(run, checkpoint);
    return true;
  }
  return false;
}

bool retention::cut_by_size() {
  const auto pages = in_.number("PRAGMA page_count") - in_.number("PRAGMA freelist_count");
  if (pages * in_.number("PRAGMA page_size") <= signed_of(keep_.max_bytes)) return false;
  if (drop_oldest_run()) return true;
  const auto run = signed_of(current_);
  statement place{in_,
                  "SELECT checkpoints.id FROM checkpoints JOIN runs ON number = ?1 WHERE checkpoints.id >= ?2 + "
                  "first_seq ORDER BY 1 LIMIT 1"};
  place.bind(1, run).bind(2, first_row_of(run));
  if (!place.next()) return false;
  const auto checkpoint = place.number(0);
  place.reset();
  cut_run(run, checkpoint);
  return true;
}

/// Unless that is the current one.
bool retention::drop_oldest_run() {
  statement drop{in_, "DELETE FROM runs WHERE number = (SELECT min(number) FROM runs) AND number <> ?"};
  drop.bind(1, signed_of(current_)).run();
  return in_.changes() > 0;
}

void retention::cut_run(std::int64_t run, std::int64_t checkpoint) {
  statement cut{in_, "UPDATE runs SET first_seq = ? WHERE number = ?"};
  cut.bind(1, signed_of(seq_of_row(checkpoint)) + 1).bind(2, run).run();
}

/// The file shrinks when much of it is free, as after a limit was lowered.
bool retention::give_pages_back() {
  static constexpr std::int64_t worth_it = 1024;
  const auto free = in_.number("PRAGMA freelist_count");
  if (free < worth_it || free < in_.number("PRAGMA page_count") / 4) return false;
  statement give{in_, "PRAGMA incremental_vacuum(256)"};
  give.run();
  return in_.number("PRAGMA freelist_count") < free;
}

std::int64_t retention::progress(const char* what) {
  statement get{in_, "SELECT value FROM progress WHERE what = ?"};
  get.bind(1, what);
  return get.next() ? get.number(0) : 0;
}

void retention::set_progress(const char* what, std::int64_t value) {
  statement set{in_, "INSERT OR REPLACE INTO progress (what, value) VALUES (?, ?)"};
  set.bind(1, what).bind(2, value).run();
}

}  // namespace steward::store
