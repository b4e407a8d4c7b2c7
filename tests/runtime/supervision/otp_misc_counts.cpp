#include "otp_probe.hpp"

#include <functional>

// What is counted and what is kept: 74 to 76, 78 and 79 of the list.

namespace {

using namespace std::chrono_literals;
using namespace steward;
using namespace steward::testing_support;

using otp_misc = otp_case;

constexpr auto counted_endings = {ending::killed, ending::normal, ending::crash};

TEST_F(otp_misc, count_children) {
  start_ok(dynamic(restart_type::temporary));
  const auto add = [this](std::size_t n) {
    auto answers = std::make_shared<std::size_t>(0);
    on_host([n, answers](supervision::tree_host& host) {
      for (std::size_t i = 0; i < n; ++i)
        host.start_child("/root", param_map{}, std::string{}, [answers](const admin_result& x) {
          if (x) ++*answers;
        });
    });
    run();
    EXPECT_EQ(*answers, n);
  };
  EXPECT_EQ(counts_of(), (counts{1, 0, 0, 0}));
  add(1'000);
  EXPECT_EQ(counts_of(), (counts{1, 1'000, 0, 1'000}));
  EXPECT_EQ(book().alive, 1'000);
  add(1'000);
  EXPECT_EQ(counts_of(), (counts{1, 2'000, 0, 2'000}));
  const auto all = which_children("/root");
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 2'000U);
  for (const auto& x : *all) caf::anon_send_exit(x.handle, caf::exit_reason::kill);
  run();
  EXPECT_EQ(counts_of(), (counts{1, 0, 0, 0}));
  EXPECT_EQ(book().alive, 0);
  EXPECT_EQ(which_children("/root")->size(), 0U);
  EXPECT_FALSE(ended_);
}

TEST_F(otp_misc, count_children_supervisor) {
  auto spec = tree({sub("d", tree({probe("x")}, {0, 5s}), restart_type::temporary)}, {}, strategy::simple_one_for_one);
  spec.initial = 1'000;
  start_ok(spec);
  EXPECT_EQ(counts_of(), (counts{1, 1'000, 1'000, 0}));
  for (int i = 0; i < 1'000; ++i)
    on_host([](supervision::tree_host& host) {
      host.start_child("/root", param_map{}, std::string{}, [](const admin_result& x) { EXPECT_TRUE(x); });
    });
  run();
  EXPECT_EQ(counts_of(), (counts{1, 2'000, 2'000, 0}));
  EXPECT_EQ(counts_of("/root/d-2000"), (counts{1, 1, 0, 1}));
  for (int i = 1; i <= 2'000; ++i) send("/root/d-" + std::to_string(i) + "/x", crash_atom::value);  // and it gives up
  run();
  EXPECT_EQ(counts_of(), (counts{1, 0, 0, 0}));
  EXPECT_EQ(book().alive, 0);
  EXPECT_FALSE(ended_);
}

TEST_F(otp_misc, count_restarting_children) {
  const auto slow = [](child_spec x) {
    x.backoff = backoff_spec{100ms, 100ms, 1.0, 0.0, 1h};
    return x;
  };
  auto crowd = dynamic(restart_type::permanent, plenty);
  crowd.children.front() = slow(crowd.children.front());
  crowd.initial = 4;
  auto fixed =
      tree({slow(probe("d-1")), slow(probe("d-2", restart_type::transient)), slow(probe("d-3")), slow(probe("d-4"))},
           plenty);
  start_ok(tree({sub("one_for_one", fixed), sub("dynamic", crowd)}));
  for (const std::string parent : {"/root/one_for_one", "/root/dynamic"}) {
    const auto specs = parent == "/root/dynamic" ? 1U : 4U;
    const auto child = [&](int i) { return parent + "/d-" + std::to_string(i); };
    EXPECT_EQ(counts_of(parent), (counts{specs, 4, 0, 4}));
    for (int i = 1; i <= 3; ++i) {
      book().always[child(i)] = start_as::throws;
      crash(child(i));
    }
    EXPECT_EQ(counts_of(parent), (counts{specs, 1, 0, 4})) << parent;
    for (int round = 0; round < 20; ++round) {
      advance(50ms);
      EXPECT_EQ(counts_of(parent), (counts{specs, 1, 0, 4})) << parent;
      EXPECT_EQ(status_of(child(2)), "restarting");
    }
    EXPECT_GE(book().tries_of(child(1)), 10U) << "it went on trying";
    book().always.erase(child(2));
    advance(100ms);
    EXPECT_EQ(counts_of(parent), (counts{specs, 2, 0, 4})) << parent;
    EXPECT_TRUE(lives(child(2)));
    book().always.clear();
    advance(100ms);
    EXPECT_EQ(counts_of(parent), (counts{specs, 4, 0, 4})) << parent;
  }
}

// Adapted: arguments are held while a temporary child lives, since it is looked at by get_childspec, and no longer;
// what is held is measured in bytes that are allocated.
TEST_F(otp_misc, do_not_save_start_parameters_for_temporary_children) {
  constexpr std::size_t load = 1U << 19U;
  constexpr int crowd = 20;
  const param_map args{{"load", {std::string(load, 'x')}}};
  const auto fixed_id = [](int i) { return "c" + std::to_string(i); };
  for (const auto how :
       {strategy::one_for_one, strategy::one_for_all, strategy::rest_for_one, strategy::simple_one_for_one}) {
    SCOPED_TRACE(to_string(how));
    const bool is_dynamic = how == strategy::simple_one_for_one;
    const auto path = [&](int i) { return "/root/" + (is_dynamic ? "d-" + std::to_string(i + 1) : fixed_id(i)); };
    start_ok(is_dynamic ? dynamic(restart_type::temporary) : tree({probe("other")}, plenty, how));
    const auto before = live_bytes();
    for (int i = 0; i < crowd; ++i)
      ASSERT_EQ(code_of(is_dynamic ? start_dynamic("/root", args)
                                   : start_child("/root", probe_with(fixed_id(i), args, restart_type::temporary))),
                admin_code::ok);
    EXPECT_EQ(ask<std::int64_t>(path(0), size_atom::value), static_cast<std::int64_t>(load));
    EXPECT_GT(live_bytes(), before + crowd * load) << "while they live they are held; so this measures";
    const auto half = crowd / 2;
    for (int i = 0; i < half; ++i) quit(path(i), i % 2 == 0 ? ending::normal : ending::crash);
    const auto held = live_bytes() - before;
    for (int i = half; i < crowd - 1; ++i) terminate_child(path(i));
    kill(path(crowd - 1));
    EXPECT_LT(live_bytes(), before + load) << "nothing of them is left";
    EXPECT_GT(held, half * load) << "those of the living were there";
    if (!is_dynamic) {  // the others are kept, since they may be started again
      for (int i = 0; i < crowd; ++i) {
        ASSERT_EQ(code_of(start_child("/root", probe_with(fixed_id(i), args, restart_type::transient))),
                  admin_code::ok);
        quit(path(i), ending::normal);
      }
      EXPECT_GT(live_bytes(), before + crowd * load);
    }
    anew();
  }
}

TEST_F(otp_misc, do_not_save_child_specs_for_temporary_children) {
  for (const auto how : {strategy::one_for_one, strategy::one_for_all, strategy::rest_for_one}) {
    const auto group = [&] {
      return tree({probe("p"), probe("t", restart_type::transient), probe("x", restart_type::temporary)}, plenty, how);
    };
    start_ok(tree({sub("g", group())}, plenty));
    const auto reset = [&] {
      if (status_of("/root/g/x") == "not_found") start_child("/root/g", probe("x", restart_type::temporary));
      ASSERT_EQ(counts_of("/root/g"), (counts{3, 3, 0, 3}));
    };
    std::vector<std::pair<std::string, std::function<void(const std::string&)>>> ways;
    for (const auto ending : counted_endings)
      ways.emplace_back(to_string(ending), [this, ending](const std::string& path) { quit(path, ending); });
    ways.emplace_back("killed from outside", [this](const std::string& path) { kill(path); });
    ways.emplace_back("by its supervisor",
                      [this](const std::string& path) { EXPECT_EQ(code_of(terminate_child(path)), admin_code::ok); });
    for (const auto& [name, end] : ways) {
      SCOPED_TRACE(std::string{to_string(how)} + ", " + name);
      reset();
      end("/root/g/x");
      EXPECT_EQ(ids_of("/root/g"), (paths{"t", "p"})) << "the temporary one's spec is gone";
      EXPECT_EQ(counts_of("/root/g"), (counts{2, 2, 0, 2}));
      EXPECT_FALSE(get_childspec("/root/g/x"));
      for (const std::string path : {"/root/g/t", "/root/g/p"}) {
        end(path);
        EXPECT_EQ(ids_of("/root/g"), (paths{"t", "p"})) << path << ": its spec is kept";
        EXPECT_TRUE(get_childspec(path));
        if (!lives(path)) restart_child(path);
        EXPECT_EQ(counts_of("/root/g"), (counts{2, 2, 0, 2}));
      }
    }
    reset();  // stopped with its group
    crash("/root/g/p");
    if (how == strategy::one_for_one)
      EXPECT_EQ(answering("/root/g/x"), 1U);
    else
      EXPECT_EQ(ids_of("/root/g"), (paths{"t", "p"})) << to_string(how);
    anew();
  }
}

}  // namespace
