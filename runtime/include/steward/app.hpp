#pragma once

#include "steward/actor.hpp"
#include "steward/caf_codec.hpp"
#include "steward/supervisor.hpp"
#include "steward/task.hpp"

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace steward {

/// A program: its tasks, its actors, and the whole command line of steward for them.
///
///     [[nodiscard]] int main(int argc, char** argv) {
///       steward::app app;
///       app.task("square", square);
///       app.actor<counter_state>("counter");
///       return app.main(argc, argv);
///     }
///
/// Register everything before `main` or `run`, which come first in the program's own main: they fork the zygote before
/// any thread exists, and a program started as a worker never returns from them to user code. Not thread-safe; one per
/// program.
class app {
public:
  app();
  ~app();
  app(const app&) = delete;
  app& operator=(const app&) = delete;

  /// A function that pools can run, by name. Arguments and result: numbers, strings, vectors of them, and any type that
  /// CAF can inspect. Throws std::invalid_argument for a bad or taken name.
  template <class R, class... Args>
  auto task(std::string name, R (*function)(Args...), source_place where = source_place::current()) {
    return tasks().add(std::move(name), function, where);
  }

  /// The same for a lambda that captures nothing: `app.task("square", [](int x) { return x * x; })`.
  template <class F>
  requires std::is_class_v<F>
  auto task(std::string name, F function, source_place where = source_place::current()) {
    return tasks().add(std::move(name), function, where);
  }

  /// An actor that trees can name; `actor_registry::add` tells what `State` must have. An actor that answers
  /// (show_atom) with a std::string can be shown by scenarios; one that takes (crash_atom) can be crashed by them.
  /// Throws std::invalid_argument for a bad or taken name.
  template <class State>
  void actor(std::string name, std::vector<param_spec> params = detail::parameters_of<State>(),
             source_place where = source_place::current()) {
    actors().add<State>(std::move(name), std::move(params), where);
  }

  /// A type of the program's own that actors send across processes.
  template <class T>
  void message_type(std::string name) {
    announce([name = std::move(name)](caf::actor_system_config& cfg) { port::announce<T>(cfg, name); });
  }

  /// Runs the command line: `run`, `validate`, `actors`, `version`. Returns the exit code of `interfaces`: 0 done, 1
  /// failed tasks, 2 usage, 3 config, 4 gave up, 5 failed start, 7 strict, 70 internal, 130 and 143 stopped by a
  /// signal.
  [[nodiscard]] int main(int argc, char** argv);

  /// Runs `body` with a runtime: for programs that build their tree in C++. Their command line has what `steward run`
  /// has of options: --events FILE, --json, --quiet, --verbose, --seed N (instead of `options.seed`), --color, --dates.
  /// Other options are refused with exit code 2; words that are no options, and all behind `--`, are the program's own.
  /// Returns what `body` returns; 70 when it throws, 5 when there was nothing to make its runtime of. The first SIGINT,
  /// SIGTERM or SIGHUP is `runtime::request_stop`; then 128 + signal is returned, and a body that has not returned
  /// `end_within` after the end of its trees is not waited for. A second signal ends the program at once.
  [[nodiscard]] int run(int argc, char** argv, const std::function<int(runtime&)>& body, runtime_options options = {});

  task_registry& tasks() noexcept;
  actor_registry& actors() noexcept;

private:
  void announce(std::function<void(caf::actor_system_config&)> f);

  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace steward
