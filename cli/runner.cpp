#include "cli/runner.hpp"

#include "cli/periodic_steps.hpp"
#include "cli/progress_bar.hpp"

#include "base/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <optional>
#include <system_error>
#include <utility>

namespace steward::cli {

namespace {

constexpr milliseconds answer_limit{10'000};
constexpr std::size_t max_shown_error_bytes = 400;
constexpr std::size_t max_shown_cancelled = 3;  // of a map that was ended early; the rest is counted

using clock = std::chrono::steady_clock;

/// Of the periodic step that is carried out on this thread, or for which this thread works.
thread_local std::atomic<std::uint64_t>* failures_here = nullptr;

double seconds_since(clock::time_point start) { return std::chrono::duration<double>(clock::now() - start).count(); }

/// How a child that does not run is doing, in a sentence.
std::string describe_down(child_status x) {
  return x == child_status::undefined ? std::string{"over"} : std::string{to_string(x)};
}

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
  return text;
}

std::string joined(const config::task_input& input) {
  std::string out;
  for (const auto& part : input) out += (out.empty() ? "" : ", ") + part;
  return out;
}

/// The line of one input: `{input}` is all of its arguments, `{1}` the first, and so on.
std::string line_for(const std::string& form, const config::task_input& input, const std::string& result) {
  std::string out = replaced(form, "{input}", joined(input));
  for (std::size_t i = 0; i < input.size(); ++i) out = replaced(out, "{" + std::to_string(i + 1) + "}", input[i]);
  return replaced(out, "{result}", result);
}

}  // namespace

runner::runner(runtime& rt, supervisor& tree, const config::scenario& what, const task_registry& tasks, output& out)
    : rt_(rt), what_(what), tree_(tree), tasks_(tasks), out_(out) {}

runner::~runner() = default;

bool runner::run(then what) {
  const bool once = what == then::once;
  const auto perform_all = [this](auto is_wanted) {
    for (const auto& step : what_.run)
      if (!interrupted() && is_wanted(step)) perform(step);
  };
  if (!once) perform_all([](const auto& step) { return step.at_start; });
  std::optional<periodic_steps> beside;
  if (!once) {
    try {
      beside.emplace(what_.run, rt_.events(), [this](const auto& step) { return perform_counted(step); });
    } catch (const std::system_error& problem) {
      failed(std::string{"there is no thread for each of the steps with `every`: "} + problem.what());
    }
  }
  perform_all([once](const auto& step) { return once || !step.is_timed(); });
  if (what == then::stays) stay();
  beside.reset();
  return ok_.load();
}

std::uint64_t runner::perform_counted(const config::step& step) {
  if (interrupted() || tree_.wait_until(clock::now())) return 0;
  std::atomic<std::uint64_t> count{0};
  failures_here = &count;
  perform(step);
  failures_here = nullptr;
  return count.load();
}

void runner::stay() {
  while (!tree_.wait_until(clock::now() + std::chrono::hours{1})) {
  }
}

void runner::interrupt(const std::string& why) {
  std::vector<std::shared_ptr<pool>> running;
  {
    std::lock_guard guard{mutex_};
    if (!interrupted_.exchange(true)) interrupted_by_ = why;
    running = busy_;
  }
  tree_.give_up_waiting();
  tree_.request_stop();  // actors that leave answer what a step waits for
  for (const auto& p : running) p->stop_async(false, [] {});
}

void runner::perform(const config::step& step) {
  std::visit(
      [&](const auto& what) {
        if constexpr (requires { perform(what, step); })
          perform(what, step);
        else
          perform(what);
      },
      step.what);
}

void runner::perform(const config::map_step& step) {
  const auto& entry = *tasks_.find(step.task);
  const auto path = absolute(step.pool);
  const auto inputs = encode(entry, step.inputs);
  if (step.workers.empty()) {
    const auto in_tree = tree_.pool_at(path);
    const auto result = run_in_tree(path, [&](pool& target) { return map_on(target, step, inputs); });
    const auto all = in_tree ? in_tree->stats().workers : 0;
    print_map(step, result, in_tree ? all - std::min(all, in_tree->spec().size.spares) : 0);
    return;
  }
  for (const auto size : step.workers) {
    if (interrupted()) return;
    const auto like = tree_.pool_at(path);
    if (!like) return failed("the pool " + path + " is gone");
    auto spec = like->spec();
    spec.size.workers = size;
    const auto result = run_fresh(path + "@" + std::to_string(size), std::move(spec),
                                  [&](pool& target) { return map_on(target, step, inputs); });
    print_map(step, result, size);
  }
}

void runner::print_map(const config::map_step& step, const measured& result, unsigned size) {
  if (!result.problem.empty()) return failed(result.problem);
  const auto& entry = *tasks_.find(step.task);
  std::string all = "Results: [";
  std::size_t cancelled = 0;
  if (step.print_size) out_.line("Pool Size: " + std::to_string(size));
  for (std::size_t i = 0; i < result.outcomes.size(); ++i) {
    const auto& one = result.outcomes[i];
    if (!step.as_completed && !(is_cancelled(one) && ++cancelled > max_shown_cancelled)) print_outcome(step, i, one);
    const auto instead = is_cancelled(one) && interrupted() ? "not run" : "failed";
    if (step.print_results) all += (i > 0 ? ", " : "") + (one.ok() ? entry.render_result(one.value()) : instead);
  }
  if (!step.as_completed) print_cancelled(cancelled);
  if (step.print_results && !result.outcomes.empty()) out_.line(all + "]");
  if (interrupted()) return print_cut_off(step, result);
  if (step.print_time) out_.line(fmt::format("Time Taken: {:.4f} seconds", result.seconds));
}

void runner::print_outcome(const config::map_step& step, std::size_t input, const outcome<bytes>& one) {
  if (interrupted() && is_cancelled(one)) return;  // these are told together
  if (!one.ok()) return tell_failure(joined(step.inputs[input]) + ": " + describe(one.error()));
  if (step.print_each)
    out_.line(line_for(step.each, step.inputs[input], tasks_.find(step.task)->render_result(one.value())));
}

/// Has no value because its map was ended, or the whole run, and not by a fault of its own.
bool runner::is_cancelled(const outcome<bytes>& one) const {
  if (one.ok()) return false;
  return one.error().kind == outcome_kind::cancelled || (one.error().kind == outcome_kind::pool_gone && interrupted());
}

void runner::print_cancelled(std::size_t count) {
  if (count > max_shown_cancelled) failed(fmt::format("{} more inputs were cancelled", count - max_shown_cancelled));
}

void runner::print_cut_off(const config::map_step& step, const measured& result) {
  const auto all = step.inputs.size();
  auto missing = all - result.outcomes.size();
  std::size_t begun = 0;
  for (const auto& one : result.outcomes) {
    if (!is_cancelled(one)) continue;
    ++missing;
    if (one.error().work != work_state::not_started) ++begun;
  }
  if (missing == 0) return;
  std::lock_guard guard{mutex_};
  out_.line(fmt::format("{}: {} of {} inputs not run{}", interrupted_by_, missing, all,
                        begun > 0 ? fmt::format(", {} of them begun and cut off", begun) : std::string{}));
}

runner::measured runner::map_on(pool& target, const config::map_step& step, std::vector<bytes> inputs) {
  const auto& entry = *tasks_.find(step.task);
  measured out;
  if (!step.as_completed) {
    out.outcomes = target.map(entry, std::move(inputs), options_of(step));
    return out;
  }
  std::size_t cancelled = 0;
  target.for_each_outcome(
      entry, std::move(inputs),
      [&](std::size_t input, outcome<bytes> one) {
        if (!(is_cancelled(one) && ++cancelled > max_shown_cancelled)) print_outcome(step, input, one);
        out.outcomes.push_back(std::move(one));
      },
      options_of(step));
  print_cancelled(cancelled);
  return out;
}

map_options runner::options_of(const config::map_step& step) {
  map_options out;
  out.chunk = step.chunk;
  out.window = step.window;
  out.within = step.within;
  out.priority = step.priority;
  out.on_failure = step.on_failure;
  const bool prints_meanwhile = step.as_completed && step.print_each;
  if (step.progress && !prints_meanwhile) out.progress = progress_bar::for_terminal(step.task);
  return out;
}

runner::measured runner::run_in_tree(const std::string& path, const work_on& work) {
  measured out;
  const auto target = tree_.pool_at(path);
  if (!target) {
    out.problem = "the pool " + path + " is gone";
    return out;
  }
  if (!begin_step_on(target)) return out;
  const auto start = clock::now();
  out = work(*target);
  out.seconds = seconds_since(start);
  end_step_on(target);
  return out;
}

runner::measured runner::run_fresh(const std::string& path, pool_spec spec, const work_on& work) {
  measured out;
  const auto start = clock::now();
  std::shared_ptr<pool> fresh;
  std::optional<cause> problem;
  try {
    fresh = std::make_shared<pool>(rt_.pools(path), path, std::move(spec));
    if (!begin_step_on(fresh)) return out;
    problem = fresh->start();
  } catch (const std::system_error&) {  // no descriptor or thread is left for it
    problem = cause_of(std::current_exception());
  }
  if (problem)
    out.problem = "the pool " + path + " did not start: " + describe(*problem);
  else
    out = work(*fresh);
  if (!fresh) return out;
  fresh->stop();
  out.seconds = seconds_since(start);
  end_step_on(fresh);
  return out;
}

bool runner::begin_step_on(const std::shared_ptr<pool>& target) {
  std::lock_guard guard{mutex_};
  if (interrupted()) return false;
  busy_.push_back(target);
  return true;
}

void runner::end_step_on(const std::shared_ptr<pool>& target) {
  std::lock_guard guard{mutex_};
  busy_.erase(std::ranges::find(busy_, target));  // once: steps that run in parallel may share a pool
}

void runner::perform(const config::wait_step& step) {
  std::vector<std::string> paths;
  for (const auto& child : step.children) paths.push_back(absolute(child));
  const auto open = tree_.wait_for_ends(paths, clock::now() + step.within);
  if (interrupted()) return;
  for (const auto& path : open) failed(path + " did not end within " + render_duration(step.within));
  for (const auto& path : paths)
    if (tree_.ended_badly(path)) failed(path + " ended with a crash");
}

std::optional<std::string> runner::show(const std::string& actor) {
  const auto target = tree_.actor(absolute(actor));
  if (!target) {
    failed("the actor " + absolute(actor) + " is gone");
    return std::nullopt;
  }
  caf::scoped_actor self{rt_.system()};
  std::optional<std::string> answer;
  port::ask(self.ptr(), target, answer_limit, show_atom::value)
      .receive([&](std::string& text) { answer = std::move(text); },
               [&](caf::error& problem) { failed(actor + " answered: " + describe(problem)); });
  return answer;
}

void runner::perform(const config::show_step& step) {
  const auto answer = show(step.actor);
  if (!answer) return;
  out_.line((step.label.empty() ? step.actor : step.label) + ": " + *answer);
  if (step.expect && *answer != *step.expect)
    failed(step.actor + " was expected to show \"" + *step.expect + "\" and shows \"" + *answer + "\"");
}

void runner::perform(const config::crash_step& step) {
  const auto target = tree_.actor(absolute(step.actor));
  if (!target) return failed("the actor " + absolute(step.actor) + " is gone");
  const auto before = tree_.which_child(absolute(step.actor));
  caf::scoped_actor self{rt_.system()};
  std::string answer;
  bool crashed = false;
  port::ask(self.ptr(), target, answer_limit, crash_atom::value)
      .receive([&] { answer = "nothing"; },
               [&](caf::error& problem) {
                 crashed = crash_of(problem).has_value();
                 answer = describe(problem);
               });
  out_.line("Crash of " + step.actor + ": the request was answered with \"" + answer + "\"");
  if (!crashed) return failed(step.actor + " did not crash");
  const auto after = status_after_crash(step.actor, before ? before->incarnation : 0);
  if (after != child_status::running) return out_.line("After it, " + step.actor + " is " + describe_down(after));
  if (const auto state = show(step.actor)) out_.line("After it, " + step.actor + " answers again: " + *state);
}

void runner::perform(const config::parallel_step& step) {
  std::vector<std::future<void>> running;
  const auto perform_one = [this, counted = failures_here](const config::step& one) {
    failures_here = counted;
    perform(one);
  };
  try {
    for (const auto& one : step.steps) running.push_back(std::async(std::launch::async, [&] { perform_one(one); }));
  } catch (const std::system_error& problem) {
    failed(std::string{"there is no thread for each of the steps that are to run in parallel: "} + problem.what());
  }
  for (auto& one : running) one.get();
}

std::vector<bytes> runner::encode(const task_entry& entry, const std::vector<config::task_input>& inputs) const {
  std::vector<bytes> out(inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (const auto problem = entry.parse(inputs[i], out[i]))  // the validator has let them pass
      throw std::logic_error("input " + std::to_string(i + 1) + " of " + entry.name + ": " + *problem);
  return out;
}

void runner::failed(const std::string& text) {
  ok_.store(false);
  if (!interrupted()) tell_failure(text);  // what follows from the interruption is no news
}

void runner::tell_failure(const std::string& text) {
  ok_.store(false);
  if (failures_here != nullptr) ++*failures_here;
  out_.line("FAILED: " + shorten(escape_text(text), max_shown_error_bytes), event_level::warn);
}

}  // namespace steward::cli
