#include "control/runtime_folder.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>

namespace steward::control_api {
namespace {

namespace fs = std::filesystem;

class runtime_folder_test : public testing::Test {
protected:
  runtime_folder_test() {
    std::string name = (fs::temp_directory_path() / "steward-folder-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no folder");
    base_ = name;
  }
  ~runtime_folder_test() override { fs::remove_all(base_); }

  std::string path(const std::string& name = "steward") const { return (base_ / name).string(); }

  static std::string problem_of(const std::string& where) {
    try {
      runtime_folder::make(where);
    } catch (const std::runtime_error& problem) {
      return problem.what();
    }
    return {};
  }
  static mode_t mode(const std::string& of) {
    struct stat is {};
    return ::lstat(of.c_str(), &is) == 0 ? is.st_mode & 07777U : 0;
  }

  fs::path base_;
};

/// Puts an environment variable back in the end.
class variable {
public:
  variable(const char* name, const char* value) : name_(name) {
    if (const char* was = std::getenv(name)) was_ = was;
    value != nullptr ? ::setenv(name, value, 1) : ::unsetenv(name);
  }
  ~variable() { was_ ? ::setenv(name_, was_->c_str(), 1) : ::unsetenv(name_); }
  variable(const variable&) = delete;
  variable& operator=(const variable&) = delete;

private:
  const char* name_;
  std::optional<std::string> was_;
};

TEST_F(runtime_folder_test, is_private_whatever_the_umask_is) {
  for (const mode_t mask : {0U, 022U, 0777U}) {
    const auto where = path("mask-" + std::to_string(mask));
    const auto before = ::umask(mask);
    runtime_folder::make(where);
    const run_socket socket{runtime_folder::make(where), "run"};
    ::umask(before);
    EXPECT_EQ(mode(where), 0700U);
    EXPECT_EQ(mode(socket.path()), 0600U);
  }
}

TEST_F(runtime_folder_test, follows_no_symbolic_link) {
  fs::create_directory(base_ / "elsewhere");
  fs::permissions(base_ / "elsewhere", fs::perms::owner_all);
  fs::create_directory_symlink(base_ / "elsewhere", path());
  EXPECT_THAT(problem_of(path()), testing::HasSubstr("symbolic link"));
  EXPECT_TRUE(fs::is_empty(base_ / "elsewhere"));
}

TEST_F(runtime_folder_test, is_refused_when_others_may_enter_it) {
  fs::create_directory(path());
  fs::permissions(path(), fs::perms::owner_all | fs::perms::others_exec);
  EXPECT_THAT(problem_of(path()), testing::HasSubstr("chmod 700"));
}

TEST_F(runtime_folder_test, is_refused_when_it_belongs_to_somebody_else) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a folder away";
  fs::create_directory(path());
  fs::permissions(path(), fs::perms::owner_all);
  ASSERT_EQ(::chown(path().c_str(), 65'534, 65'534), 0);
  EXPECT_THAT(problem_of(path()), testing::HasSubstr("uid 65534"));
}

TEST_F(runtime_folder_test, is_refused_when_it_is_a_file) {
  std::ofstream{path()} << "x";
  EXPECT_NE(problem_of(path()), "");
}

TEST_F(runtime_folder_test, lies_in_the_folder_of_the_session_when_that_is_the_users_own) {
  const variable given{"XDG_RUNTIME_DIR", base_.c_str()};
  EXPECT_EQ(runtime_folder_path(), path());
  if (::geteuid() != 0) return;
  ASSERT_EQ(::chown(base_.c_str(), 65'534, 65'534), 0);
  EXPECT_EQ(runtime_folder_path(), "/run/steward");
}

TEST_F(runtime_folder_test, has_a_place_without_a_session) {
  for (const char* value : {static_cast<const char*>(nullptr), "", "not/absolute", "/does/not/exist"}) {
    const variable given{"XDG_RUNTIME_DIR", value};
    EXPECT_EQ(runtime_folder_path(), ::geteuid() == 0 ? "/run/steward" : "/tmp/steward-" + std::to_string(::geteuid()));
  }
}

TEST_F(runtime_folder_test, has_a_socket_as_long_as_it_lives) {
  std::string name;
  {
    const run_socket socket{runtime_folder::make(path()), "my run/../x"};
    name = fs::path{socket.path()}.filename().string();
    EXPECT_EQ(name, "my_run_.._x-" + std::to_string(::getpid()) + ".sock");
    EXPECT_THAT(socket.folder().sockets(), testing::ElementsAre(name));
    EXPECT_TRUE(socket.folder().connect(name));
  }
  EXPECT_TRUE(runtime_folder::find(path())->sockets().empty());
  EXPECT_TRUE(fs::is_empty(path()));
}

TEST_F(runtime_folder_test, can_have_a_path_that_is_too_long_for_a_socket) {
  const auto where = path(std::string(150, 'x'));
  const run_socket socket{runtime_folder::make(where), std::string(90, 'y')};
  EXPECT_TRUE(socket.folder().connect(socket.folder().sockets().at(0)));
}

TEST_F(runtime_folder_test, does_not_take_a_socket_from_somebody_who_lives) {
  const run_socket first{runtime_folder::make(path()), "run"};
  EXPECT_THROW(run_socket(runtime_folder::make(path()), "run"), std::runtime_error);
  EXPECT_TRUE(first.folder().connect(first.folder().sockets().at(0)));
}

TEST_F(runtime_folder_test, removes_what_a_dead_program_has_left_and_nothing_else) {
  const auto child = ::fork();
  if (child == 0) {
    const run_socket left{runtime_folder::make(path()), "dead"};
    ::_exit(0);  // without its destructor
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  const run_socket alive{runtime_folder::make(path()), "alive"};
  std::ofstream{path() + "/notes.sock"} << "no socket";
  fs::create_symlink(alive.path(), path() + "/link.sock");
  ASSERT_EQ(alive.folder().sockets().size(), 2U) << "files and links are none";
  alive.folder().remove_stale();
  EXPECT_THAT(alive.folder().sockets(), testing::ElementsAre("alive-" + std::to_string(::getpid()) + ".sock"));
  EXPECT_TRUE(fs::exists(path() + "/notes.sock"));
}

TEST_F(runtime_folder_test, finds_none_where_there_is_none) { EXPECT_FALSE(runtime_folder::find(path()).has_value()); }

}  // namespace
}  // namespace steward::control_api
