#include "store/schema.hpp"

#include "store/database.hpp"
#include "store/recorder.hpp"
#include "tests/runtime/store/support.hpp"

namespace steward::store::test {
namespace {

class store_schema : public store_test {
protected:
  /// A database of an older version with a run in it, as that version wrote it.
  void make_older(std::int64_t version) {
    std::filesystem::create_directory(state());
    std::filesystem::permissions(state(), std::filesystem::perms::owner_all);
    database in{state() + "/steward.db", database::access::write};
    bring_up_to_date(in, version);
    ASSERT_EQ(in.number("PRAGMA user_version"), version);
    in.run("INSERT INTO runs (number, id, pid, started) VALUES (1, 'r-old000', 1, 1700000000000000)");
    made_run tree{"r-old000"};
    std::optional<stretch_notes> notes;
    if (version >= 3) notes.emplace(in);
    statement add{in, "INSERT INTO events (id, ts, kind, level, actor, line) VALUES (?, ?, ?, ?, ?, ?)"};
    for (std::uint64_t i = 0; i < older_events; ++i) {
      const auto e = i == 0 ? tree.begin() : tree.step();
      fold(folded, e);
      all.push_back(e);
      const auto line = to_json_line(e);
      add.bind(1, row_of(1, e.seq)).bind(2, micros_of(e.ts)).bind(3, to_string(e.kind)).bind(4, to_string(e.level));
      add.bind(5, e.actor).bind(6, line).run();
      if (notes) notes->note(row_of(1, e.seq), e.kind, e.actor);
    }
    if (notes) notes->write();
  }

  void expect_whole() {
    reader in{state()};
    const auto run = *in.find_run("r-old000");
    EXPECT_EQ(run.last_seq, older_events);
    EXPECT_TRUE(in.view_at(run) == folded);
    EXPECT_TRUE(in.history(run)->samples_of("/root/c0", {}, time_point::max(), 0ms).empty());
    EXPECT_EQ(in.view_at(run, all[700].ts).last_seq, 701U);
    event_query wanted;
    wanted.kinds = {event_kind::restart, event_kind::run_start};
    EXPECT_EQ(events_of(run, wanted).size(), 1 + older_events / 4);
    wanted.actor = "/root/c3";
    wanted.only_last = 5;
    const auto found = events_of(run, wanted);
    ASSERT_EQ(found.size(), 5U);
    for (const auto& e : found) EXPECT_EQ(e.actor, "/root/c3");
    EXPECT_GT(found.front().seq, older_events - 5 * 40);
  }

  void bring_up_from(std::int64_t version) {
    make_older(version);
    expect_whole();
    EXPECT_EQ(history_of(state(), reader{state()}.find_run()->id)->plan(), "") << "none was kept then";
    {
      writer out{options()};
      made_run tree;
      out.write(tree.begin());
      out.write(figures("/root", tree.now(), 1));
      EXPECT_TRUE(out.finish());
    }
    EXPECT_TRUE(told.all().empty());
    expect_whole();
    database in{state() + "/steward.db", database::access::read};
    EXPECT_EQ(in.number("PRAGMA user_version"), schema_version);
    EXPECT_EQ(in.number("SELECT count(*) FROM samples"), 1);
    EXPECT_EQ(in.number("SELECT count(*) FROM stretches"), 5) << "of the run before four, and one of ours";
    EXPECT_EQ(in.number("SELECT count(*) FROM sqlite_master WHERE name IN ('events_by_time', 'events_by_kind')"), 0);
    EXPECT_EQ(reader{state()}.runs().size(), 2U);
  }

  static constexpr std::uint64_t older_events = 2'001;

  run_view folded;
  std::vector<event> all;
};

TEST_F(store_schema, of_the_first_version_is_read_and_brought_up_to_date_by_the_next_run) { bring_up_from(1); }
TEST_F(store_schema, of_the_second_version_is_read_and_brought_up_to_date_by_the_next_run) { bring_up_from(2); }
TEST_F(store_schema, of_the_third_version_is_read_and_brought_up_to_date_by_the_next_run) { bring_up_from(3); }

TEST_F(store_schema, of_a_newer_version_is_refused_and_left_as_it_is) {
  { writer out{options()}; }
  {
    database in{state() + "/steward.db", database::access::write};
    in.run("PRAGMA user_version = 5");
  }
  for (const auto& why : {why_not([&] { writer out{options()}; }), why_not([&] { reader in{state()}; })}) {
    EXPECT_NE(why.find("it has version 5, from a newer steward; this one knows version 4"), std::string::npos) << why;
  }
  database in{state() + "/steward.db", database::access::read};
  EXPECT_EQ(in.number("PRAGMA user_version"), 5);
  EXPECT_EQ(in.number("SELECT count(*) FROM runs"), 1);
}

TEST_F(store_schema, of_somebody_else_is_refused_and_left_as_it_is) {
  std::filesystem::create_directory(state());
  std::filesystem::permissions(state(), std::filesystem::perms::owner_all);
  {
    database in{state() + "/steward.db", database::access::write};
    in.run("CREATE TABLE theirs (x)");
  }
  for (const auto& why : {why_not([&] { writer out{options()}; }), why_not([&] { reader in{state()}; })})
    EXPECT_NE(why.find("none of steward's"), std::string::npos) << why;
  database in{state() + "/steward.db", database::access::read};
  EXPECT_EQ(in.number("SELECT count(*) FROM sqlite_master"), 1);
}

TEST_F(store_schema, that_is_no_database_is_refused_and_left_as_it_is) {
  std::filesystem::create_directory(state());
  std::filesystem::permissions(state(), std::filesystem::perms::owner_all);
  const std::string garbage(10'000, 'g');
  std::ofstream{state() + "/steward.db"} << garbage;
  for (const auto& why : {why_not([&] { writer out{options()}; }), why_not([&] { reader in{state()}; })})
    EXPECT_NE(why.find("steward.db: file is not a database"), std::string::npos) << why;
  EXPECT_EQ(std::filesystem::file_size(state() + "/steward.db"), garbage.size());
}

TEST_F(store_schema, that_nothing_was_written_to_yet_is_told) {
  std::filesystem::create_directory(state());
  EXPECT_NE(why_not([&] { reader in{state()}; }).find("it has no steward.db"), std::string::npos);
  std::ofstream{state() + "/steward.db"}.flush();
  EXPECT_NE(why_not([&] { reader in{state()}; }).find("nothing has been written to it yet"), std::string::npos);
  EXPECT_NE(why_not([&] { reader in{path("none")}; }).find("it has no steward.db"), std::string::npos);
}

}  // namespace
}  // namespace steward::store::test
