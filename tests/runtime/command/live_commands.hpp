#pragma once

#include "base/command_rules.hpp"
#include "steward/child.hpp"
#include "tests/runtime/supervision/real_tree.hpp"

#include <csignal>
#include <memory>
#include <string>
#include <vector>

namespace steward::test {

/// How many processes have this word in their command line.
std::size_t count_processes(const std::string& word);
/// The same, once it is this many; the last count after 20 s.
std::size_t await_processes(const std::string& word, std::size_t wanted);
/// A word that no other process has.
std::string fresh_word();
std::size_t open_descriptors();
/// A free port of this machine.
unsigned free_port();
/// The main of a program that has a command with a grandchild and waits to be killed.
int keep_programs(bool without_zygote);

/// Trees with one command, "web", on real processes.
class live_commands : public testing_support::real_tree {
protected:
  ~live_commands() override { end(); }

  static child_spec policy() {
    child_spec out;
    out.backoff = backoff_spec{milliseconds{1}, milliseconds{1}, 1.0, 0.0, milliseconds{60'000}};
    return out;
  }
  static command_spec shell(std::string script) { return {.run = {"/bin/sh", "-c", std::move(script)}}; }

  tree_start begin(command_spec spec, child_spec with = policy(), intensity limit = {1'000, milliseconds{600'000}}) {
    supervisor_spec tree;
    tree.intensity = limit;
    tree.children = {steward::child::command("web", std::move(spec), std::move(with))};
    return begin(std::move(tree));
  }
  tree_start begin(supervisor_spec tree) {
    runtime_ = std::make_unique<runtime>(log_, tasks_, actors_);
    tree_ = std::make_unique<supervisor>(*runtime_, std::move(tree));
    return tree_->start();
  }
  void end() {
    if (tree_) tree_->stop();
    tree_.reset();
    runtime_.reset();
  }
  /// The process of the latest incarnation that was ready.
  int pid() {
    int out = 0;
    for (const auto kind : {event_kind::ready, event_kind::recover})
      for (const auto& e : events_of(kind))
        if (e.actor == "/root/web" && e.incarnation.value_or(0) >= seen_)
          seen_ = *e.incarnation, out = e.pid.value_or(0);
    return out;
  }
  std::vector<std::string> lines(const std::string& stream = "stdout") {
    std::vector<std::string> out;
    for (const auto& e : events_of(event_kind::log))
      if (e.stream && *e.stream == stream) out.push_back(e.text);
    return out;
  }
  event last(event_kind kind) { return events_of(kind).back(); }

  std::unique_ptr<runtime> runtime_;
  std::unique_ptr<supervisor> tree_;

private:
  std::uint64_t seen_ = 0;
};

}  // namespace steward::test
