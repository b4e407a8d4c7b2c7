#include "control/token.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <barrier>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace steward::control_api {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class token_file : public testing::Test {
protected:
  token_file() {
    std::string name = (fs::temp_directory_path() / "steward-token-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no folder");
    base_ = name;
  }
  ~token_file() override { fs::remove_all(base_); }

  std::string path(const std::string& name = "token") const { return (base_ / name).string(); }

  std::string holding(const std::string& text, mode_t mode = S_IRUSR | S_IWUSR) const {
    std::ofstream{path()} << text;
    ::chmod(path().c_str(), mode);
    return path();
  }

  static std::string problem_of(const std::string& where) {
    try {
      token_of_file(where);
    } catch (const std::runtime_error& problem) {
      return problem.what();
    }
    return {};
  }

  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& one : fs::directory_iterator{base_}) out.push_back(one.path().filename().string());
    return out;
  }

  fs::path base_;
};

const std::string good = "0123456789abcdef0123456789ABC-_x";

TEST(token, is_another_one_each_time) {
  const auto one = new_token();
  EXPECT_EQ(one.size(), 32U);
  EXPECT_NE(one, new_token());
}

TEST_F(token_file, is_made_for_its_owner_alone_and_kept) {
  const auto first = token_of_file(path());
  EXPECT_EQ(first.size(), 32U);
  struct stat is {};
  ASSERT_EQ(::stat(path().c_str(), &is), 0);
  EXPECT_EQ(is.st_mode & 07777U, 0600U);
  EXPECT_EQ(token_of_file(path()), first);
  EXPECT_EQ(names(), std::vector<std::string>{"token"});
}

TEST_F(token_file, of_somebodys_own_making_is_read) {
  for (const auto* end : {"", "\n", "\r\n"}) EXPECT_EQ(token_of_file(holding(good + end)), good);
  EXPECT_EQ(token_of_file(holding(std::string(128, 'a') + "\n")), std::string(128, 'a'));
  EXPECT_EQ(token_of_file(holding(good, 0640)), good) << "a server that asks with it may be in the group";
  EXPECT_EQ(token_of_file(holding(good, 0400)), good);
  fs::create_symlink("token", path("link"));
  EXPECT_EQ(token_of_file(path("link")), good);
}

TEST_F(token_file, that_others_could_read_or_change_is_refused) {
  for (const mode_t mode : {0644U, 0604U, 0602U, 0660U, 0620U, 0666U})
    EXPECT_THAT(problem_of(holding(good, mode)), HasSubstr("chmod g-w,o=")) << std::oct << mode;
}

TEST_F(token_file, of_another_user_is_refused) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  ASSERT_EQ(::chown(holding(good).c_str(), 65'534, 65'534), 0);
  EXPECT_THAT(problem_of(path()), HasSubstr("belongs to user 65534"));
}

TEST_F(token_file, that_holds_no_token_is_refused_and_left_alone) {
  const std::string texts[] = {"",         "\n",          good.substr(1),         std::string(129, 'a'),
                               good + " ", " " + good,    good + "\n\n",          good + "\n" + good,
                               good + ";", good + "\xc3", std::string(1'000, 'a')};
  for (const auto& text : texts) {
    EXPECT_THAT(problem_of(holding(text)), HasSubstr("holds no token")) << text;
    EXPECT_EQ(fs::file_size(path()), text.size());
  }
}

TEST_F(token_file, that_is_no_plain_file_is_refused_at_once) {
  fs::create_directory(path("folder"));
  EXPECT_THAT(problem_of(path("folder")), HasSubstr("is no plain file"));
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  EXPECT_THAT(problem_of(path("pipe")), HasSubstr("is no plain file"));
  EXPECT_THAT(problem_of(path("nowhere/token")), HasSubstr("nowhere/token': No such file or directory"));
  fs::create_symlink("nothing", path("link"));
  EXPECT_THAT(problem_of(path("link")), HasSubstr("No such file or directory"));
}

TEST_F(token_file, that_many_make_at_once_is_one) {
  constexpr std::ptrdiff_t makers = 8;
  for (int round = 0; round < 25; ++round) {
    std::barrier start{makers};
    std::vector<std::string> got(makers);
    std::vector<std::thread> all;
    for (auto& mine : got)
      all.emplace_back([&, this] {
        start.arrive_and_wait();
        mine = token_of_file(path());
      });
    for (auto& one : all) one.join();
    EXPECT_EQ(std::set<std::string>(got.begin(), got.end()).size(), 1U);
    EXPECT_EQ(names(), std::vector<std::string>{"token"});
    fs::remove(path());
  }
}

TEST_F(token_file, that_cannot_be_written_leaves_nothing) {
  const auto child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_FSIZE, &none);
    ::_exit(problem_of(path()).find("File too large") != std::string::npos ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(names().empty());
}

}  // namespace
}  // namespace steward::control_api
