// steward::control over a tree that runs.
#include "control/http_text.hpp"
#include "steward/control.hpp"
#include "tests/runtime/control/client.hpp"
#include "tests/runtime/supervision/real_tree.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace steward::testing_support {
namespace {

using json = nlohmann::json;
using control_api::client;
using control_api::reply;

struct steady {
  explicit steady(self_ptr) {}
  caf::behavior make_behavior() {
    return {[](caf::get_atom) { return std::int64_t{1}; }};
  }
};

class control_of_a_tree : public real_tree {
protected:
  control_of_a_tree() {
    std::string name = (std::filesystem::temp_directory_path() / "steward-control-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no folder");
    folder_ = name;
    actors_.add<steady>("steady");
  }
  ~control_of_a_tree() override { std::filesystem::remove_all(folder_); }

  control_options options() const {
    control_options out;
    out.name = "shop";
    out.folder = folder_ + "/steward";
    return out;
  }
  static reply post(const control& to, const std::string& target, const std::string& body = {}) {
    return control_api::ask(client::of_socket(to.socket()), target, "POST", {}, body);
  }
  static json get(const control& from, const std::string& target) {
    return json::parse(control_api::ask(client::of_socket(from.socket()), target).body);
  }

  std::string folder_;
};

TEST_F(control_of_a_tree, shows_and_steers_it) {
  runtime rt{log_, tasks_, actors_};
  supervisor tree{rt, tree_of({child("a", "steady"), child("b", "steady")})};
  const control outside{log_, tree, options()};
  EXPECT_THAT(outside.socket(), testing::HasSubstr("/shop-"));
  EXPECT_EQ(outside.url(), "");
  ASSERT_TRUE(tree.start());
  EXPECT_EQ(get(outside, "/v1/children/root/a").at("status"), "up");
  EXPECT_EQ(post(outside, "/v1/children/root/a/stop").status, 200);
  EXPECT_EQ(tree.which_child("/root/a")->status, child_status::undefined);
  EXPECT_EQ(get(outside, "/v1/children/root/a").at("status"), "stopped");
  EXPECT_EQ(post(outside, "/v1/children/root/a/start").status, 200);
  EXPECT_EQ(tree.which_child("/root/a")->status, child_status::running);
  EXPECT_EQ(post(outside, "/v1/children/root/b/restart").status, 200);
  EXPECT_EQ(tree.which_child("/root/b")->incarnation, 2U);
  EXPECT_EQ(post(outside, "/v1/children/root/c/stop").status, 404);
  EXPECT_EQ(post(outside, "/v1/pools/root/a/resize", R"({"workers":2})").status, 422);
  EXPECT_EQ(post(outside, "/v1/reload").status, 501) << "there is nothing to read again";
}

TEST_F(control_of_a_tree, asks_it_to_stop) {
  runtime rt{log_, tasks_, actors_};
  supervisor tree{rt, tree_of({child("a", "steady")})};
  const control outside{log_, tree, options()};
  ASSERT_TRUE(tree.start());
  EXPECT_EQ(post(outside, "/v1/shutdown").status, 200);
  EXPECT_TRUE(tree.wait_until(std::chrono::steady_clock::now() + std::chrono::seconds{20}));
}

TEST_F(control_of_a_tree, can_be_observed_on_loopback) {
  runtime rt{log_, tasks_, actors_};
  supervisor tree{rt, tree_of({child("a", "steady")})};
  auto how = options();
  how.socket = false;
  how.observe = "0";
  const control outside{log_, tree, how};
  EXPECT_EQ(outside.socket(), "");
  EXPECT_THAT(outside.url(), testing::StartsWith("http://127.0.0.1:"));
  how.observe = "0.0.0.0:0";
  EXPECT_THROW(control(log_, tree, how), std::invalid_argument);
}

TEST_F(control_of_a_tree, keeps_figures_that_it_is_given) {
  runtime rt{log_, tasks_, actors_};
  supervisor tree{rt, tree_of({child("a", "steady")})};
  control outside{log_, tree, options()};
  ASSERT_TRUE(tree.start());
  sample x;
  x.path = "/root/a";
  x.waiting = 3;
  outside.take(x);
  EXPECT_EQ(get(outside, "/v1/samples?path=/root/a").at("samples").size(), 1U);
  EXPECT_EQ(get(outside, "/v1/children/root/a").at("figures").at("last").at("waiting"), 3);
}

}  // namespace
}  // namespace steward::testing_support
