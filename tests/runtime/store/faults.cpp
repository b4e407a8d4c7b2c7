#include "observe/event_reader.hpp"
#include "observe/run_view.hpp"
#include "store/database.hpp"
#include "tests/runtime/store/support.hpp"
#include "tests/support/subprocess.hpp"

#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <csignal>

namespace steward::store::test {
namespace {

using steward::test::subprocess;

class store_faults : public store_test {
protected:
  std::vector<event> events_of_file(const std::string& name) {
    std::vector<event> out;
    read_events(
        path(name), [&](const event& e) { out.push_back(e); }, [](const line_fault& x) { EXPECT_TRUE(x.torn); });
    return out;
  }
};

// How short the last moment is `bench/store_kill.py` measures.
TEST_F(store_faults, a_kill_in_mid_storm_leaves_all_but_the_last_moment) {
  {
    subprocess storm{{STORE_STORM, state(), path("events")}, {}};
    ASSERT_TRUE(eventually([&] {
      std::error_code none;
      return std::filesystem::exists(path("events"), none) && std::filesystem::file_size(path("events")) > 500'000;
    }));
    storm.signal(SIGKILL);
    ASSERT_TRUE(storm.wait(clock::now() + patience).has_value());
  }
  const auto emitted = events_of_file("events");
  reader in{state()};
  const auto run = *in.find_run();
  EXPECT_EQ(run.status, run_status::died);
  EXPECT_EQ(run.scenario, "storm");
  std::vector<event> kept;
  in.events(run, {}, [&](const event& e) {
    kept.push_back(e);
    return true;
  });
  ASSERT_LE(kept.size(), emitted.size() + 1) << "an event is written to the file first";
  ASSERT_GT(kept.size(), 100U);
  run_view folded;
  const auto both = std::min(kept.size(), emitted.size());
  for (std::size_t i = 0; i < both; ++i) {
    ASSERT_TRUE(kept[i] == emitted[i]) << i;
    fold(folded, emitted[i]);
  }
  EXPECT_TRUE(in.view_at(run, both) == folded);
  EXPECT_EQ(folded.missing, 0U);
}

TEST_F(store_faults, a_killed_writer_leaves_the_directory_to_the_next_one) {
  {
    subprocess storm{{STORE_STORM, state(), path("events")}, {}};
    ASSERT_TRUE(eventually([&] {
      std::error_code none;
      return std::filesystem::exists(path("events"), none) && std::filesystem::file_size(path("events")) > 50'000;
    }));
    const auto why = why_not([&] { writer second{options()}; });
    EXPECT_NE(why.find("it is in use by process " + std::to_string(storm.pid())), std::string::npos) << why;
    EXPECT_EQ(last_run().status, run_status::live);
    storm.signal(SIGKILL);
    ASSERT_TRUE(storm.wait(clock::now() + patience).has_value());
  }
  const auto before = last_run();
  {
    writer next{options()};
    next.write(made_run{}.begin());
    ASSERT_TRUE(next.finish());
  }
  const auto all = reader{state()}.runs();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].last_seq, before.last_seq);
  EXPECT_EQ(all[0].status, run_status::died);
}

/// Writes until it cannot be done, makes room, and looks what came of it.
void expect_goes_on(writer& out, made_run& tree, const said& told, const std::string& reason,
                    const std::function<void()>& make_room, const std::function<run_view()>& look) {
  const event first = tree.begin();
  out.write(first);
  for (int i = 0; i < 400 && !out.count().in_trouble; ++i) {
    for (int n = 0; n < 500; ++n) out.write(tree.step());
    out.finish(1s);
  }
  ASSERT_TRUE(eventually([&] { return out.count().in_trouble; }));
  ASSERT_TRUE(eventually([&] { return told.contains(reason); })) << (told.all().empty() ? "" : told.all()[0]);
  for (int n = 0; n < 30'000; ++n) out.write(tree.step());  // more than the queue holds
  EXPECT_GT(out.count().lost, 0U);
  make_room();
  ASSERT_TRUE(eventually([&] { return out.finish(1s); }));
  EXPECT_TRUE(eventually([&] { return told.contains("is written again"); }));
  out.write(tree.end());
  ASSERT_TRUE(out.finish());
  const auto count = out.count();
  EXPECT_EQ(count.written + count.lost, tree.seq()) << "each is written or counted";
  const auto view = look();
  EXPECT_EQ(view.events, count.written);
  EXPECT_EQ(view.missing, count.lost) << "and the gap shows how many are not there";
  EXPECT_EQ(view.code, 0);
}

TEST_F(store_faults, a_full_disk_costs_what_has_no_room_and_nothing_else) {
  std::filesystem::create_directory(path("disk"));
  if (::mount("none", path("disk").c_str(), "tmpfs", 0, "size=3m") != 0)
    GTEST_SKIP() << "a disk for itself is not to be had";
  {
    auto how = options();
    how.directory = path("disk/state");
    how.max_queued_bytes = 4U << 20U;
    std::ofstream{path("disk/ballast")} << std::string(1U << 20U, 'b');
    writer out{how};
    made_run tree;
    expect_goes_on(
        out, tree, told, "full",
        [&] { ASSERT_EQ(::mount("none", path("disk").c_str(), "tmpfs", MS_REMOUNT, "size=300m"), 0); },
        [&] {
          reader in{how.directory};
          return in.view_at(*in.find_run());
        });
  }
  ::umount2(path("disk").c_str(), MNT_DETACH);
}

TEST_F(store_faults, a_file_that_may_grow_no_further_costs_what_has_no_room_and_nothing_else) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  auto how = options();
  how.max_queued_bytes = 4U << 20U;
  writer out{how};
  made_run tree;
  auto limited = before;
  limited.rlim_cur = 2U << 20U;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limited), 0);
  expect_goes_on(
      out, tree, told, "disk I/O error", [&] { ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0); },
      [&] {
        reader in{state()};
        return in.view_at(*in.find_run());
      });
}

TEST_F(store_faults, a_directory_that_is_removed_begins_anew_with_the_picture_so_far) {
  writer out{options()};
  made_run tree;
  run_view view;
  const auto put = [&](const event& e) {
    out.write(e);
    fold(view, e);
  };
  out.keep_plan("{}");
  put(tree.begin());
  for (int i = 0; i < 100; ++i) put(tree.step());
  ASSERT_TRUE(out.finish());
  std::filesystem::remove_all(state());
  ASSERT_TRUE(eventually([&] {
    put(tree.step());
    out.finish();
    return told.contains("it is gone");
  }));
  ASSERT_TRUE(eventually([&] { return told.contains("is written again"); }));
  put(tree.end());
  ASSERT_TRUE(out.finish());
  EXPECT_EQ(out.count().lost, 0U) << "what was under way has found its place";
  reader in{state()};
  const auto run = *in.find_run();
  EXPECT_EQ(run.scenario, "made");
  EXPECT_EQ(in.history(run)->plan(), "{}");
  EXPECT_GT(run.first_seq, 100U);
  EXPECT_TRUE(in.view_at(run).children == view.children);
  EXPECT_EQ(in.view_at(run).last_seq, tree.seq());
  EXPECT_NE(why_not([&] { in.view_at(run, 50); }).find("not kept any more"), std::string::npos);
}

TEST_F(store_faults, a_database_that_is_overwritten_stops_nothing) {
  auto how = options();
  how.max_queued_bytes = 1U << 20U;
  writer out{how};
  made_run tree;
  out.write(tree.begin());
  ASSERT_TRUE(out.finish());
  for (const auto* name : {"/steward.db", "/steward.db-wal"}) {
    std::fstream file{state() + name, std::ios::in | std::ios::out | std::ios::binary};
    file << std::string(200'000, 'g');
  }
  ASSERT_TRUE(eventually([&] {
    for (int i = 0; i < 500; ++i) out.write(tree.step());
    out.finish(1s);
    return out.count().in_trouble;
  }));
  EXPECT_EQ(told.all().size(), 1U);
  for (int i = 0; i < 5'000; ++i) out.write(tree.step());
  EXPECT_GT(out.count().lost, 0U);
}

}  // namespace
}  // namespace steward::store::test
