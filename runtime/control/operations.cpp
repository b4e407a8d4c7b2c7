#include "control/operations.hpp"

#include "base/text.hpp"
#include "steward/event.hpp"
#include "steward/supervisor.hpp"

#include <pwd.h>

#include <array>
#include <utility>

namespace steward::control_api {
namespace {

control_outcome outcome_of(const admin_result& x, const std::string& what) {
  control_outcome out;
  out.code = to_string(x.code);
  out.text = what;
  if (!x && x.why.cls != cause_class::none)
    out.text = x.path + ": " + describe(x.why);
  else if (!x)
    out.text = x.path + ": " + (x.why.message.empty() ? describe(x.code) : x.why.message);
  for (const auto& fault : x.faults) out.faults.push_back(describe(fault));
  return out;
}

control_outcome refused(std::string code, std::string why) {
  control_outcome out;
  out.code = std::move(code);
  out.text = std::move(why);
  return out;
}

const char* done(operation x) noexcept {
  switch (x) {
    case operation::start:
      return "started";
    case operation::stop:
      return "stopped";
    case operation::restart:
      return "restarted";
    case operation::kill:
      return "killed";
    case operation::park:
      return "parked";
    case operation::revive:
      return "revived";
  }
  return "left alone";
}

/// What a child is that was so before.
const char* state_after(operation x) noexcept {
  switch (x) {
    case operation::stop:
      return "is down";
    case operation::park:
      return "is parked";
    case operation::start:
    case operation::restart:
    case operation::kill:
    case operation::revive:
      return "is up";
  }
  return "is";
}

class tree_operations : public operations {
public:
  tree_operations(supervisor& tree, event_log& events, control_reloader reload, control_stopper shutdown,
                  control_planner plan)
      : tree_(tree),
        events_(events),
        reload_(std::move(reload)),
        shutdown_(std::move(shutdown)),
        plan_(std::move(plan)) {}

  std::string plan() override { return plan_ ? plan_() : std::string{}; }

  /// The tree tells of it.
  control_outcome operate(operation what, const std::string& path, const std::string& by) override {
    const auto result = tree_.operate(what, path, by);
    return outcome_of(result, result.already ? path + " " + state_after(what) + " already; nothing was done"
                                             : path + " was " + done(what));
  }
  control_outcome resize(const std::string& path, unsigned workers, const std::string& by) override {
    const auto target = tree_.pool_at(path);
    if (!target && tree_.which_child(path)) return refused("invalid", path + " is no pool");
    if (!target) return refused("not_found", "there is no pool at " + path);
    target->resize(workers, workers, by);
    control_outcome out;
    out.text = path + " is to have " + (workers == 0 ? "no worker while it is idle" : std::to_string(workers)) +
               (workers == 0   ? ""
                : workers == 1 ? " worker"
                               : " workers");
    return out;
  }
  control_outcome reload(const control_reload& what, const std::string& by) override {
    if (!reload_) return refused("unsupported", "this program has no file that could be read again");
    return reload_(what, by);
  }
  control_outcome shutdown(const std::string& by) override {
    event e;
    e.kind = event_kind::operator_;
    e.actor = "/root";
    e.by = by;
    e.text = "the tree is being stopped";
    control_outcome out;
    out.text = e.text;
    events_.emit(std::move(e));
    if (shutdown_) return shutdown_(by);
    tree_.request_stop();
    return out;
  }

private:
  supervisor& tree_;
  event_log& events_;
  control_reloader reload_;
  control_stopper shutdown_;
  control_planner plan_;
};

}  // namespace

std::unique_ptr<operations> operations_of(supervisor& tree, event_log& events, control_reloader reload,
                                          control_stopper shutdown, control_planner plan) {
  return std::make_unique<tree_operations>(tree, events, std::move(reload), std::move(shutdown), std::move(plan));
}

operations_slot::lease operations_slot::take() {
  const std::lock_guard lock{mutex_};
  if (!now_) return {};
  ++users_;
  return lease{*this, *now_};
}

void operations_slot::give_back() {
  const std::lock_guard lock{mutex_};
  if (--users_ == 0) changed_.notify_all();
}

void operations_slot::set(std::unique_ptr<operations> now) {
  std::unique_lock lock{mutex_};
  auto before = std::exchange(now_, nullptr);
  changed_.wait(lock, [this] { return users_ == 0; });
  now_ = std::move(now);
}

std::string name_of_user(unsigned uid) {
  std::array<char, 4'096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  auto out = "uid " + std::to_string(uid);
  if (::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr)
    out += " (" + escape_text(found->pw_name) + ")";
  return out;
}

}  // namespace steward::control_api
