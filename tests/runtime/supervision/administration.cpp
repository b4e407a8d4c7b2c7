#include "tests/runtime/supervision/real_tree.hpp"

namespace {

using namespace std::chrono_literals;
using namespace steward;
using namespace steward::testing_support;

gate* blocked = nullptr;

/// Adds up; hangs at a gate or throws when it is told to.
struct worker {
  explicit worker(self_ptr) {}
  worker(self_ptr, const actor_args& args) : incarnation_(args.incarnation()) {
    args.tell_starter("life " + std::to_string(args.incarnation()));
  }
  caf::behavior make_behavior() {
    return {
        [this](caf::add_atom, std::int64_t n) { return sum_ += n; },
        [this](caf::get_atom) { return incarnation_; },
        [](crash_atom) { throw std::runtime_error("crash requested"); },
        [](caf::tick_atom) { blocked->pass(); },
    };
  }
  std::uint64_t incarnation_ = 0;
  std::int64_t sum_ = 0;
};

class administration : public real_tree {
protected:
  administration() {
    actors_.add<worker>("worker", {{"size", param_type::integer, param_value{std::int64_t{1}}, {}, {}, ""}});
    blocked = &gate_;
  }
  ~administration() override { gate_.open(); }

  static supervisor_spec dynamic(unsigned initial, unsigned partitions = 0) {
    auto out = tree_of({child("w", "worker")}, strategy::simple_one_for_one);
    out.initial = initial;
    out.partitions = partitions;
    return out;
  }
  static child_spec nested(std::string id, supervisor_spec spec) {
    child_spec out;
    out.id = std::move(id);
    out.what = std::make_shared<supervisor_spec>(std::move(spec));
    return out;
  }

  gate gate_;
};

using result = admin_code;

TEST_F(administration, adds_terminates_restarts_and_deletes_a_child) {
  runtime rt{log_, tasks_, actors_};
  supervisor tree{rt, tree_of({child("a", "worker")})};
  ASSERT_TRUE(tree.start().ok);
  const auto b = tree.start_child("/root", child("b", "worker"));
  EXPECT_EQ(b.code, result::ok);
  EXPECT_EQ(b.path, "/root/b");
  EXPECT_EQ(b.extra, "life 1");
  EXPECT_EQ(ask<std::int64_t>(rt, b.handle, caf::add_atom::value, std::int64_t{3}), 3);
  EXPECT_EQ(tree.start_child("/root", child("b", "worker")).code, result::already_started);
  EXPECT_EQ(tree.delete_child("/root/b").code, result::running);
  EXPECT_EQ(tree.terminate_child("/root/b").code, result::ok);
  EXPECT_FALSE(tree.actor("/root/b"));
  EXPECT_EQ(tree.start_child("/root", child("b", "worker")).code, result::already_present);
  EXPECT_EQ(tree.restart_child("/root/b").code, result::ok);
  EXPECT_EQ(ask<std::uint64_t>(rt, tree.actor("/root/b"), caf::get_atom::value), 2U);
  EXPECT_EQ(tree.terminate_child("/root/b").code, result::ok);
  EXPECT_EQ(tree.delete_child("/root/b").code, result::ok);
  EXPECT_EQ(tree.delete_child("/root/b").code, result::not_found);
  EXPECT_EQ(tree.terminate_child("/elsewhere/b").code, result::noproc);
  tree.stop();
  EXPECT_EQ(tree.start_child("/root", child("c", "worker")).code, result::noproc);
}

TEST_F(administration, names_every_fault_of_a_spec) {
  runtime rt{log_, tasks_, actors_};
  supervisor tree{rt, tree_of({child("a", "worker")})};
  ASSERT_TRUE(tree.start().ok);
  auto bad = child("b", "worker");
  bad.backoff.factor = 0.5;
  bad.mailbox.limit = 0;
  const auto refused = tree.start_child("/root", bad);
  EXPECT_EQ(refused.code, result::invalid);
  EXPECT_EQ(refused.faults.size(), 2U);
  EXPECT_EQ(tree.which_children("/root")->size(), 1U);
}

TEST_F(administration, a_tree_with_faults_is_not_started) {
  runtime rt{log_, tasks_, actors_};
  auto spec = tree_of({child("a", "worker"), child("a", "worker")});
  spec.intensity.within = 0ms;
  supervisor tree{rt, spec};
  const auto started = tree.start();
  EXPECT_FALSE(started.ok);
  EXPECT_EQ(started.faults.size(), 2U);
  EXPECT_TRUE(events_of(event_kind::start).empty());
}

TEST_F(administration, two_trees_of_one_name_do_not_mix) {
  runtime rt{log_, tasks_, actors_};
  supervisor tree{rt, tree_of({child("a", "worker")})};
  ASSERT_TRUE(tree.start().ok);
  {
    supervisor other{rt, tree_of({child("a", "worker")})};
    const auto started = other.start();
    EXPECT_FALSE(started.ok);
    EXPECT_NE(started.why.message.find("already_started"), std::string::npos);
    supervisor third{rt, tree_of({child("a", "worker")}), "third"};
    EXPECT_TRUE(third.start().ok);
  }
  EXPECT_TRUE(tree.actor("/root/a"));
  tree.stop();
  supervisor next{rt, tree_of({child("a", "worker")})};
  EXPECT_TRUE(next.start().ok) << "the name is free again";
}

TEST_F(administration, makes_children_from_a_template) {
  runtime rt{log_, tasks_, actors_};
  supervisor tree{rt, tree_of({nested("pool", dynamic(3))})};
  ASSERT_TRUE(tree.start().ok);
  const auto fourth = tree.start_child("/root/pool", param_map{{"size", {std::int64_t{4}}}});
  EXPECT_EQ(fourth.path, "/root/pool/w-4");
  EXPECT_EQ(tree.count_children("/root/pool")->active, 4U);
  EXPECT_EQ(tree.count_children("/root/pool")->specs, 1U);
  EXPECT_EQ(std::get<actor_spec>(tree.get_childspec(fourth.path)->what).params.size(), 1U);
  EXPECT_EQ(supervisor::path_of(fourth.handle), fourth.path);
  EXPECT_EQ(tree.terminate_child("/root/pool", fourth.handle).code, result::ok);
  EXPECT_EQ(tree.terminate_child("/root/pool", fourth.handle).code, result::ok) << "it is gone already";
  EXPECT_EQ(tree.terminate_child("/root", fourth.handle).code, result::not_found);
  EXPECT_EQ(tree.restart_child("/root/pool/w-1").code, result::unsupported);
  EXPECT_EQ(tree.start_child("/root/pool", param_map{{"colour", {std::int64_t{4}}}}).code, result::invalid);
  EXPECT_EQ(tree.count_children("/root/pool")->active, 3U);
}

TEST_F(administration, spreads_children_over_partitions) {
  runtime rt{log_, tasks_, actors_};
  supervisor tree{rt, tree_of({nested("pool", dynamic(4, 2))})};
  ASSERT_TRUE(tree.start().ok);
  EXPECT_EQ(tree.count_children("/root/pool")->supervisors, 2U);
  EXPECT_EQ(tree.count_children("/root/pool/p0")->active, 2U);
  const auto first = tree.start_child("/root/pool", param_map{}, "some key");
  const auto second = tree.start_child("/root/pool", param_map{}, "some key");
  ASSERT_TRUE(first);
  EXPECT_EQ(first.path.substr(0, 13), second.path.substr(0, 13)) << "one key, one partition";
  port::send_anonymously(first.handle, crash_atom::value);
  EXPECT_EQ(ask<std::uint64_t>(rt, first.handle, caf::get_atom::value), 2U);
}

TEST_F(administration, answers_while_every_scheduler_thread_is_busy_and_a_stop_takes_its_time) {
  runtime_options options;
  options.threads = 2;
  runtime rt{log_, tasks_, actors_, options};
  std::vector<child_spec> children;
  for (const auto* id : {"a", "b", "c"}) {
    children.push_back(child(id, "worker"));
    children.back().shutdown = infinity;
  }
  supervisor tree{rt, tree_of(children)};
  ASSERT_TRUE(tree.start().ok);
  port::send_anonymously(tree.actor("/root/a"), caf::tick_atom::value);
  port::send_anonymously(tree.actor("/root/b"), caf::tick_atom::value);
  ASSERT_TRUE(gate_.await(2));
  const auto all = tree.which_children("/root");
  ASSERT_TRUE(all);
  EXPECT_EQ(all->size(), 3U);
  EXPECT_EQ(all->front().id, "c") << "newest first";
  EXPECT_FALSE(tree.stop_within(10ms)) << "the caller may lose patience";
  gate_.open();
  EXPECT_TRUE(tree.wait_until(std::chrono::steady_clock::now() + 20s)) << "and the stop goes on";
}

TEST_F(administration, reports_a_handler_that_hangs_with_what_it_handles) {
  runtime rt{log_, tasks_, actors_};
  auto a = child("a", "worker");
  a.hang_after = 20ms;
  supervisor tree{rt, tree_of({a})};
  ASSERT_TRUE(tree.start().ok);
  port::send_anonymously(tree.actor("/root/a"), caf::tick_atom::value);
  ASSERT_TRUE(await(event_kind::hang, "/root/a"));
  EXPECT_NE(events_of(event_kind::hang)[0].text.find("tick"), std::string::npos) << events_of(event_kind::hang)[0].text;
  EXPECT_EQ(tree.leaked(), 0U);
  gate_.open();
  EXPECT_EQ(ask<std::uint64_t>(rt, tree.actor("/root/a"), caf::get_atom::value), 1U) << "it was only reported";
}

TEST_F(administration, replaces_an_actor_that_hangs_and_its_old_handle_reaches_the_new_one) {
  runtime rt{log_, tasks_, actors_};
  auto a = child("a", "worker");
  a.hang_after = 20ms;
  a.on_hang = hang_policy::replace;
  supervisor tree{rt, tree_of({a})};
  ASSERT_TRUE(tree.start().ok);
  const auto old = tree.actor("/root/a");
  port::send_anonymously(old, caf::tick_atom::value);
  port::send_anonymously(old, caf::add_atom::value, std::int64_t{1});  // behind the handler that hangs
  ASSERT_TRUE(await(event_kind::recover, "/root/a"));
  EXPECT_NE(tree.actor("/root/a"), old);
  EXPECT_EQ(tree.leaked(), 1U);
  EXPECT_EQ(ask<std::uint64_t>(rt, old, caf::get_atom::value), 2U) << "by the old handle";
  EXPECT_EQ(ask<std::int64_t>(rt, tree.actor("/root/a"), caf::add_atom::value, std::int64_t{1}), 1);
  gate_.open();
  ASSERT_TRUE(await(event_kind::stop, "/root/a"));
  EXPECT_EQ(tree.leaked(), 0U);
  EXPECT_EQ(ask<std::int64_t>(rt, tree.actor("/root/a"), caf::add_atom::value, std::int64_t{0}), 2)
      << "what waited behind the handler that hung was handed over";
}

TEST_F(administration, brutal_kill_does_not_wait_for_a_handler) {
  runtime rt{log_, tasks_, actors_};
  auto a = child("a", "worker");
  a.shutdown = brutal_kill;
  supervisor tree{rt, tree_of({a, child("b", "worker")})};
  ASSERT_TRUE(tree.start().ok);
  port::send_anonymously(tree.actor("/root/a"), caf::tick_atom::value);
  ASSERT_TRUE(gate_.await(1));
  EXPECT_EQ(tree.terminate_child("/root/a").code, result::ok) << "though its handler still runs";
  EXPECT_EQ(tree.restart_child("/root/a").code, result::ok);
  EXPECT_EQ(ask<std::uint64_t>(rt, tree.actor("/root/a"), caf::get_atom::value), 2U);
  gate_.open();
}

TEST_F(administration, new_specs_count_from_the_next_restart) {
  runtime rt{log_, tasks_, actors_};
  auto spec = tree_of({child("a", "worker")});
  supervisor tree{rt, spec};
  ASSERT_TRUE(tree.start().ok);
  spec.intensity = intensity{1, 60s};
  spec.children.push_back(child("b", "worker"));
  EXPECT_TRUE(tree.reload(spec).empty());
  EXPECT_EQ(tree.which_child("/root/b")->status, child_status::undefined) << "added ones are not started";
  EXPECT_EQ(tree.restart_child("/root/b").code, result::ok);
  auto bad = spec;
  bad.children[0].id = "";
  EXPECT_FALSE(tree.reload(bad).empty()) << "the old ones are kept";
  port::send_anonymously(tree.actor("/root/a"), crash_atom::value);
  EXPECT_EQ(ask<std::uint64_t>(rt, tree.actor("/root/a"), caf::get_atom::value), 2U);
  port::send_anonymously(tree.actor("/root/a"), crash_atom::value);
  ASSERT_TRUE(tree.wait_until(std::chrono::steady_clock::now() + 20s));
  EXPECT_EQ(tree.end(), tree_end::gave_up) << "by the new limit";
}

}  // namespace
