#include "cli/views/run_finder.hpp"

#include "cli/exit_codes.hpp"
#include "tests/views/history.hpp"

#include <gmock/gmock.h>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <limits>
#include <string>

namespace {

using namespace steward;
using namespace steward::cli;
using testing::HasSubstr;

/// A socket that somebody listens at, or that was left behind.
class listening {
public:
  explicit listening(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    path.copy(at.sun_path, sizeof at.sun_path - 1);
    EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&at), sizeof at), 0) << path;
    EXPECT_EQ(::listen(fd_, 8), 0);
  }
  ~listening() { ::close(fd_); }
  listening(const listening&) = delete;
  listening& operator=(const listening&) = delete;

private:
  int fd_;
};

class finder : public testing::Test {
protected:
  finder() : runtime_("XDG_RUNTIME_DIR", folder_.path("").c_str()) {
    std::filesystem::create_directory(folder_.path("steward"));
    ::chmod(folder_.path("steward").c_str(), 0700);
  }
  std::string socket(const std::string& name) const { return folder_.path("steward/" + name); }
  static std::pair<std::string, int> fault_of(const std::function<void()>& f) {
    try {
      f();
    } catch (const cannot_look& x) {
      return {x.what(), x.code()};
    }
    return {};
  }

  test::scratch folder_;

private:
  test::variable runtime_;
};

}  // namespace

TEST_F(finder, the_only_live_run_needs_no_name) {
  const listening one{socket("my-shop-41.sock")};
  const auto run = find_live_run("");
  EXPECT_EQ(run.name, "my-shop");
  EXPECT_EQ(run.pid, 41);
  EXPECT_EQ(find_live_run("my-shop").pid, 41);
  EXPECT_EQ(find_live_run("41").name, "my-shop");
}

TEST_F(finder, no_live_run_is_exit_code_6) {
  const auto [why, code] = fault_of([] { find_live_run(""); });
  EXPECT_THAT(why, HasSubstr("no run is live"));
  EXPECT_EQ(code, exit_no_such_run);
}

TEST_F(finder, several_live_runs_are_listed) {
  const listening one{socket("shop-41.sock")};
  const listening other{socket("shop-42.sock")};
  const auto [why, code] = fault_of([] { find_live_run(""); });
  EXPECT_THAT(why, HasSubstr("shop (pid 41)\n  shop (pid 42)"));
  EXPECT_EQ(code, exit_no_such_run);
  EXPECT_THAT(fault_of([] { find_live_run("shop"); }).first, HasSubstr("name one by its pid"));
  EXPECT_EQ(find_live_run("42").pid, 42);
}

TEST_F(finder, a_word_that_is_none_is_answered_with_a_suggestion) {
  const listening one{socket("shop-41.sock")};
  EXPECT_THAT(fault_of([] { find_run("shpo"); }).first, HasSubstr("did you mean 'shop'?"));
  EXPECT_EQ(fault_of([] { find_run("shpo"); }).second, exit_no_such_run);
}

TEST_F(finder, a_socket_that_was_left_behind_is_removed) {
  const auto left = "shop-" + std::to_string(std::numeric_limits<pid_t>::max()) + ".sock";  // no program has that pid
  { const listening gone{socket(left)}; }
  EXPECT_TRUE(live_runs().empty());
  EXPECT_FALSE(std::filesystem::exists(socket(left)));
}

TEST_F(finder, files_that_are_no_sockets_and_links_are_passed_over) {
  folder_.write("steward/shop-41.sock", "");
  const listening elsewhere{folder_.path("other.sock")};
  std::filesystem::create_symlink(folder_.path("other.sock"), socket("link-42.sock"));
  const listening unnamed{socket("nonsense.sock")};
  EXPECT_TRUE(live_runs().empty());
  EXPECT_TRUE(std::filesystem::exists(socket("shop-41.sock")));
}

TEST_F(finder, a_folder_that_is_a_link_or_open_to_others_is_not_trusted) {
  ::chmod(socket("").c_str(), 0777);
  {
    const listening one{socket("shop-41.sock")};
    EXPECT_TRUE(live_runs().empty());
    EXPECT_THAT(fault_of([] { find_live_run(""); }).first, HasSubstr("others may enter it"));
  }
  std::filesystem::rename(folder_.path("steward"), folder_.path("real"));
  std::filesystem::create_directory_symlink(folder_.path("real"), folder_.path("steward"));
  EXPECT_THAT(fault_of([] { find_live_run(""); }).first, HasSubstr("it is no folder"));
}

TEST_F(finder, a_file_is_an_events_file_and_a_folder_a_run_directory) {
  const auto file = folder_.write("e.jsonl", test::usual_history().text());
  EXPECT_EQ(find_run(file)->view().run, "r-1");
  EXPECT_THAT(fault_of([&] { find_run(folder_.path("steward")); }).first, HasSubstr("has no steward.db"));
  EXPECT_THAT(fault_of([&] { find_run(folder_.path("nothing.jsonl")); }).first, HasSubstr("no such file or folder"));
}

TEST_F(finder, what_may_still_begin_is_told_from_what_will_not) {
  EXPECT_THROW(find_run(""), nothing_yet) << "no run is live so far";
  EXPECT_THROW(find_run(folder_.path("nothing.jsonl")), nothing_yet);
  EXPECT_THROW(find_run(folder_.path("steward")), nothing_yet) << "a run may begin in this folder";
  EXPECT_THROW(find_run(folder_.write("empty.jsonl", "")), nothing_yet);
  for (const auto& wrong : {folder_.path("no/folder/e.jsonl"), folder_.write("text.jsonl", "hello\n")}) {
    try {
      find_run(wrong);
      FAIL() << wrong;
    } catch (const nothing_yet& x) {
      FAIL() << x.what();
    } catch (const cannot_look&) {
      continue;
    }
  }
}
