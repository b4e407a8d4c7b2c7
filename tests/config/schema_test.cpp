#include "config/schema.hpp"

#include "config/values.hpp"
#include "steward/spec.hpp"
#include "test_catalog.hpp"

#include <gtest/gtest.h>

#include <set>
#include <tuple>

namespace steward::config {
namespace {

std::int64_t number_default(std::string_view section, std::string_view key) {
  const field* of = find_field(section, key);
  const auto text = of->fallback.value();
  if (of->kind == value_kind::duration) {
    return std::get<milliseconds>(parse_duration(text)).count();
  }
  return std::get<std::int64_t>(of->kind == value_kind::size ? parse_size(text) : parse_integer(text));
}

double real_default(std::string_view section, std::string_view key) {
  return std::get<double>(parse_real(find_field(section, key)->fallback.value()));
}

std::string_view text_default(std::string_view section, std::string_view key) {
  return find_field(section, key)->fallback.value();
}

void expect_same_backoff(std::string_view section, const backoff_spec& spec) {
  EXPECT_EQ(number_default(section, "min"), spec.min.count());
  EXPECT_EQ(number_default(section, "max"), spec.max.count());
  EXPECT_EQ(real_default(section, "factor"), spec.factor);
  EXPECT_EQ(real_default(section, "jitter"), spec.jitter);
  EXPECT_EQ(number_default(section, "healthy"), spec.healthy.count());
}

void expect_same_intensity(std::string_view section, const intensity& spec) {
  EXPECT_EQ(number_default(section, "restarts"), spec.restarts);
  EXPECT_EQ(number_default(section, "within"), spec.within.count());
}

TEST(schema, has_the_defaults_of_a_supervisor) {
  expect_same_intensity("intensity", supervisor_spec{}.intensity);
  const supervisor_spec spec;
  EXPECT_EQ(text_default("supervisor", "strategy"), to_string(spec.strategy));
  EXPECT_EQ(text_default("supervisor", "auto_shutdown"), to_string(spec.auto_shutdown));
  EXPECT_EQ(number_default("supervisor", "initial"), spec.initial);
  EXPECT_EQ(number_default("supervisor", "partitions"), spec.partitions);
  EXPECT_EQ(number_default("supervisor", "max_children"), spec.max_children);
}

TEST(schema, has_the_defaults_of_a_child) {
  const child_spec spec;
  EXPECT_EQ(text_default("child", "restart"), to_string(spec.restart));
  EXPECT_EQ(find_field("child", "shutdown")->fallback.has_value(), spec.shutdown.has_value());
  EXPECT_EQ(find_field("child", "start_within")->fallback.has_value(), spec.start_within.has_value());
  expect_same_backoff("backoff", spec.backoff);
  EXPECT_EQ(text_default("child", "significant"), spec.significant ? "true" : "false");
  EXPECT_EQ(find_field("child", "intensity")->fallback.has_value(), spec.intensity.has_value());
  EXPECT_EQ(text_default("child", "on_spent"), to_string(spec.on_spent));
  EXPECT_EQ(number_default("child", "park_for"), spec.park_for.count());
  EXPECT_EQ(number_default("child", "start_retries"), spec.start_retries);
  EXPECT_EQ(number_default("child", "partitions"), spec.partitions);
  EXPECT_EQ(number_default("mailbox", "limit"), spec.mailbox.limit);
  EXPECT_EQ(text_default("mailbox", "overflow"), to_string(spec.mailbox.overflow));
  EXPECT_EQ(number_default("child", "hang_after"), spec.hang_after.count());
  EXPECT_EQ(text_default("child", "on_hang"), to_string(spec.on_hang));
  EXPECT_EQ(text_default("child", "on_stop"), to_string(spec.on_stop));
  EXPECT_EQ(text_default("child", "runs_in"), to_string(spec.runs_in));
  EXPECT_EQ(number_default("process", "memory_limit"), static_cast<std::int64_t>(spec.process.memory_limit));
  EXPECT_EQ(number_default("process", "cpu_limit"), spec.process.cpu_limit.count());
  EXPECT_EQ(number_default("process", "open_files"), spec.process.open_files);
  EXPECT_EQ(text_default("process", "sandbox"), to_string(spec.process.sandbox));
  EXPECT_EQ(spec.redeliver, 0U) << "which is on_crash: drop";
}

// The words of a choice are those of its enumeration, in order.
template <class T>
void expect_same_words(std::string_view section, std::string_view key, T last) {
  std::vector<std::string> words;
  for (int i = 0; i <= static_cast<int>(last); ++i) {
    words.emplace_back(to_string(static_cast<T>(i)));
  }
  EXPECT_EQ(find_field(section, key)->allowed, words) << section << "." << key;
}

TEST(schema, has_the_words_of_every_enumeration) {
  expect_same_words("supervisor", "strategy", strategy::simple_one_for_one);
  expect_same_words("supervisor", "auto_shutdown", auto_shutdown::all_significant);
  expect_same_words("child", "restart", restart_type::temporary);
  expect_same_words("child", "on_spent", spent_policy::end);
  expect_same_words("child", "on_hang", hang_policy::kill);
  expect_same_words("child", "runs_in", rung::process);
  expect_same_words("process", "sandbox", sandbox_level::strict);
  expect_same_words("child", "on_stop", stop_policy::drain);
  expect_same_words("mailbox", "overflow", overflow_policy::give_back);
}

// The ranges of the schema that `validate` has as well: its own must not be the narrower ones, or there would be values
// that the schema promises and the tree refuses.
TEST(schema, allows_no_more_than_trees_in_cpp_may_have) {
  supervisor_spec tree;
  tree.strategy = strategy::simple_one_for_one;
  tree.initial = static_cast<unsigned>(*find_field("supervisor", "initial")->max);
  tree.partitions = static_cast<unsigned>(*find_field("supervisor", "partitions")->max);
  tree.max_children = static_cast<unsigned>(*find_field("supervisor", "max_children")->max);
  tree.intensity.within = milliseconds{*find_field("intensity", "within")->max};
  child_spec child;
  child.id = "c";
  child.what = actor_spec{"counter", {}};
  child.redeliver = static_cast<unsigned>(*find_field("on_crash", "redeliver")->max);
  child.mailbox.limit = static_cast<unsigned>(*find_field("mailbox", "limit")->min);
  child.hang_after = milliseconds{*find_field("child", "hang_after")->max};
  child.shutdown = milliseconds{*find_field("child", "shutdown")->min};
  child.start_within = milliseconds{*find_field("child", "start_within")->min};
  child.backoff.factor = static_cast<double>(*find_field("backoff", "factor")->max);
  child.backoff.jitter = static_cast<double>(*find_field("backoff", "jitter")->max);
  tree.children = {child};
  EXPECT_TRUE(validate(tree).empty());
  pool_spec largest;
  pool_spec smallest;
  for (const auto& [section, key, set] :
       std::vector<std::tuple<const char*, const char*, void (*)(pool_spec&, std::int64_t)>>{
           {"pool", "workers", [](auto&x, auto n) { x.size.workers = static_cast<unsigned>(n); }},
           {"pool", "attempts", [](auto&x, auto n) { x.limits.attempts = static_cast<unsigned>(n); }},
           {"pool", "queue_limit", [](auto&x, auto n) { x.limits.queue_limit = static_cast<unsigned>(n); }},
           {"pool", "memory_limit", [](auto&x, auto n) { x.process.memory_limit = static_cast<std::uint64_t>(n); }},
           {"pool", "recycle_after", [](auto&x, auto n) { x.restarts.recycle_after = static_cast<unsigned>(n); }},
           {"pool", "spares", [](auto&x, auto n) { x.size.spares = static_cast<unsigned>(n); }},
           {"pool", "idle_exit", [](auto&x, auto n) { x.size.idle_exit = milliseconds{n}; }},
           {"pool", "grace", [](auto&x, auto n) { x.limits.grace = milliseconds{n}; }},
           {"pool", "heartbeat", [](auto&x, auto n) { x.limits.heartbeat = milliseconds{n}; }},
           {"pool", "chunk", [](auto&x, auto n) { x.chunk = static_cast<unsigned>(n); }},
           {"pool", "cpu_limit", [](auto&x, auto n) { x.process.cpu_limit = milliseconds{n}; }},
           {"pool", "open_files", [](auto&x, auto n) { x.process.open_files = static_cast<unsigned>(n); }},
           {"pool", "recycle_memory",
            [](auto&x, auto n) { x.restarts.recycle_memory = static_cast<std::uint64_t>(n); }},
           {"pool", "deadline", [](auto&x, auto n) { x.limits.deadline = milliseconds{n}; }},
           {"pool", "start_within", [](auto&x, auto n) { x.limits.start_within = milliseconds{n}; }},
           {"pool", "shutdown", [](auto&x, auto n) { x.limits.shutdown = milliseconds{n}; }},
       }) {
    set(largest, *find_field(section, key)->max);
    set(smallest, *find_field(section, key)->min);
  }
  for (const auto& one : {largest, smallest}) {
    child = {};
    child.id = "p";
    child.what = one;
    tree = {};
    tree.children = {child};
    EXPECT_TRUE(validate(tree).empty());
  }
}

TEST(schema, calls_children_as_trees_in_cpp_do) {
  for (const std::string& id :
       {std::string{"a"}, std::string{"_"}, std::string{"9"}, std::string{"-"}, std::string{"."}, std::string{"a.b-c"},
        std::string{"a/b"}, std::string{" "}, std::string(64, 'x'), std::string(65, 'x'), std::string{"\xc3\xa4"}}) {
    supervisor_spec tree;
    child_spec child;
    child.id = id;
    child.what = actor_spec{"counter", {}};
    tree.children = {child};
    EXPECT_EQ(validate(tree).empty(), is_valid_name(id)) << id;
  }
}

TEST(schema, has_the_defaults_of_a_pool) {
  const pool_spec spec;
  EXPECT_EQ(text_default("pool", "task"), spec.task);
  EXPECT_EQ(text_default("pool", "runs_in"), "processes");
  EXPECT_EQ(spec.runs_in, rung::process);
  EXPECT_EQ(number_default("pool", "workers"), spec.size.workers);
  EXPECT_EQ(number_default("pool", "attempts"), spec.limits.attempts);
  EXPECT_EQ(text_default("pool", "on_exception"), "fail");
  EXPECT_EQ(spec.on_exception, exception_policy::fail);
  EXPECT_EQ(number_default("pool", "deadline"), spec.limits.deadline.count());
  EXPECT_FALSE(find_field("pool", "min_workers")->fallback);
  EXPECT_FALSE(spec.size.min_workers);
  EXPECT_EQ(number_default("pool", "max_workers"), spec.size.max_workers);
  EXPECT_EQ(number_default("pool", "idle_exit"), spec.size.idle_exit.count());
  EXPECT_EQ(number_default("pool", "spares"), spec.size.spares);
  EXPECT_EQ(number_default("pool", "soft_deadline"), spec.limits.soft_deadline.count());
  EXPECT_EQ(number_default("pool", "grace"), spec.limits.grace.count());
  EXPECT_EQ(number_default("pool", "heartbeat"), spec.limits.heartbeat.count());
  EXPECT_EQ(text_default("pool", "on_full"), to_string(spec.limits.on_full));
  EXPECT_EQ(number_default("pool", "chunk"), spec.chunk);
  EXPECT_EQ(number_default("pool", "cpu_limit"), spec.process.cpu_limit.count());
  EXPECT_EQ(number_default("pool", "open_files"), spec.process.open_files);
  EXPECT_EQ(static_cast<std::uint64_t>(number_default("pool", "recycle_memory")), spec.restarts.recycle_memory);
  EXPECT_EQ(text_default("pool", "initializer"), spec.initializer);
  EXPECT_TRUE(spec.initializer_args.empty());
  EXPECT_EQ(text_default("pool", "sandbox"), to_string(spec.process.sandbox));
  EXPECT_EQ(text_default("pool", "working_directory"), spec.process.working_directory);
  EXPECT_TRUE(spec.process.environment.empty());
  EXPECT_EQ(number_default("pool", "queue_limit"), spec.limits.queue_limit);
  EXPECT_EQ(static_cast<std::uint64_t>(number_default("pool", "memory_limit")), spec.process.memory_limit);
  EXPECT_EQ(number_default("pool", "recycle_after"), spec.restarts.recycle_after);
  EXPECT_EQ(number_default("pool", "start_within"), spec.limits.start_within.count());
  EXPECT_EQ(number_default("pool", "shutdown"), spec.limits.shutdown.count());
  EXPECT_TRUE(spec.actors.empty());
  EXPECT_FALSE(find_field("pool", "actors")->fallback);
  expect_same_intensity("worker_restarts", spec.restarts.worker_restarts);
  expect_same_backoff("worker_backoff", spec.restarts.worker_backoff);
}

TEST(schema, has_the_defaults_of_steps) {
  EXPECT_EQ(text_default("map", "each"), map_step{}.each);
  EXPECT_EQ(number_default("map", "chunk"), map_step{}.chunk);
  EXPECT_EQ(number_default("map", "priority"), map_step{}.priority);
  EXPECT_EQ(number_default("map", "window"), map_step{}.window);
  EXPECT_EQ(number_default("map", "within"), map_step{}.within.count());
  EXPECT_EQ(text_default("map", "order"), map_step{}.as_completed ? "completion" : "inputs");
  EXPECT_FALSE(find_field("resize", "min_workers")->fallback);
  EXPECT_FALSE(resize_step{}.min_workers);
  EXPECT_EQ(number_default("resize", "within"), resize_step{}.within.count());
  EXPECT_EQ(text_default("map", "on_failure"), to_string(map_step{}.on_failure));
  EXPECT_EQ(text_default("map", "progress"), map_step{}.progress ? "true" : "false");
  EXPECT_EQ(number_default("wait_for", "within"), wait_step{}.within.count());
  EXPECT_EQ(text_default("work", "contain"), compare_work{}.contain ? "true" : "false");
  EXPECT_EQ(text_default("compare", "ratio"), compare_step{}.ratio);
  EXPECT_EQ(static_cast<std::uint64_t>(number_default("scenario", "seed")), scenario{}.seed);
}

TEST(schema, documents_every_field_once) {
  std::set<std::pair<std::string_view, std::string_view>> seen;
  for (const auto& one : schema()) {
    EXPECT_TRUE(seen.emplace(one.section, one.key).second) << one.section << "." << one.key;
    EXPECT_TRUE(one.doc.ends_with('.')) << one.section << "." << one.key;
    EXPECT_FALSE(expectation(one).empty()) << one.section << "." << one.key;
    EXPECT_FALSE(one.required && one.fallback) << one.section << "." << one.key;
  }
}

TEST(schema, leads_to_every_section_from_the_top) {
  std::set<std::string_view> named{"scenario", "inputs", "on_crash"};
  std::set<std::string_view> described;
  for (const auto& one : schema()) {
    described.insert(one.section);
    const bool has_section = one.kind == value_kind::section || one.kind == value_kind::sections;
    EXPECT_EQ(has_section, !one.nested.empty()) << one.section << "." << one.key;
    if (has_section) {
      named.insert(one.nested);
    }
  }
  EXPECT_EQ(named, described);
}

TEST(schema, gives_every_number_a_range_and_every_choice_its_words) {
  for (const auto& one : schema()) {
    const bool is_number = one.kind == value_kind::integer || one.kind == value_kind::integers ||
                           one.kind == value_kind::real || one.kind == value_kind::duration ||
                           one.kind == value_kind::size;
    EXPECT_EQ(is_number, one.min && one.max) << one.section << "." << one.key;
    const bool is_choice = one.kind == value_kind::choice || one.kind == value_kind::choices;
    EXPECT_EQ(is_choice, !one.allowed.empty()) << one.section << "." << one.key;
  }
}

TEST(schema, finds_no_field_that_is_not_there) {
  EXPECT_EQ(find_field("pool", "wrokers"), nullptr);
  EXPECT_EQ(find_field("nowhere", "workers"), nullptr);
  EXPECT_TRUE(fields_of("nowhere").empty());
}

TEST(schema, says_what_a_user_may_write) {
  EXPECT_EQ(expectation(*find_field("pool", "workers")), "an integer from 1 to 1024");
  EXPECT_EQ(expectation(*find_field("pool", "deadline")), "a duration such as 200ms or 5s, 0s or from 1ms to 24h");
  EXPECT_EQ(expectation(*find_field("pool", "memory_limit")),
            "a size such as 64MiB or 1GiB, 0B or from 16MiB to 1024GiB");
  EXPECT_EQ(expectation(*find_field("child", "restart")), "permanent, transient or temporary");
  EXPECT_EQ(expectation(*find_field("child", "shutdown")),
            "a duration such as 200ms or 5s from 0ms to 1h or brutal_kill or infinity");
  EXPECT_EQ(expectation(*find_field("supervisor", "partitions")), "an integer, 0 or from 1 to 1024 or per_core");
}

}  // namespace
}  // namespace steward::config
