#include "store/state_directory.hpp"

#include "tests/runtime/store/support.hpp"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

namespace steward::store::test {
namespace {

class store_directory : public store_test {
protected:
  static mode_t mode_of(const std::string& path) {
    struct stat found {};
    return ::stat(path.c_str(), &found) == 0 ? found.st_mode & 07777U : 0;
  }
  std::string why_refused(const std::string& directory) {
    auto how = options();
    how.directory = directory;
    return why_not([&] { writer out{how}; });
  }
  /// Whether it holds for another user, in a process of its own.
  static bool as_nobody(const std::function<bool()>& holds) {
    constexpr uid_t nobody = 65534;
    const auto pid = ::fork();
    if (pid == 0) ::_exit(::setgid(nobody) == 0 && ::setuid(nobody) == 0 && holds() ? 0 : 1);
    int status = 0;
    return ::waitpid(pid, &status, 0) == pid && status == 0;
  }
};

TEST_F(store_directory, is_its_owners_alone) {
  const auto before = ::umask(0);
  writer out{options()};
  out.write(made_run{}.begin());
  EXPECT_TRUE(out.finish());
  ::umask(before);
  EXPECT_EQ(mode_of(state()), 0700U);
  for (const auto* name : {"steward.db", "steward.db-wal", "steward.db-shm", "lock"})
    EXPECT_EQ(mode_of(state() + "/" + name), 0600U) << name;
}

TEST_F(store_directory, in_use_is_refused_with_the_process_that_has_it) {
  const writer out{options()};
  const auto why = why_refused(state());
  EXPECT_NE(why.find("it is in use by process " + std::to_string(::getpid())), std::string::npos) << why;
  EXPECT_EQ(holder_of(state()), ::getpid());
}

TEST_F(store_directory, is_free_again_afterwards) {
  { const writer out{options()}; }
  EXPECT_FALSE(holder_of(state()).has_value());
  EXPECT_EQ(why_refused(state()), "");
}

TEST_F(store_directory, that_is_a_symbolic_link_is_refused) {
  std::filesystem::create_directory(path("elsewhere"));
  std::filesystem::create_directory_symlink(path("elsewhere"), state());
  for (const auto& name : {state(), state() + "/", state() + "//"}) {
    const auto why = why_refused(name);
    EXPECT_NE(why.find("it is a symbolic link"), std::string::npos) << why;
  }
  EXPECT_TRUE(std::filesystem::is_empty(path("elsewhere")));
}

TEST_F(store_directory, with_a_symbolic_link_for_a_file_is_refused) {
  { const writer out{options()}; }
  for (const std::string name : {"steward.db", "steward.db-wal", "lock", "last_words.jsonl"}) {
    std::filesystem::remove(state() + "/" + name);
    std::filesystem::create_symlink(path("target"), state() + "/" + name);
    const auto why = why_refused(state());
    EXPECT_NE(why.find(name + ": it is a symbolic link"), std::string::npos) << why;
    EXPECT_FALSE(std::filesystem::exists(path("target")));
    std::filesystem::remove(state() + "/" + name);
  }
}

TEST_F(store_directory, with_a_folder_for_a_file_is_refused) {
  { const writer out{options()}; }
  std::filesystem::remove(state() + "/steward.db");
  std::filesystem::create_directory(state() + "/steward.db");
  EXPECT_NE(why_refused(state()).find("it is no regular file"), std::string::npos);
}

TEST_F(store_directory, that_others_may_write_to_is_refused) {
  std::filesystem::create_directory(state());
  ASSERT_EQ(::chmod(state().c_str(), 0770), 0);
  EXPECT_NE(why_refused(state()).find("others may write to it"), std::string::npos);
}

TEST_F(store_directory, that_cannot_be_made_is_refused_with_the_reason) {
  EXPECT_NE(why_refused(path("none/state")).find("No such file or directory"), std::string::npos);
  std::ofstream{path("file")} << "x";
  EXPECT_NE(why_refused(path("file")).find("Not a directory"), std::string::npos);
}

TEST_F(store_directory, of_somebody_else_is_refused) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give something away";
  { const writer out{options()}; }
  ASSERT_EQ(::chown((state() + "/steward.db").c_str(), 1, 1), 0);
  EXPECT_NE(why_refused(state()).find("steward.db: it belongs to user 1"), std::string::npos);
  ASSERT_EQ(::chown(state().c_str(), 1, 1), 0);
  EXPECT_NE(why_refused(state()).find("it belongs to user 1"), std::string::npos);
}

TEST_F(store_directory, of_an_ended_run_can_be_read_where_nothing_can_be_written) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become somebody else";
  {
    writer out{options()};
    made_run tree;
    out.write(tree.begin());
    out.write(tree.end());
  }
  ASSERT_EQ(::chmod(state().c_str(), 0555), 0);
  ASSERT_EQ(::chmod((state() + "/steward.db").c_str(), 0444), 0);
  ASSERT_EQ(::chmod((state() + "/lock").c_str(), 0444), 0);
  EXPECT_TRUE(as_nobody([&] {
    reader in{state()};
    return in.find_run()->last_seq == 2 && in.view_at(*in.find_run()).code == 0;
  }));
}

TEST_F(store_directory, of_a_live_run_can_be_read_where_nothing_can_be_written) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become somebody else";
  writer out{options()};
  made_run tree;
  out.write(tree.begin());
  ASSERT_TRUE(out.finish());
  ASSERT_EQ(::chmod(state().c_str(), 0555), 0);
  for (const auto* name : {"steward.db", "steward.db-wal", "steward.db-shm", "lock"})
    ASSERT_EQ(::chmod((state() + "/" + name).c_str(), 0444), 0);
  EXPECT_TRUE(as_nobody([&] {
    reader in{state()};
    const auto run = *in.find_run();
    return run.last_seq == 1 && run.status == run_status::live;
  }));
  ASSERT_EQ(::chmod(state().c_str(), 0700), 0);
}

}  // namespace
}  // namespace steward::store::test
