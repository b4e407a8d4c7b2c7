#include "observe/console.hpp"
#include "otp_probe.hpp"
#include "steward/supervisor.hpp"

#include <algorithm>

// Reports for people, names that are taken, and lists of children: 94 to 97 of the list.

namespace {

using namespace std::chrono_literals;
using namespace steward;
using namespace steward::testing_support;

using otp_misc = otp_case;

std::size_t lines_of(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string shown(const std::vector<event>& events, console_detail detail = console_detail::normal) {
  std::string out;
  console_view view{{.detail = detail}, [&out](std::string_view text) { out += text; }};
  for (const auto& e : events) view.show(e);
  view.finish();
  return out;
}

// Adapted: our reports are events, and the console lays them out.
TEST_F(otp_misc, format_log_2) {
  start_ok(tree({probe("child1")}, {2, 5s}));
  send("/root/child1", crash_atom::value, std::string{"invalid_argument"});
  run();
  auto crashes = events_of(event_kind::crash);
  ASSERT_EQ(crashes.size(), 1U);

  // Several lines: who and what first, below it what was decided and with which budget.
  const auto report = shown(crashes);
  EXPECT_TRUE(has(report, "CRASH    /root/child1")) << report;
  EXPECT_TRUE(
      has(report, "std::invalid_argument: boom; while it handled ('crash', \"invalid_argument\"), 1 lost, 0 kept\n"))
      << report;
  EXPECT_TRUE(has(report, " restart 1 of 2 in 5 s, now\n")) << report;
  EXPECT_EQ(lines_of(report), 2U) << report;

  // Progress, and the end.
  EXPECT_TRUE(has(shown(events_of(event_kind::recover)), "RECOVER  /root/child1#2"));
  EXPECT_TRUE(has(shown(events_of(event_kind::ready), console_detail::verbose), "READY    /root/child1\n"));

  // Control characters are told, not sent to the terminal.
  crashes[0].why->message = "Gr\xc3\xbc\xc3\x9f\x1b[31m\nund ein Zeilenende";
  const auto safe = shown(crashes);
  EXPECT_TRUE(has(safe, "\\x1b[31m\\nund")) << safe;
  EXPECT_EQ(safe.find('\x1b'), std::string::npos);

  // The last one: the limit, with its budget, and the child that reached it.
  events_.clear();
  crash("/root/child1");
  crash("/root/child1");
  const auto end = shown(events_of(event_kind::limit));
  EXPECT_TRUE(has(end, "LIMIT    /root")) << end;
  EXPECT_TRUE(has(end, "std::runtime_error: boom")) << end;
  EXPECT_TRUE(has(end, "child1")) << end;
  EXPECT_TRUE(has(end, "gave up: 2 restarts in 5 s are allowed")) << end;
}

// Adapted: names are paths. A child's clashes with one that its supervisor has; a whole tree's with another tree of the
// same runtime.
TEST_F(otp_misc, already_started_outside_supervisor) {
  start_ok(tree({probe("child1")}));
  const auto clash = start_child("/root", probe("child1", restart_type::temporary));
  EXPECT_EQ(code_of(clash), admin_code::already_started);
  EXPECT_TRUE(clash->handle);
  EXPECT_EQ(clash->handle, at("/root/child1"));
  EXPECT_EQ(clash->path, "/root/child1");
  EXPECT_EQ(get_childspec("/root/child1")->restart, restart_type::permanent) << "the one that is there stays as it is";
  EXPECT_EQ(answering("/root/child1"), 1U);

  supervision::host_environment env;
  env.events = &log_;
  env.names = &names_;
  env.actors = &registry_;
  env.tasks = &tasks_;
  auto other = system_->spawn<supervision::tree_host>(std::move(env));
  std::optional<tree_start> report;
  bool over = false;
  const auto start_other = [&] {
    report.reset();
    port::send_anonymously(other, supervision::host_call{[&](supervision::tree_host& host) {
                             host.start_tree(
                                 "root", tree({probe("child1"), probe("child2")}),
                                 [&](tree_start x) { report = std::move(x); },
                                 [&](const policy::exit_info&) { over = true; });
                           }});
    run();
  };
  const auto handle = at("/root/child1");
  start_other();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->failed_child, "/root");
  EXPECT_TRUE(has(report->why.message, "already_started")) << report->why.message;
  EXPECT_EQ(at("/root/child1"), handle);
  EXPECT_EQ(answering("/root/child1"), 1U);
  EXPECT_FALSE(at("/root/child2"));
  EXPECT_EQ(book().alive, 1) << "nothing of the other was started";

  stop();
  ASSERT_TRUE(ended_);
  start_other();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->failed_child, "") << "the name is free again";
  EXPECT_TRUE(at("/root/child2"));
  port::send_anonymously(other, supervision::host_call{[](supervision::tree_host& host) { host.stop_tree(); }});
  run();
  EXPECT_TRUE(over);
  caf::anon_send_exit(other, caf::exit_reason::user_shutdown);
  run();
}

TEST_F(otp_misc, which_children) {
  start_ok(tree({probe("child1"), probe("child2", restart_type::transient)}));
  const auto expect = [&](const std::vector<std::pair<std::string, child_status>>& wanted, const char* when) {
    const auto all = which_children("/root");
    ASSERT_TRUE(all) << when;
    ASSERT_EQ(all->size(), wanted.size()) << when;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const auto& x = (*all)[i];
      EXPECT_EQ(x.id, wanted[i].first) << when;
      EXPECT_EQ(x.path, "/root/" + x.id) << when;
      EXPECT_EQ(x.status, wanted[i].second) << when << ": " << x.id << " is " << to_string(x.status);
      EXPECT_EQ(x.handle, at(x.path)) << when;
      EXPECT_EQ(static_cast<bool>(x.handle), x.status == child_status::running) << when;
      const auto single = which_child(x.path);
      ASSERT_TRUE(single) << when;
      EXPECT_EQ(single->id, x.id) << when;
      EXPECT_EQ(single->path, x.path) << when;
      EXPECT_EQ(single->status, x.status) << when;
      EXPECT_EQ(single->is_supervisor, x.is_supervisor) << when;
      EXPECT_EQ(single->restart, x.restart) << when;
      EXPECT_EQ(single->incarnation, x.incarnation) << when;
      EXPECT_EQ(single->handle, x.handle) << when;
    }
  };
  using enum child_status;
  expect({{"child2", running}, {"child1", running}}, "newest first");
  EXPECT_EQ(which_child("/root/child2")->restart, restart_type::transient);
  EXPECT_FALSE(which_child("/root/child3"));
  EXPECT_FALSE(which_child("/root")) << "the root is nobody's child";
  EXPECT_FALSE(which_children("/root/child1")) << "no supervisor";
  EXPECT_FALSE(which_children("/elsewhere"));

  start_child("/root", probe("child3"));
  expect({{"child3", running}, {"child2", running}, {"child1", running}}, "started");
  terminate_child("/root/child2");
  expect({{"child3", running}, {"child2", undefined}, {"child1", running}}, "terminated");
  crash("/root/child3");
  EXPECT_EQ(which_child("/root/child3")->incarnation, 2U);
  restart_child("/root/child2");
  expect({{"child3", running}, {"child2", running}, {"child1", running}}, "restarted: the place is kept");
  quit("/root/child2", ending::normal);
  expect({{"child3", running}, {"child2", undefined}, {"child1", running}}, "ended by itself");
  delete_child("/root/child2");
  expect({{"child3", running}, {"child1", running}}, "deleted");
  EXPECT_FALSE(which_child("/root/child2"));
  start_child("/root", probe("child2"));
  expect({{"child2", running}, {"child3", running}, {"child1", running}}, "made anew: it is the newest");
  for (const auto* path : {"/root/child1", "/root/child2", "/root/child3"}) {
    terminate_child(path);
    delete_child(path);
  }
  expect({}, "none is left");
  const auto nested = start_child("/root", sub("sup", tree({probe("x")})));
  EXPECT_EQ(code_of(nested), admin_code::ok);
  EXPECT_TRUE(which_child("/root/sup")->is_supervisor);
  EXPECT_FALSE(which_child("/root/sup/x")->is_supervisor);
  stop();
  EXPECT_FALSE(which_children("/root")) << "it is over";
}

TEST_F(otp_misc, which_children_simple_one_for_one) {
  start_ok(dynamic());
  EXPECT_TRUE(which_children("/root")->empty()) << "the template is not a child";
  std::vector<caf::actor> handles;
  for (int i = 0; i < 3; ++i) {
    const auto made = start_dynamic("/root");
    ASSERT_EQ(code_of(made), admin_code::ok);
    handles.push_back(made->handle);
  }
  EXPECT_EQ(ids_of(), (paths{"d-3", "d-2", "d-1"}));
  const auto all = which_children("/root");
  for (std::size_t i = 0; i < handles.size(); ++i) {  // each by its handle
    const auto& x = (*all)[handles.size() - 1 - i];
    EXPECT_EQ(x.handle, handles[i]);
    EXPECT_EQ(supervisor::path_of(handles[i]), x.path);
    const auto single = which_child(supervisor::path_of(handles[i]));
    ASSERT_TRUE(single);
    EXPECT_EQ(single->id, x.id);
    EXPECT_EQ(single->handle, handles[i]);
    EXPECT_EQ(single->status, child_status::running);
    EXPECT_EQ(single->incarnation, x.incarnation);
  }
  crash("/root/d-2");
  EXPECT_EQ(which_child(supervisor::path_of(handles[1]))->incarnation, 2U) << "a handle stays good";
  terminate_child(supervisor::path_of(handles[0]));
  EXPECT_EQ(ids_of(), (paths{"d-3", "d-2"}));
  EXPECT_FALSE(which_child(supervisor::path_of(handles[0]))) << "a handle of one that is gone";

  // Strangers: an actor that is not supervised, and no actor at all.
  const auto stranger = system_->spawn(
      [](caf::event_based_actor*) -> caf::behavior { return {[](caf::get_atom) { return std::uint64_t{1}; }}; });
  EXPECT_EQ(supervisor::path_of(stranger), "");
  EXPECT_EQ(supervisor::path_of(caf::actor{}), "");
  EXPECT_FALSE(which_child(""));
  EXPECT_FALSE(which_child("d-2")) << "an id is no path";
  EXPECT_FALSE(which_child("/root/d")) << "the template is no child";
  EXPECT_EQ(code_of(terminate_child("")), admin_code::noproc);
  EXPECT_EQ(code_of(terminate_child("/root/d")), admin_code::not_found);
  caf::anon_send_exit(stranger, caf::exit_reason::kill);
  run();
}

}  // namespace
