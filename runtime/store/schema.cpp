#include "store/schema.hpp"

#include "store/stretches.hpp"

#include <array>
#include <stdexcept>

namespace steward::store {
namespace {

constexpr std::int64_t application_id = 0x73747764;  // "stwd"

constexpr const char* runs_and_events = R"(
CREATE TABLE runs (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  scenario TEXT NOT NULL DEFAULT '',
  file TEXT NOT NULL DEFAULT '',
  seed INTEGER NOT NULL DEFAULT 0,
  pid INTEGER NOT NULL,
  started INTEGER NOT NULL,
  ended INTEGER,
  code INTEGER,
  first_seq INTEGER NOT NULL DEFAULT 1
);
CREATE TABLE events (
  id INTEGER PRIMARY KEY,
  run INTEGER GENERATED ALWAYS AS (id >> 44) VIRTUAL,
  seq INTEGER GENERATED ALWAYS AS (id & 17592186044415) VIRTUAL,
  ts INTEGER NOT NULL,
  kind TEXT NOT NULL,
  level TEXT NOT NULL,
  actor TEXT,
  crash TEXT,
  fingerprint TEXT,
  line TEXT NOT NULL
);
CREATE INDEX events_by_time ON events (ts);
CREATE INDEX events_by_kind ON events (kind);
CREATE INDEX events_by_actor ON events (actor);
CREATE INDEX events_by_crash ON events (crash) WHERE crash IS NOT NULL;
CREATE INDEX events_by_fingerprint ON events (fingerprint) WHERE fingerprint IS NOT NULL;
)";

constexpr const char* samples_and_checkpoints = R"(
CREATE TABLE samples (
  ts INTEGER NOT NULL,
  path TEXT NOT NULL,
  run INTEGER NOT NULL,
  figures TEXT NOT NULL,
  PRIMARY KEY (ts, path)
) WITHOUT ROWID;
CREATE INDEX samples_by_path ON samples (path, ts);
CREATE TABLE checkpoints (
  id INTEGER PRIMARY KEY,
  ts INTEGER NOT NULL,
  view TEXT NOT NULL
);
CREATE TABLE progress (
  what TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) WITHOUT ROWID;
)";

/// Entries for 512 events each (`stretch_bits`) in place of those for each event.
constexpr const char* stretches = R"(
CREATE TABLE stretches (
  first INTEGER PRIMARY KEY,
  words TEXT NOT NULL
);
INSERT INTO stretches (first, words)
  SELECT first, char(10) || group_concat(word, char(10)) || char(10) FROM (
    SELECT DISTINCT id >> 9 << 9 AS first, kind AS word FROM events
    UNION
    SELECT DISTINCT id >> 9 << 9, actor FROM events WHERE actor IS NOT NULL
  ) GROUP BY first;
DROP INDEX events_by_time;
DROP INDEX events_by_kind;
DROP INDEX events_by_actor;
)";
static_assert(stretch_bits == 9);

/// What a run is made of, as JSON.
constexpr const char* plans = "ALTER TABLE runs ADD COLUMN plan TEXT NOT NULL DEFAULT ''";

/// What leads from each version to the next.
constexpr std::array<const char*, schema_version> steps{runs_and_events, samples_and_checkpoints, stretches, plans};

std::int64_t version_of(database& in) {
  const auto version = in.number("PRAGMA user_version");
  const auto application = in.number("PRAGMA application_id");
  const bool is_new = version == 0 && application == 0 && in.number("SELECT count(*) FROM sqlite_master") == 0;
  if (!is_new && application != application_id)
    throw std::runtime_error(in.path() + ": this is a database, but none of steward's");
  if (version > schema_version)
    throw std::runtime_error(in.path() + ": it has version " + std::to_string(version) +
                             ", from a newer steward; this one knows version " + std::to_string(schema_version));
  return version;
}

}  // namespace

void bring_up_to_date(database& in, std::int64_t to) {
  if (version_of(in) == 0) in.run("PRAGMA auto_vacuum = INCREMENTAL");  // counts before the first table only
  in.run("PRAGMA journal_mode = WAL");
  transaction change{in};
  const auto from = version_of(in);  // nobody else changes it any more
  for (auto version = from; version < to; ++version) in.run(steps[static_cast<std::size_t>(version)]);
  if (from < to) {
    in.run(("PRAGMA user_version = " + std::to_string(to)).c_str());
    in.run(("PRAGMA application_id = " + std::to_string(application_id)).c_str());
  }
  change.commit();
}

std::int64_t readable_version(database& in) {
  const auto version = version_of(in);
  if (version == 0) throw std::runtime_error(in.path() + ": nothing has been written to it yet");
  return version;
}

}  // namespace steward::store
