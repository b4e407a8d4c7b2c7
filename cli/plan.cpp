#include "cli/plan.hpp"

#include "base/command_rules.hpp"
#include "base/spec_changes.hpp"
#include "base/text.hpp"
#include "policy/backoff.hpp"
#include "policy/budget.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <utility>
#include <vector>

namespace steward::cli {

namespace {

using json = nlohmann::ordered_json;

constexpr std::size_t most_shown_bytes = 100;  // of a command line

/// One effective value.
struct plan_value {
  std::string field;
  std::string value;
  std::string from;       ///< "squares.yaml:7", "--set" or "default"
  bool is_shown = false;  ///< to people, though it is the default
};

/// What becomes of a child, or of a pool's workers, when it crashes.
struct plan_restarts {
  std::string who;           ///< "restarts" or "restarts of a worker"
  bool ever = true;          ///< false: never restarted
  std::string after_what{};  ///< "after a crash only"; empty for always
  backoff_spec delays{};
  intensity limit{};
  std::string consequence{};  ///< of a limit that is met: "/root gives up"
};

struct plan_node {
  std::string path;
  std::string kind;     ///< "actor", "pool", "supervisor" or "command"
  std::string what;     ///< "pool of 4 processes"
  std::string runs_in;  ///< "thread", "threads", "process", "processes"; empty for supervisors
  unsigned workers = 0;
  std::vector<plan_value> values;
  std::vector<plan_restarts> restarts;
  std::vector<std::string> remarks;
  std::vector<plan_node> children;
};

std::string number(double x) { return fmt::format("{}", x); }

std::string seconds(milliseconds x) {
  if (x < milliseconds{1'000}) return fmt::format("{}ms", x.count());
  return fmt::format("{:.1f}s", static_cast<double>(x.count()) / 1'000.0);
}

std::string size_of(std::uint64_t bytes) {
  constexpr std::uint64_t mib = 1ULL << 20U;
  return bytes % mib == 0 && bytes > 0 ? fmt::format("{}MiB", bytes / mib) : fmt::format("{}B", bytes);
}

std::string limit_text(milliseconds x) { return x == brutal_kill ? "brutal_kill" : render_duration(x); }

/// What workers of this kind cannot do.
std::vector<std::string> limits_of(const pool_spec& x) {
  std::vector<std::string> out;
  if (x.runs_in != rung::thread) return out;
  out.emplace_back("on threads a task that segfaults or aborts ends the whole program; processes contain it");
  if (x.limits.deadline > milliseconds{0})
    out.emplace_back(
        "threads cannot be killed: a task past its deadline is abandoned and goes on, its thread is replaced");
  return out;
}

void collect_notes(const supervisor_spec& tree, const std::string& path, std::vector<std::string>& out) {
  for (const auto& child : tree.children) {
    const auto here = path + "/" + child.id;
    if (child.intensity && child.restart != restart_type::temporary &&
        !time_to_give_up(*child.intensity, child.backoff))
      out.push_back(fmt::format("{}: its limit of {} restarts within {} is never reached, since its back-off is slower",
                                here, child.intensity->restarts, render_duration(child.intensity->within)));
    if (const auto* nested = std::get_if<std::shared_ptr<supervisor_spec>>(&child.what))
      collect_notes(**nested, here, out);
    if (const auto* pool = std::get_if<pool_spec>(&child.what))
      for (const auto& one : limits_of(*pool)) out.push_back(here + ": " + one);
  }
}

/// Builds the nodes from the specs.
class planner {
public:
  explicit planner(const config::origin_map& origins) : origins_(origins) {}

  plan_node root(const supervisor_spec& tree) {
    plan_node out;
    out.path = "/root";
    fill_supervisor(out, tree, "", out.path, out.path);
    return out;
  }

private:
  /// Adds values to a node; `source` is the path under which its origins are kept.
  class writer {
  public:
    writer(const config::origin_map& origins, plan_node& into, const std::string& source) : into_(into) {
      const auto found = origins.find(source);
      if (found != origins.end()) written_ = &found->second;
    }

    void shown(const std::string& field, std::string value) { add(field, std::move(value), true); }
    void other(const std::string& field, std::string value) { add(field, std::move(value), false); }

    std::string origin(const std::string& field) const {
      if (written_ == nullptr) return "default";
      const auto found = written_->find(field);
      return found == written_->end() ? "default" : found->second;
    }

    void delays(const std::string& section, const backoff_spec& x) {
      other(section + ".min", render_duration(x.min));
      other(section + ".max", render_duration(x.max));
      other(section + ".factor", number(x.factor));
      other(section + ".jitter", number(x.jitter));
      other(section + ".healthy", render_duration(x.healthy));
    }

  private:
    void add(const std::string& field, std::string value, bool is_shown) {
      into_.values.push_back({field, std::move(value), origin(field), is_shown});
    }

    plan_node& into_;
    const std::map<std::string, std::string>* written_ = nullptr;
  };

  /// `path`: what those of its children begin with.
  void fill_supervisor(plan_node& out, const supervisor_spec& x, const std::string& prefix, const std::string& source,
                       const std::string& path) {
    const bool dynamic = x.strategy == strategy::simple_one_for_one;
    writer to{origins_, out, source};
    out.kind = "supervisor";
    out.what = fmt::format("supervisor, {}", to_string(x.strategy));
    to.shown(prefix + "strategy", to_string(x.strategy));
    to.shown(prefix + "intensity.restarts", fmt::format("{}", x.intensity.restarts));
    to.shown(prefix + "intensity.within", render_duration(x.intensity.within));
    to.other(prefix + "auto_shutdown", to_string(x.auto_shutdown));
    if (dynamic) {
      to.shown(prefix + "initial", fmt::format("{}", x.initial));
      to.other(prefix + "partitions", fmt::format("{}", x.partitions));
      to.other(prefix + "max_children", x.max_children == 0 ? "no limit" : fmt::format("{}", x.max_children));
    }
    out.remarks.push_back(
        fmt::format("budget: {} of its children within {}, one more and it {}",
                    x.intensity.restarts == 1 ? "1 restart" : fmt::format("{} restarts", x.intensity.restarts),
                    render_duration(x.intensity.within),
                    prefix.empty() ? "gives up, exit code 4" : "fails as a child of its own supervisor"));
    if (dynamic)
      out.remarks.push_back(
          fmt::format("dynamic: {} at the start, more by start_child{}{}", x.initial,
                      x.max_children > 0 ? fmt::format(", {} at most", x.max_children) : "",
                      x.partitions > 0 ? fmt::format(", spread over p0 to p{}", x.partitions - 1) : ""));
    for (const auto& one : x.children) out.children.push_back(child(one, x, path, source));
  }

  plan_node child(const child_spec& x, const supervisor_spec& parent, const std::string& parent_path,
                  const std::string& parent_source) {
    const bool is_template = parent.strategy == strategy::simple_one_for_one;
    const auto source = parent_source + "/" + x.id;
    plan_node out;
    out.path = fmt::format("{}{}/{}{}", parent_path, parent.partitions > 0 ? "/pK" : "", x.id, is_template ? "-N" : "");
    writer to{origins_, out, source};
    if (const auto* as_actor = std::get_if<actor_spec>(&x.what)) fill_actor(out, to, x, *as_actor);
    if (const auto* as_pool = std::get_if<pool_spec>(&x.what)) fill_pool(out, to, *as_pool);
    if (const auto* as_command = std::get_if<command_spec>(&x.what)) fill_command(out, to, x, *as_command);
    if (x.partitions > 0) to.shown("partitions", fmt::format("{}", x.partitions));
    fill_policy(out, to, x, parent, parent_path);
    if (const auto* nested = std::get_if<std::shared_ptr<supervisor_spec>>(&x.what)) {
      const auto outer = home_;
      if (x.runs_in == rung::process) home_ = out.path;
      fill_supervisor(out, **nested, "supervisor.", source, out.path + (x.partitions > 0 ? "/K" : ""));
      home_ = outer;
      if (x.runs_in == rung::process) fill_shared_process(out, to, x);
    }
    if (x.partitions > 0) out.what += fmt::format(", {} partitions 0 to {}", x.partitions, x.partitions - 1);
    return out;
  }

  static void fill_policy(plan_node& out, writer& to, const child_spec& x, const supervisor_spec& parent,
                          const std::string& parent_path) {
    to.shown("restart", to_string(x.restart));
    to.shown("shutdown", limit_text(shutdown_of(x)));
    to.shown("start_within", limit_text(start_within_of(x)));
    to.delays("backoff", x.backoff);
    to.other("start_retries", fmt::format("{}", x.start_retries));
    to.other("significant", x.significant ? "true" : "false");
    if (x.intensity) {
      to.shown("intensity.restarts", fmt::format("{}", x.intensity->restarts));
      to.shown("intensity.within", render_duration(x.intensity->within));
    }
    to.other("on_spent", to_string(x.on_spent));
    to.other("park_for", render_duration(x.park_for));
    plan_restarts restarts;
    restarts.who = "restarts";
    restarts.ever = x.restart != restart_type::temporary;
    restarts.after_what = x.restart == restart_type::transient ? "only after a crash" : "";
    restarts.delays = x.backoff;
    restarts.limit = x.intensity.value_or(parent.intensity);
    restarts.consequence =
        (x.partitions > 0 ? out.path : parent_path + (parent.partitions > 0 ? "/pK" : "")) + " gives up";
    if (x.on_spent == spent_policy::park)
      restarts.consequence = x.park_for > milliseconds{0} ? "it is parked for " + render_duration(x.park_for)
                                                          : std::string{"it is parked until restart_child"};
    if (x.on_spent == spent_policy::end) restarts.consequence = "it ends for good, and its siblings live on";
    out.restarts.push_back(std::move(restarts));
  }

  static void fill_shared_process(plan_node& out, writer& to, const child_spec& x) {
    out.runs_in = to_string(x.runs_in);
    out.what += ", all below it in one process";
    to.other("runs_in", out.runs_in);
    show_process(to, x.process, false);
  }

  void fill_actor(plan_node& out, writer& to, const child_spec& x, const actor_spec& actor) const {
    out.kind = "actor";
    const bool in_process = x.runs_in == rung::process;
    out.runs_in = to_string(home_.empty() ? x.runs_in : rung::process);
    std::string where = in_process ? "in a process" : "on a thread";
    if (!home_.empty()) where = "in the process of " + home_;
    if (!x.process.group.empty()) where = "in the process of group " + x.process.group;
    out.what = fmt::format("actor {}, {}", actor.type, where);
    to.other("runs_in", out.runs_in);
    for (const auto& [name, value] : actor.params) to.shown("with." + name, text_of(value));
    to.other("mailbox.limit", fmt::format("{}", x.mailbox.limit));
    to.other("mailbox.overflow", to_string(x.mailbox.overflow));
    to.other("on_crash", x.redeliver == 0 ? "drop" : fmt::format("redeliver {}", x.redeliver));
    to.other("hang_after", x.hang_after == milliseconds{0} ? "never" : render_duration(x.hang_after));
    to.other("on_hang", to_string(x.on_hang));
    to.other("on_stop", to_string(x.on_stop));
    if (in_process) show_process(to, x.process);
  }

  static void show_process(writer& to, const process_settings& limits, bool of_actor = true) {
    to.other("process.memory_limit", limits.memory_limit == 0 ? "none" : size_of(limits.memory_limit));
    to.other("process.cpu_limit", limits.cpu_limit == milliseconds{0} ? "none" : render_duration(limits.cpu_limit));
    to.other("process.open_files", limits.open_files == 0 ? "as the program" : fmt::format("{}", limits.open_files));
    to.other("process.sandbox", to_string(limits.sandbox));
    to.other("process.environment", joined(limits.environment, ", "));
    to.other("process.working_directory",
             limits.working_directory.empty() ? "the program's" : limits.working_directory);
    if (!of_actor) return;
    to.other("process.spare", limits.spare ? "true" : "false");
    to.other("process.group", limits.group.empty() ? "none" : limits.group);
  }

  static std::string joined(const std::vector<std::string>& all, const char* between = " ") {
    std::string out;
    for (const auto& one : all) out += (out.empty() ? "" : between) + one;
    return out;
  }

  static std::string when_ready(const command_ready& x) {
    if (!x.line.empty()) return "it writes a line that matches '" + x.line + "'";
    if (x.port != 0) return fmt::format("something listens at port {}", x.port);
    if (!x.file.empty()) return "the file '" + x.file + "' is made or changed";
    if (!x.http.empty()) return x.http + " is answered";
    if (x.notify) return "it says READY=1";
    return x.after.count() > 0 ? "it has run for " + render_duration(x.after) : "it runs";
  }

  static std::string steps_of(const std::vector<stop_step>& ladder) {
    std::string out;
    for (const auto& one : ladder) {
      const auto text = one.signal != 0 ? signal_name(one.signal) : render_duration(one.wait.value_or(infinity));
      out += (out.empty() ? "" : ", ") + text;
    }
    return out;
  }

  static void show_limits(writer& to, const command_rlimits& x) {
    const auto show = [&](const char* name, const std::optional<std::uint64_t>& value, bool is_count = false) {
      if (!value) return to.other(std::string{"rlimits."} + name, "as the program");
      const auto text = is_count ? fmt::format("{}", *value) : size_of(*value);
      to.other(std::string{"rlimits."} + name, *value == command_rlimits::unlimited ? "unlimited" : text);
    };
    show("as", x.as);
    show("core", x.core);
    to.other("rlimits.cpu", x.cpu.count() == 0 ? "as the program" : render_duration(x.cpu));
    show("data", x.data);
    show("fsize", x.fsize);
    show("memlock", x.memlock);
    show("nofile", x.nofile, true);
    show("nproc", x.nproc, true);
    show("stack", x.stack);
  }

  static void fill_command(plan_node& out, writer& to, const child_spec& child, const command_spec& x) {
    const std::string as_program = "the program's";
    out.kind = "command";
    out.runs_in = "process";
    out.what = fmt::format("command {}, in a process", x.run.empty() ? std::string{} : x.run.front());
    to.shown("command", escape_text(shorten(joined(x.run), most_shown_bytes)));
    to.shown("ready", when_ready(x.ready));
    to.shown("stop", steps_of(ladder_of(x, shutdown_of(child))));
    std::vector<std::string> codes;
    for (const int code : x.ok_codes) codes.push_back(std::to_string(code));
    to.other("ok_codes", joined(codes, ", "));
    to.other("environment", joined(x.environment, ", "));
    to.other("working_directory", x.working_directory.empty() ? as_program : x.working_directory);
    to.other("user", x.user.empty() ? as_program : x.user);
    to.other("umask", x.umask ? fmt::format("{:03o}", *x.umask) : as_program);
    to.other("nice", x.nice ? fmt::format("{}", *x.nice) : as_program);
    show_limits(to, x.rlimits);
    to.other("logs.lines_a_second", fmt::format("{}", x.logs.lines_a_second));
    to.other("logs.line_length", size_of(x.logs.line_length));
  }

  static const char* how_many_begin(const pool_spec& x) {
    if (x.size.workers > 0) return "";
    return x.size.min_workers == 0U ? ", started when tasks come" : ", one per core";
  }

  static void fill_pool(plan_node& out, writer& to, const pool_spec& x) {
    out.kind = "pool";
    out.runs_in = x.runs_in == rung::thread ? "threads" : "processes";
    const auto bounds = worker_bounds_of(x);
    out.workers = bounds.first;
    const auto shown = out.workers == 0 ? bounds.most : out.workers;
    out.what = fmt::format("pool of {}{} {}", out.workers == 0 ? "up to " : "", shown,
                           shown == 1 ? to_string(x.runs_in) : out.runs_in);
    to.shown("pool.task", x.task);
    to.shown("pool.runs_in", out.runs_in);
    to.shown("pool.workers", fmt::format("{}{}", out.workers, how_many_begin(x)));
    to.other("pool.min_workers", fmt::format("{}", bounds.least));
    to.other("pool.max_workers", fmt::format("{}", bounds.most));
    to.other("pool.idle_exit", render_duration(x.size.idle_exit));
    to.other("pool.spares", fmt::format("{}", x.size.spares));
    to.shown("pool.attempts", fmt::format("{}", x.limits.attempts));
    to.other("pool.on_exception", x.on_exception == exception_policy::retry ? "retry" : "fail");
    to.other("pool.deadline", x.limits.deadline == milliseconds{0} ? "none" : render_duration(x.limits.deadline));
    to.other("pool.soft_deadline",
             x.limits.soft_deadline == milliseconds{0} ? "none" : render_duration(x.limits.soft_deadline));
    to.other("pool.grace", render_duration(x.limits.grace));
    to.other("pool.heartbeat", x.limits.heartbeat == milliseconds{0} ? "never" : render_duration(x.limits.heartbeat));
    to.other("pool.queue_limit", fmt::format("{}", x.limits.queue_limit));
    to.other("pool.on_full", to_string(x.limits.on_full));
    to.other("pool.chunk", x.chunk == 0 ? "by measured time" : fmt::format("{}", x.chunk));
    to.other("pool.memory_limit", x.process.memory_limit == 0 ? "none" : size_of(x.process.memory_limit));
    to.other("pool.cpu_limit", x.process.cpu_limit == milliseconds{0} ? "none" : render_duration(x.process.cpu_limit));
    to.other("pool.open_files", x.process.open_files == 0 ? "as the program" : fmt::format("{}", x.process.open_files));
    to.other("pool.initializer", x.initializer.empty() ? "none" : x.initializer);
    to.other("pool.sandbox", to_string(x.process.sandbox));
    to.other("pool.working_directory",
             x.process.working_directory.empty() ? "the program's" : x.process.working_directory);
    to.other("pool.recycle_jitter", fmt::format("{}", x.restarts.recycle_jitter));
    to.other("pool.recycle_memory", x.restarts.recycle_memory == 0 ? "never" : size_of(x.restarts.recycle_memory));
    to.other("pool.recycle_after",
             x.restarts.recycle_after == 0 ? "never" : fmt::format("{}", x.restarts.recycle_after));
    to.other("pool.worker_restarts.restarts", fmt::format("{}", x.restarts.worker_restarts.restarts));
    to.other("pool.worker_restarts.within", render_duration(x.restarts.worker_restarts.within));
    to.delays("pool.worker_backoff", x.restarts.worker_backoff);
    to.other("pool.start_within", render_duration(x.limits.start_within));
    to.other("pool.shutdown", render_duration(x.limits.shutdown));
    std::string actors;
    for (const auto& one : x.actors) actors += (actors.empty() ? "" : ", ") + one;
    to.other("pool.actors", actors);
    for (auto& one : limits_of(x)) out.remarks.push_back(std::move(one));
    out.restarts.push_back(
        {"restarts of a worker", true, "", x.restarts.worker_backoff, x.restarts.worker_restarts, "the pool gives up"});
  }

  const config::origin_map& origins_;
  std::string home_;  // the supervisor in whose process what is filled lives; empty: none
};

backoff_spec with_most_jitter(backoff_spec delays) {
  const auto longest = static_cast<double>(delays.min.count()) * (1.0 + delays.jitter);
  delays.min = std::min(milliseconds{std::llround(longest)}, delays.max);
  return delays;
}

std::string ordinal(unsigned n) {
  const unsigned last = n % 100 >= 11 && n % 100 <= 13 ? 0 : n % 10;
  constexpr std::array<std::string_view, 4> endings{"th", "st", "nd", "rd"};
  return fmt::format("{}{}", n, endings.at(last > 3 ? 0 : last));
}

/// What happens when it crashes at once every time.
std::string describe_end(const plan_restarts& x) {
  const auto soonest = time_to_give_up(x.limit, x.delays);
  const auto latest = time_to_give_up(x.limit, with_most_jitter(x.delays));
  if (!soonest)
    return fmt::format("never gives up: the back-off is slower than the window of {} within {}", x.limit.restarts,
                       render_duration(x.limit.within));
  auto when = seconds(*soonest);
  if (!latest)
    when += ", or with much jitter never";
  else if (*latest != *soonest)
    when += fmt::format(" to {}", seconds(*latest));
  return fmt::format("at the {} crash, after {}, {}", ordinal(x.limit.restarts + 1), when, x.consequence);
}

void write_restarts(const plan_restarts& x, const std::string& indent, std::string& out) {
  if (!x.ever) {
    out += fmt::format("{}{}: never\n", indent, x.who);
    return;
  }
  out += fmt::format("{}{}: {}{}\n", indent, x.who, x.after_what.empty() ? "" : x.after_what + ": ",
                     describe_ladder(x.delays));
  out += fmt::format("{}if it crashes at once every time: {}\n", indent, describe_end(x));
}

/// "squares.yaml:7" for "/somewhere/squares.yaml:7": the head of the plan tells the folder.
std::string_view without_folder(std::string_view origin) { return origin.substr(origin.rfind('/') + 1); }

void write_node(const plan_node& node, std::size_t depth, std::string& out) {
  const std::string indent(2 * depth, ' ');
  const auto inner = indent + "  ";
  out += fmt::format("{}{}  {}\n", indent, node.path, node.what);
  for (const auto& one : node.remarks) out += fmt::format("{}{}\n", inner, one);
  std::size_t field_width = 0;
  std::size_t value_width = 0;
  const auto is_shown = [](const plan_value& x) { return x.is_shown || x.from != "default"; };
  for (const auto& one : node.values) {
    if (!is_shown(one)) continue;
    field_width = std::max(field_width, one.field.size());
    value_width = std::max(value_width, one.value.size());
  }
  for (const auto& one : node.values)
    if (is_shown(one))
      out += fmt::format("{}{:<{}}  {:<{}}  {}\n", inner, one.field, field_width, one.value, value_width,
                         without_folder(one.from));
  for (const auto& one : node.restarts) write_restarts(one, inner, out);
  for (const auto& one : node.children) write_node(one, depth + 1, out);
}

json to_json(const plan_restarts& x) {
  json out{{"who", x.who}, {"ever", x.ever}};
  if (!x.ever) return out;
  out["ladder"] = describe_ladder(x.delays);
  out["limit"] = {{"restarts", x.limit.restarts}, {"within_ms", x.limit.within.count()}};
  const auto soonest = time_to_give_up(x.limit, x.delays);
  const auto latest = time_to_give_up(x.limit, with_most_jitter(x.delays));
  out["gives_up_after_ms"] = soonest ? json(soonest->count()) : json(nullptr);
  out["gives_up_at_most_after_ms"] = latest ? json(latest->count()) : json(nullptr);
  out["consequence"] = x.consequence;
  return out;
}

json to_json(const plan_node& node) {
  json out{{"path", node.path}, {"kind", node.kind}};
  if (!node.runs_in.empty()) out["runs_in"] = node.runs_in;
  if (node.workers > 0) out["workers"] = node.workers;
  out["values"] = json::array();
  for (const auto& one : node.values)
    out["values"].push_back({{"field", one.field}, {"value", one.value}, {"from", one.from}});
  out["restarts"] = json::array();
  for (const auto& one : node.restarts) out["restarts"].push_back(to_json(one));
  out["children"] = json::array();
  for (const auto& one : node.children) out["children"].push_back(to_json(one));
  return out;
}

}  // namespace

std::vector<std::string> notes_on(const config::scenario& what) {
  std::vector<std::string> out;
  collect_notes(what.tree, "/root", out);
  return out;
}

std::string describe_ladder(const backoff_spec& delays) {
  constexpr int most_shown = 4;
  auto exact = delays;
  exact.jitter = 0.0;
  policy::backoff next{exact, 0};
  std::string out;
  milliseconds last{0};
  for (int i = 0; i < most_shown; ++i) {
    last = next.next({});
    out += i == 0 ? std::string{"at once"} : ", " + render_duration(last);
    if (i > 0 && last >= delays.max) break;
  }
  out += last >= delays.max ? " each time from then on" : ", ... " + render_duration(delays.max);
  if (delays.factor <= 1.0 && last < delays.max) out = "at once, then " + render_duration(last) + " each time";
  if (delays.jitter > 0.0) out += fmt::format(" (+ up to {:.0f}% jitter)", delays.jitter * 100.0);
  return out;
}

std::optional<milliseconds> time_to_give_up(const intensity& limit, backoff_spec delays) {
  delays.jitter = 0.0;
  policy::backoff next{delays, 0};
  policy::restart_budget budget{limit};
  const policy::time_point start{};
  auto now = start;
  // Delays never shrink, so no window is as full as the first one.
  for (unsigned i = 0; i <= limit.restarts; ++i) {
    if (!budget.allow(now)) return std::chrono::duration_cast<milliseconds>(now - start);
    now += next.next(now);
  }
  return std::nullopt;
}

namespace {

/// When a step is done that has a time of its own.
std::string time_of(const config::step& x) {
  if (x.every.count() == 0) return "at start";
  return (x.at_start ? "at start, and then every " : "every ") + render_duration(x.every);
}

}  // namespace

std::string text_of(const param_value& value) {
  struct {
    std::string operator()(std::int64_t x) const { return fmt::format("{}", x); }
    std::string operator()(double x) const { return number(x); }
    std::string operator()(bool x) const { return x ? "true" : "false"; }
    std::string operator()(const std::string& x) const { return x; }
    std::string operator()(milliseconds x) const { return render_duration(x); }
  } render;
  return std::visit(render, value.value);
}

std::string render_plan(const config::scenario& what, const config::origin_map& origins) {
  std::string out =
      fmt::format("{} ({}): started from top to bottom, stopped from bottom to top\n", what.name, what.file);
  write_node(planner{origins}.root(what.tree), 0, out);
  for (const auto& step : what.run)
    if (step.is_timed()) out += fmt::format("step at {}: {}\n", step.where, time_of(step));
  return out;
}

std::string render_plan_json(const config::scenario& what, const config::origin_map& origins) {
  json out{{"scenario", what.name},
           {"file", what.file},
           {"seed", what.seed},
           {"steps", what.run.size()},
           {"tree", to_json(planner{origins}.root(what.tree))}};
  for (const auto& step : what.run)
    if (step.is_timed())
      out["timed_steps"].push_back(
          {{"where", step.where}, {"every_ms", step.every.count()}, {"at_start", step.at_start}});
  return out.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace steward::cli
