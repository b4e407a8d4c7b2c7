#include "steward/actor_pool.hpp"
#include "steward/child.hpp"
#include "steward/parameter.hpp"
#include "steward/partition.hpp"
#include "steward/supervisor.hpp"
#include "tests/runtime/supervision/real_tree.hpp"
#include "tests/support/virtual_tree.hpp"

#include <set>

// `partitions` of a child, and keys that choose among them.

namespace steward::testing_support {
namespace {

using namespace std::chrono_literals;

/// Keeps numbers by their names.
struct shelf {
  explicit shelf(const actor_args& args) : path(args.path()) {}
  caf::behavior make_behavior() {
    return {[this](caf::put_atom, const std::string& key, std::int64_t n) { kept[key] = n; },
            [this](caf::get_atom, const std::string& key) { return kept.at(key); }, [this](show_atom) { return path; },
            [](crash_atom) { throw std::runtime_error("boom"); }};
  }
  std::string path;
  std::map<std::string, std::int64_t> kept;
};

/// Hands on by key, from within an actor.
struct router {
  explicit router(self_ptr x) : self(x) {}
  caf::behavior make_behavior() {
    return {[this](caf::get_atom, const std::string& name, const std::string& key) {
              return supervisor::path_of(partition(self, name, key));
            },
            [this](caf::put_atom, const std::string& name, const std::string& key) {
              return partition_path(self, name, key);
            }};
  }
  self_ptr self;
};

/// Knows a sibling by its id, as a parameter and by name.
struct asker {
  static std::vector<param_spec> parameters() { return {parameter::actor("of")}; }
  asker(self_ptr x, const actor_args& args) : self(x), of(args.actor("of")) {}
  caf::behavior make_behavior() {
    return {[this](caf::get_atom) {
      return supervisor::path_of(of) + " " + supervisor::path_of(partition(self, "cache", "k"));
    }};
  }
  self_ptr self;
  caf::actor of;
};

std::string path_for(const std::string& key, unsigned partitions) {
  return "/root/cache/" + std::to_string(partition_hash(key) % partitions);
}

supervisor_spec with_cache(unsigned partitions, child_spec policy = {}) {
  policy.partitions = partitions;
  supervisor_spec out;
  out.intensity = {3, 60s};
  out.children.push_back(child::actor<shelf>("cache", {}, policy));
  out.children.push_back(child::actor<router>("router"));
  return out;
}

TEST(partition_hash, is_the_same_everywhere_and_for_ever) {
  EXPECT_EQ(partition_hash(""), 0xcbf29ce484222325ULL);
  EXPECT_EQ(partition_hash("a"), 0xaf63dc4c8601ec8cULL);
  EXPECT_EQ(partition_hash("foobar"), 0x85944171f73967e8ULL);
}

class actor_partitions : public virtual_tree {};

TEST_F(actor_partitions, are_children_of_a_supervisor_of_the_actors_name) {
  start(with_cache(3));
  ASSERT_TRUE(started_ && started_->ok);
  EXPECT_TRUE(which_child("/root/cache")->is_supervisor);
  const auto all = which_children("/root/cache");
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 3U);
  EXPECT_EQ(all->back().path, "/root/cache/0");
  EXPECT_EQ(all->front().path, "/root/cache/2");
}

TEST_F(actor_partitions, name_their_actors_siblings_by_id) {
  auto tree = with_cache(2);
  child_spec policy;
  policy.partitions = 2;
  tree.children.push_back(child::actor<asker>("asker", {{"of", "router"}}, policy));
  start(tree);
  ASSERT_TRUE(started_ && started_->ok);
  const auto answer = ask<std::string>("/root/asker/1", caf::get_atom::value);
  EXPECT_EQ(answer, "/root/router " + path_for("k", 2));
}

TEST_F(actor_partitions, are_chosen_by_key_the_same_one_for_the_same_key) {
  start(with_cache(4));
  std::set<std::string> used;
  for (int i = 0; i < 200; ++i) {
    const auto key = "user-" + std::to_string(i);
    const auto chosen = names_.partition("/root/cache", key);
    ASSERT_TRUE(chosen);
    EXPECT_EQ(supervision::path_of(chosen), path_for(key, 4));
    EXPECT_EQ(names_.partition("/root/cache", key), chosen);
    used.insert(supervision::path_of(chosen));
  }
  EXPECT_EQ(used.size(), 4U) << "all of them are used";
}

TEST_F(actor_partitions, are_chosen_from_within_actors_by_the_id_of_a_sibling_or_by_path) {
  start(with_cache(5));
  for (const std::string key : {"a", "b", "c"}) {
    EXPECT_EQ(ask<std::string>("/root/router", caf::get_atom::value, std::string{"cache"}, key), path_for(key, 5));
    EXPECT_EQ(ask<std::string>("/root/router", caf::get_atom::value, std::string{"/root/cache"}, key),
              path_for(key, 5));
  }
  EXPECT_EQ(ask<std::string>("/root/router", caf::get_atom::value, std::string{"nobody"}, std::string{"a"}), "");
}

TEST_F(actor_partitions, of_an_actor_without_any_are_the_actor_itself) {
  start(with_cache(0));
  EXPECT_EQ(names_.partition("/root/cache", "a"), at("/root/cache"));
  EXPECT_FALSE(names_.partition("/root/nobody", "a"));
}

TEST_F(actor_partitions, crash_alone_and_keep_their_handles) {
  start(with_cache(3));
  const auto hit = names_.partition("/root/cache", "a");
  const auto path = supervision::path_of(hit);
  send(path, crash_atom::value);
  run();
  EXPECT_EQ(incarnation_of(path), 2U);
  EXPECT_EQ(names_.partition("/root/cache", "a"), hit);
  const auto all = which_children("/root/cache");
  ASSERT_TRUE(all);
  for (const auto& one : *all) EXPECT_EQ(one.incarnation, one.path == path ? 2U : 1U) << one.path;
}

TEST_F(actor_partitions, that_use_up_the_limit_are_restarted_together_by_the_supervisor_above) {
  start(with_cache(2, {.backoff = {.min = 1ms, .max = 1ms, .jitter = 0.0}}));
  for (int i = 0; i < 4; ++i) {
    send("/root/cache/0", crash_atom::value);
    run();
    advance(1ms);
  }
  EXPECT_EQ(incarnation_of("/root/cache"), 2U);
  EXPECT_EQ(incarnation_of("/root/cache/1"), 2U);
  EXPECT_EQ(supervision::path_of(names_.partition("/root/cache", "a")), path_for("a", 2)) << "keys still lead there";
  EXPECT_EQ(incarnation_of("/root/router"), 1U);
}

TEST_F(actor_partitions, have_the_policy_of_the_child_each) {
  start(with_cache(
      2, {.restart = restart_type::transient, .intensity = intensity{0, 5s}, .on_spent = spent_policy::park}));
  EXPECT_EQ(get_childspec("/root/cache/1")->restart, restart_type::transient);
  send("/root/cache/1", crash_atom::value);
  run();
  EXPECT_EQ(status_of("/root/cache/1"), "parked");
  EXPECT_EQ(status_of("/root/cache/0"), "running");
}

TEST_F(actor_partitions, are_reloaded_but_never_more_or_fewer) {
  start(with_cache(2));
  EXPECT_TRUE(reload(with_cache(2, {.restart = restart_type::transient})).empty());
  EXPECT_EQ(get_childspec("/root/cache/1")->restart, restart_type::transient);
  const auto faults = reload(with_cache(3));
  ASSERT_EQ(faults.size(), 1U);
  EXPECT_EQ(describe(faults.front()), "/root/cache: partitions: the partitions of a child cannot change while it runs");
  EXPECT_FALSE(reload(with_cache(0)).empty());
}

TEST_F(actor_partitions, can_be_added_by_start_child_and_within_nested_supervisors) {
  start(tree({nested("deep", with_cache(2))}));
  EXPECT_TRUE(names_.partition("/root/deep/cache", "a"));
  auto more = child::actor<shelf>("more");
  more.partitions = 6;
  ASSERT_EQ(start_child("/root", more)->code, admin_code::ok);
  EXPECT_EQ(which_children("/root/more")->size(), 6U);
  EXPECT_TRUE(names_.partition("/root/more", "a"));
}

TEST_F(actor_partitions, are_refused_where_they_mean_nothing) {
  const auto fields_of = [](const supervisor_spec& x) {
    std::vector<std::string> out;
    for (const auto& fault : validate(x)) out.push_back(fault.field);
    return out;
  };
  using fields = std::vector<std::string>;
  EXPECT_EQ(fields_of(with_cache(1'025)), fields{"partitions"});
  auto crowd = tree({child::supervisor(
      "p", {.strategy = strategy::simple_one_for_one, .children = {child::actor<shelf>("s")}}, {.partitions = 2})});
  EXPECT_EQ(fields_of(crowd), fields{"partitions"});
  auto dynamic = tree({child::actor<shelf>("s")}, {}, strategy::simple_one_for_one);
  dynamic.children.front().partitions = 2;
  EXPECT_EQ(fields_of(dynamic), fields{"partitions"});
  auto significant = with_cache(2, {.restart = restart_type::transient, .significant = true});
  significant.auto_shutdown = auto_shutdown::any_significant;
  EXPECT_EQ(fields_of(significant), fields{"partitions"});
}

supervisor_spec with_orders(unsigned partitions) {
  supervisor_spec each{.strategy = strategy::one_for_all,
                       .children = {child::actor<shelf>("basket"), child::actor<router>("router"),
                                    child::actor<asker>("asker", {{"of", "basket"}})}};
  return {.intensity = {3, 60s},
          .children = {child::supervisor("orders", std::move(each), {.partitions = partitions})}};
}

class supervisor_partitions : public virtual_tree {};

TEST_F(supervisor_partitions, have_all_of_its_children_each) {
  start(with_orders(3));
  ASSERT_TRUE(started_ && started_->ok);
  for (const std::string at : {"/root/orders/0", "/root/orders/1", "/root/orders/2"}) {
    EXPECT_TRUE(which_child(at)->is_supervisor);
    EXPECT_EQ(which_children(at)->size(), 3U);
    EXPECT_EQ(ask<std::string>(at + "/basket", show_atom::value), at + "/basket");
  }
}

TEST_F(supervisor_partitions, name_their_own_children_by_id) {
  start(with_orders(2));
  ASSERT_TRUE(started_ && started_->ok);
  EXPECT_EQ(ask<std::string>("/root/orders/1/asker", caf::get_atom::value), "/root/orders/1/basket ");
  EXPECT_EQ(ask<std::string>("/root/orders/1/router", caf::get_atom::value, std::string{"basket"}, std::string{"k"}),
            "/root/orders/1/basket");
}

TEST_F(supervisor_partitions, are_found_by_key_with_what_is_below_them) {
  start(with_orders(4));
  std::set<std::string> used;
  for (int i = 0; i < 100; ++i) {
    const auto key = "customer-" + std::to_string(i);
    const auto path = names_.partition_path("/root/orders", key);
    EXPECT_EQ(path, "/root/orders/" + std::to_string(partition_hash(key) % 4));
    EXPECT_TRUE(names_.actor(path + "/basket"));
    used.insert(path);
  }
  EXPECT_EQ(used.size(), 4U);
  EXPECT_EQ(names_.partition_path("/root/orders/1/basket", "a"), "/root/orders/1/basket") << "it has none";
  EXPECT_EQ(
      ask<std::string>("/root/orders/0/router", caf::put_atom::value, std::string{"/root/orders"}, std::string{"a"}),
      names_.partition_path("/root/orders", "a"));
}

TEST_F(supervisor_partitions, crash_alone_by_their_own_strategy) {
  start(with_orders(2));
  send("/root/orders/1/basket", crash_atom::value);
  run();
  EXPECT_EQ(incarnation_of("/root/orders/1/router"), 2U) << "one_for_all";
  EXPECT_EQ(incarnation_of("/root/orders/0/router"), 1U);
}

TEST_F(supervisor_partitions, may_have_partitions_in_them) {
  auto inner = child::actor<shelf>("cache");
  inner.partitions = 2;
  start(tree({child::supervisor("orders", {.children = {inner}}, {.partitions = 2})}));
  ASSERT_TRUE(started_ && started_->ok);
  EXPECT_EQ(ask<std::string>("/root/orders/1/cache/1", show_atom::value), "/root/orders/1/cache/1");
  EXPECT_EQ(names_.partition_path("/root/orders/1/cache", "a"),
            "/root/orders/1/cache/" + std::to_string(partition_hash("a") % 2));
}

TEST_F(supervisor_partitions, are_reloaded_but_never_more_or_fewer) {
  start(with_orders(2));
  auto next = with_orders(2);
  std::get<std::shared_ptr<supervisor_spec>>(next.children.front().what)->strategy = strategy::one_for_one;
  EXPECT_TRUE(reload(next).empty());
  send("/root/orders/1/basket", crash_atom::value);
  run();
  EXPECT_EQ(incarnation_of("/root/orders/1/router"), 1U) << "one_for_one by now";
  EXPECT_EQ(describe(reload(with_orders(3)).front()),
            "/root/orders: partitions: the partitions of a child cannot change while it runs");
}

class actor_partitions_for_real : public real_tree {};
class pool_partitions : public real_tree {
protected:
  static child_spec squares(unsigned partitions) {
    return child::pool("squares", {.runs_in = rung::thread, .size = {.workers = 1}}, {.partitions = partitions});
  }
};

TEST_F(pool_partitions, run_tasks_by_key_each_with_its_own_workers) {
  const auto square = tasks_.add("square", [](std::int64_t n) { return n * n; });
  runtime rt{log_, tasks_, actors_};
  supervisor tree{rt, {.children = {squares(3)}}};
  ASSERT_TRUE(tree.start());
  std::set<std::string> used;
  for (std::int64_t i = 0; i < 60; ++i) {
    const auto path = tree.partition_path("/root/squares", "user-" + std::to_string(i));
    EXPECT_EQ(tree.pool(path).submit(square, i).get().value(), i * i);
    used.insert(path);
  }
  EXPECT_EQ(used, (std::set<std::string>{"/root/squares/0", "/root/squares/1", "/root/squares/2"}));
  EXPECT_THROW((void)tree.pool("/root/squares"), std::out_of_range) << "it is a supervisor of three";
}

/// Takes a pool by its name.
struct clerk {
  static std::vector<param_spec> parameters() { return {parameter::pool("pool")}; }
  explicit clerk(const actor_args& args) : path(args.pool("pool").path()) {}
  caf::behavior make_behavior() {
    return {[this](show_atom) { return path; }};
  }
  std::string path;
};

TEST_F(pool_partitions, are_parameters_of_actors_by_their_paths) {
  runtime rt{log_, tasks_, actors_};
  supervisor tree{rt, {.children = {squares(2), child::actor<clerk>("clerk", {{"pool", "/root/squares/1"}})}}};
  ASSERT_TRUE(tree.start());
  EXPECT_EQ(ask<std::string>(rt, tree.actor("/root/clerk"), show_atom::value), "/root/squares/1");
  supervisor whole{rt, {.children = {squares(2), child::actor<clerk>("clerk", {{"pool", "squares"}})}}, "other"};
  const auto report = whole.start();
  ASSERT_EQ(report.faults.size(), 1U);
  EXPECT_EQ(describe(report.faults.front()),
            "/other/clerk: pool: what is at '/other/squares' is no pool; expected a pool that starts before it: "
            "/other/squares/0, /other/squares/1");
}

TEST_F(pool_partitions, of_a_supervisor_are_known_to_the_actors_beside_them) {
  runtime rt{log_, tasks_, actors_};
  const auto late = [](std::string pool) {
    return supervisor_spec{
        .children = {child::supervisor(
            "office", {.children = {squares(0), child::actor<clerk>("clerk", {{"pool", pool}})}}, {.partitions = 2})}};
  };
  supervisor tree{rt, late("squares")};
  ASSERT_TRUE(tree.start());
  EXPECT_EQ(ask<std::string>(rt, tree.actor("/root/office/1/clerk"), show_atom::value), "/root/office/1/squares");
  supervisor wrong{rt, late("sqares"), "other"};
  const auto report = wrong.start();
  ASSERT_EQ(report.faults.size(), 1U) << "one for all partitions";
  EXPECT_EQ(report.faults.front().path, "/other/office/clerk");
}

TEST_F(actor_partitions_for_real, answer_by_key_from_a_program) {
  runtime rt{log_, tasks_, actors_};
  supervisor tree{rt, with_cache(4)};
  ASSERT_TRUE(tree.start());
  for (std::int64_t i = 0; i < 50; ++i) {
    const auto key = "user-" + std::to_string(i);
    port::send_anonymously(tree.partition("/root/cache", key), caf::put_atom::value, key, i);
  }
  for (std::int64_t i = 0; i < 50; ++i) {
    const auto key = "user-" + std::to_string(i);
    EXPECT_EQ(ask<std::int64_t>(rt, tree.partition("/root/cache", key), caf::get_atom::value, key), i);
  }
  EXPECT_FALSE(tree.partition("/root/nobody", "a"));
}

}  // namespace
}  // namespace steward::testing_support
