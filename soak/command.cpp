#include "soak/command.hpp"

#include "cli/exit_codes.hpp"
#include "cli/number_option.hpp"
#include "observe/standard_streams.hpp"
#include "soak/checker.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <exception>
#include <fstream>
#include <limits>

namespace steward::soak {

namespace {

int check_file(const std::string& file, bool as_json) {
  std::ifstream in(file);
  if (!in) {
    standard_streams::say("steward: " + file + " cannot be read\n");
    return cli::exit_usage;
  }
  const auto v = check(in);
  standard_streams::print(as_json ? render_json(v) + "\n" : render(v));
  return v.problem_count == 0 ? cli::exit_done : cli::exit_failed;
}

int show(const comparison& c, const options& what, bool as_json) {
  const auto text = as_json ? fmt::format(
                                  "{{\"slices\":{},\"without\":{:.1f},\"with\":{:.1f},\"ratio\":{:.4f},"
                                  "\"faults\":{},\"faults_per_second\":{:.1f}}}\n",
                                  c.slices, c.without, c.with, c.ratio, c.faults, c.fault_rate)
                            : fmt::format(
                                  "{} pairs of slices, {} workers\n"
                                  "without faults      {:8.0f} tasks/s\n"
                                  "with {:5.1f} faults/s {:8.0f} tasks/s\n"
                                  "throughput kept     {:8.1f} % (median of the pairs; {} faults)\n",
                                  c.slices, what.workers, c.without, c.fault_rate, c.with, 100 * c.ratio, c.faults);
  standard_streams::print(text);
  return c.slices > 0 && c.ratio > 0 ? cli::exit_done : cli::exit_failed;
}

}  // namespace

void command::add_to(CLI::App& app) {
  soak_ =
      app.add_subcommand("soak", "Run a pool for long while seeded faults hit it, and check what became of each task");
  soak_->add_option("--seed", options_.seed, "of the faults")
      ->check(cli::whole_number(0, std::numeric_limits<std::int64_t>::max()));
  soak_->add_option("--seconds", options_.seconds, "how long; a busy machine takes longer")
      ->check(cli::real_number(1.0, 1e6));
  auto* rate = soak_->add_option("--faults-per-second", options_.faults_per_second, "on average");
  rate->check(cli::real_number(0.0, 1e4));
  soak_->add_option("--workers", options_.workers, "of the pool")->check(cli::whole_number(1, 1'000));
  soak_->add_option("--in-flight", options_.in_flight, "tasks open at a time")->check(cli::whole_number(1, 1'000'000));
  soak_->add_option("--tasks", options_.tasks, "in all")->check(cli::whole_number(100, 100'000'000));
  soak_->add_option("--spin-us", options_.spin_us, "work of a task, in microseconds")
      ->check(cli::whole_number(0, 100'000));
  soak_->add_option("--deadline-ms", options_.deadline_ms, "of a task")->check(cli::whole_number(50, 60'000));
  soak_->add_option("--heartbeat-ms", options_.heartbeat_ms, "until a stopped worker is found out")
      ->check(cli::whole_number(10, 60'000));
  soak_->add_option("--history", options_.history, "file that is written, and judged at the end");
  soak_->add_flag("--compare", compare_, "instead: slices with and without faults in turns, as fast as they go");
  soak_->add_flag("--json", json_, "the verdict as JSON");
  check_ = app.add_subcommand("soak-check", "Judge the history of a soak by itself alone");
  check_->add_option("FILE", file_, "written by soak --history")->required();
  check_->add_flag("--json", json_, "the verdict as JSON");
}

bool command::parsed() const { return soak_->parsed() || check_->parsed(); }

int command::run() const {
  if (check_->parsed()) return check_file(file_, json_);
  try {
    return soak();
  } catch (const std::exception& problem) {
    standard_streams::say(fmt::format("steward: soak: {}\n", problem.what()));
    finish();
    return cli::exit_start_failed;
  }
}

int command::soak() const {
  // First of all, so that a run that ends badly can be repeated.
  const auto seed = fmt::format("seed {}\n", options_.seed);
  json_ ? standard_streams::say(seed) : standard_streams::print(seed);
  if (!prepare()) {
    standard_streams::say("steward: soak needs the zygote, which cannot be started here\n");
    finish();
    return cli::exit_start_failed;
  }
  if (compare_) {
    auto what = options_;
    what.faults_per_second = soak_->count("--faults-per-second") > 0 ? what.faults_per_second : 20;
    const auto c = compare(what);
    finish();
    return show(c, what, json_);
  }
  const bool written = soak::run(options_);
  finish();
  return written ? check_file(options_.history, json_) : cli::exit_start_failed;
}

}  // namespace steward::soak
