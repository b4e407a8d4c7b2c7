#include "otp_probe.hpp"

#include <set>

namespace {

using namespace std::chrono_literals;
using namespace steward;
using namespace steward::testing_support;

/// OTP's cases about specs as maps (13 to 15). Ours are structs: a key that is left out is a member with its default.
class otp_spec : public otp_case {};

TEST_F(otp_spec, sup_start_map) {
  const auto named = [](const char* id, auto what) {
    child_spec out;
    out.id = id;
    out.what = std::move(what);
    return out;
  };
  const auto worker = std::get<actor_spec>(probe("a").what);
  start_ok(tree({named("a", worker), named("sub", std::make_shared<supervisor_spec>())}));
  ASSERT_EQ(code_of(start_child("/root", named("b", worker))), admin_code::ok);
  for (const char* path : {"/root/a", "/root/b"}) {
    const auto got = get_childspec(path);
    ASSERT_TRUE(got) << path;
    EXPECT_EQ(got->id, std::string{path}.substr(6));
    EXPECT_EQ(got->restart, restart_type::permanent);
    EXPECT_EQ(got->shutdown, 5'000ms);
    EXPECT_EQ(got->start_within, 5'000ms);
    EXPECT_FALSE(got->significant);
    EXPECT_FALSE(got->intensity);
    ASSERT_TRUE(std::holds_alternative<actor_spec>(got->what));
    EXPECT_EQ(std::get<actor_spec>(got->what).type, "otp_probe");
  }
  const auto nested = get_childspec("/root/sub");
  ASSERT_TRUE(nested);
  EXPECT_EQ(nested->restart, restart_type::permanent);
  EXPECT_EQ(nested->shutdown, infinity);
  EXPECT_EQ(nested->start_within, infinity);
  const auto* inner = std::get_if<std::shared_ptr<supervisor_spec>>(&nested->what);
  ASSERT_NE(inner, nullptr);
  EXPECT_EQ((*inner)->strategy, strategy::one_for_one);
  EXPECT_EQ((*inner)->auto_shutdown, auto_shutdown::never);

  auto given = probe("c", restart_type::transient);
  given.shutdown = 123ms;
  given.start_within = infinity;
  ASSERT_EQ(code_of(start_child("/root", given)), admin_code::ok);
  EXPECT_EQ(get_childspec("/root/c")->restart, restart_type::transient) << "what is given is kept";
  EXPECT_EQ(get_childspec("/root/c")->shutdown, 123ms);
  EXPECT_EQ(get_childspec("/root/c")->start_within, infinity);

  for (const char* stranger : {"/root/nobody", "/root/sub/a", "/root", "a", ""})
    EXPECT_FALSE(get_childspec(stranger)) << stranger << " is not_found";
}

TEST_F(otp_spec, sup_start_map_simple) {
  auto spec = dynamic(restart_type::transient);
  spec.children.front().shutdown = 777ms;
  start_ok(tree({sub("s", spec), probe("other")}));
  const auto first = start_dynamic("/root/s");
  const auto second = start_dynamic("/root/s", {{"label", {std::string{"second"}}}});
  ASSERT_EQ(code_of(first), admin_code::ok);
  ASSERT_EQ(code_of(second), admin_code::ok);
  for (const auto& [handle, id, label] :
       {std::tuple{first->handle, "d-1", ""}, std::tuple{second->handle, "d-2", "second"}}) {
    const auto path = supervision::path_of(handle);
    EXPECT_EQ(path, std::string{"/root/s/"} + id);
    const auto got = get_childspec(path);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->id, id);
    EXPECT_EQ(got->restart, restart_type::transient);
    EXPECT_EQ(got->shutdown, 777ms);
    EXPECT_EQ(got->start_within, 5'000ms);
    const auto& label_of = std::get<actor_spec>(got->what).params.at("label").value;
    EXPECT_EQ(std::get<std::string>(label_of), label);
  }
  caf::scoped_actor stranger{*system_};
  EXPECT_EQ(supervision::path_of(caf::actor_cast<caf::actor>(stranger)), "");
  EXPECT_EQ(supervision::path_of(host_), "");
  EXPECT_FALSE(get_childspec(supervision::path_of(caf::actor_cast<caf::actor>(stranger)))) << "not_found";
  EXPECT_FALSE(get_childspec("/root/s/d-3"));
  ASSERT_EQ(code_of(terminate_child("/root/s/d-2")), admin_code::ok);
  EXPECT_FALSE(get_childspec(supervision::path_of(second->handle))) << "it is gone with its child";
}

TEST_F(otp_spec, sup_start_map_faulty_specs) {
  auto no_id = probe("");
  auto no_start = probe("b");
  no_start.what = actor_spec{};
  auto no_spec = probe("c");
  no_spec.what = std::shared_ptr<supervisor_spec>{};

  std::set<std::string> told;
  // In the list of a supervisor that starts.
  for (const auto& faulty : {no_id, no_start, no_spec}) {
    start(tree({probe("a"), faulty}));
    ASSERT_TRUE(started_);
    EXPECT_NE(started_->failed_child, "");
    told.insert(started_->why.message);
    EXPECT_EQ(book().alive, 0);
    end();
  }
  EXPECT_EQ(told.size(), 3U) << "each is told in its own words";

  // At run time.
  start_ok(tree({probe("a")}));
  const auto missing_id = start_child("/root", no_id);
  ASSERT_EQ(code_of(missing_id), admin_code::invalid);
  ASSERT_EQ(missing_id->faults.size(), 1U);
  EXPECT_EQ(missing_id->faults[0].field, "id");
  const auto missing_spec = start_child("/root", no_spec);
  ASSERT_EQ(code_of(missing_spec), admin_code::invalid);
  ASSERT_EQ(missing_spec->faults.size(), 1U);
  EXPECT_EQ(missing_spec->faults[0].field, "supervisor");
  const auto missing_start = start_child("/root", no_start);
  EXPECT_EQ(code_of(missing_start), admin_code::failed);
  EXPECT_EQ(missing_start->why.message, "no actor is registered as ''");
  EXPECT_EQ(ids_of(), paths{"a"}) << "nothing of them is stored";

  // Unknown keys are refused, not tolerated as in OTP; those of YAML by the schema, see the tests of config.
  const param_map unknown{{"colour", {std::string{"red"}}}};
  const auto refused = start_child("/root", probe_with("d", unknown));
  ASSERT_EQ(code_of(refused), admin_code::invalid);
  ASSERT_EQ(refused->faults.size(), 1U);
  EXPECT_EQ(refused->faults[0].field, "colour");
  EXPECT_EQ(refused->faults[0].path, "/root/d");
  EXPECT_EQ(ids_of(), paths{"a"});
  ASSERT_EQ(code_of(start_child("/root", sub("s", dynamic()))), admin_code::ok);
  const auto refused_too = start_dynamic("/root/s", unknown);
  ASSERT_EQ(code_of(refused_too), admin_code::invalid);
  EXPECT_EQ(refused_too->faults[0].field, "colour");
  EXPECT_EQ(ids_of("/root/s"), paths{});

  end();
  start(tree({probe("a"), probe_with("d", unknown)}));
  ASSERT_TRUE(started_);
  ASSERT_EQ(started_->faults.size(), 1U);
  EXPECT_EQ(started_->faults[0].path, "/root/d");
}

}  // namespace
