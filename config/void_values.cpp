#include "config/void_values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

namespace steward::config {
namespace {

// One child, or the root, as it is written.
class written {
public:
  written(const spec_places& places, const std::string& path) : from_(places.find(path)) {}

  // Warns of each of the keys, such as "pool.idle_exit", that stands there.
  void warn(bool is_void, std::initializer_list<std::string_view> keys, const std::string& why) const {
    for (const auto key : keys) {
      if (is_void && from_ != nullptr && from_->has_below(key)) {
        from_->warn_below(key, "this has no effect: " + why);
      }
    }
  }

private:
  const section_reader* from_;
};

void check_backoff(const written& here, const backoff_spec& x, const std::string& section) {
  const auto key = [&](const char* name) { return section + "." + name; };
  here.warn(x.min == x.max, {key("factor"), key("jitter")}, "`min` and `max` leave no room for longer delays");
  here.warn(x.factor <= 1.0 && x.min != x.max && x.jitter == 0.0, {key("max")},
            "with a factor of 1 delays do not grow");
}

void check_window(const written& here, const intensity& x, const std::string& section) {
  here.warn(x.restarts == 0, {section + ".within"}, "no restart is allowed at all");
}

// Whether variables are set twice; which of the two counts is nothing to rely on.
bool repeats_name(const std::vector<std::string>& variables) {
  std::set<std::string> names;
  return std::ranges::any_of(variables, [&](const auto& x) { return !names.insert(x.substr(0, x.find('='))).second; });
}

void check_pool(const written& here, const pool_spec& x, const child_spec& child, bool is_resized) {
  const auto least = x.size.min_workers.value_or(x.size.workers);
  const auto most = x.size.max_workers > 0 ? x.size.max_workers : x.size.workers;
  here.warn(least == most && x.size.min_workers != 0U && !is_resized, {"pool.idle_exit"},
            "min_workers and max_workers are the same");
  here.warn(x.restarts.recycle_after == 0, {"pool.recycle_jitter"}, "there is no recycle_after");
  here.warn(x.limits.attempts == 1 && x.on_exception == exception_policy::retry, {"pool.on_exception"},
            "`attempts: 1` allows no second run");
  here.warn(x.process.memory_limit > 0 && x.restarts.recycle_memory >= x.process.memory_limit, {"pool.recycle_memory"},
            "a worker meets its memory_limit before");
  here.warn(repeats_name(x.process.environment), {"pool.environment"},
            "a variable is set twice, and one of the two wins");
  const auto comes_first = [](std::string_view key, milliseconds limit) {
    return fmt::format("the `{}` of the child, {}, comes first", key, render_duration(limit));
  };
  here.warn(x.limits.start_within > start_within_of(child), {"pool.start_within"},
            comes_first("start_within", start_within_of(child)));
  here.warn(x.limits.shutdown > shutdown_of(child), {"pool.shutdown"}, comes_first("shutdown", shutdown_of(child)));
  check_window(here, x.restarts.worker_restarts, "pool.worker_restarts");
  check_backoff(here, x.restarts.worker_backoff, "pool.worker_backoff");
}

void check_command(const written& here, const command_spec& x) {
  here.warn(repeats_name(x.environment), {"environment"}, "a variable is set twice, and the later one wins");
  here.warn(x.logs.lines_a_second == 0, {"logs.line_length"}, "no line is told");
}

void check_child(const written& here, const child_spec& x) {
  here.warn(x.restart == restart_type::temporary, {"backoff", "intensity", "on_spent", "on_crash"},
            "a temporary child is never restarted");
  here.warn(x.hang_after == milliseconds{0}, {"on_hang"}, "there is no hang_after");
  if (x.intensity) {
    check_window(here, *x.intensity, "intensity");
  }
  check_backoff(here, x.backoff, "backoff");
}

bool resizes(const std::vector<step>& steps) {
  return std::ranges::any_of(steps, [](const step& x) {
    const auto* several = std::get_if<parallel_step>(&x.what);
    return std::holds_alternative<resize_step>(x.what) || (several != nullptr && resizes(several->steps));
  });
}

class walk {
public:
  walk(const spec_places& places, bool is_resized) : places_(places), is_resized_(is_resized) {}

  // `prefix` leads from what is written at `path` to the supervisor's own keys.
  void visit(const supervisor_spec& x, const std::string& path, const std::string& prefix) const {
    const written here{places_, path};
    const auto& children = x.children;
    here.warn(std::ranges::none_of(children, &child_spec::significant), {prefix + "auto_shutdown"},
              "no child is significant");
    const bool any_draws = std::ranges::any_of(
        children, [](const child_spec& c) { return !c.intensity && c.restart != restart_type::temporary; });
    here.warn(!children.empty() && !any_draws, {prefix + "intensity"},
              "each child has its own limit, or is never restarted");
    check_window(here, x.intensity, prefix + "intensity");
    for (const auto& child : children) {
      const auto below = path + "/" + child.id;
      const written there{places_, below};
      check_child(there, child);
      if (const auto* pool = std::get_if<pool_spec>(&child.what)) {
        check_pool(there, *pool, child, is_resized_);
      } else if (const auto* command = std::get_if<command_spec>(&child.what)) {
        check_command(there, *command);
      } else if (const auto* nested = std::get_if<std::shared_ptr<supervisor_spec>>(&child.what)) {
        visit(**nested, below, "supervisor.");
      }
    }
  }

private:
  const spec_places& places_;
  bool is_resized_;
};

}  // namespace

void warn_of_void_values(const scenario& what, const spec_places& places) {
  walk{places, resizes(what.run)}.visit(what.tree, "/root", "");
}

}  // namespace steward::config
