#include "config/schema.hpp"

#include "config/values.hpp"
#include "steward/spec.hpp"
#include "test_catalog.hpp"

#include <gtest/gtest.h>

#include <set>

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
  expect_same_intensity("intensity", supervisor_spec{}.limit);
  EXPECT_EQ(text_default("supervisor", "strategy"), to_string(supervisor_spec{}.how));
}

TEST(schema, has_the_defaults_of_a_child) {
  const child_spec spec;
  EXPECT_EQ(text_default("child", "restart"), to_string(spec.restart));
  EXPECT_EQ(number_default("child", "shutdown"), spec.shutdown.count());
  EXPECT_EQ(number_default("child", "start_within"), spec.start_within.count());
  expect_same_backoff("backoff", spec.backoff);
}

TEST(schema, has_the_defaults_of_a_pool) {
  const pool_spec spec;
  EXPECT_EQ(text_default("pool", "task"), spec.task);
  EXPECT_EQ(text_default("pool", "runs_in"), "processes");
  EXPECT_EQ(spec.runs_in, rung::process);
  EXPECT_EQ(number_default("pool", "workers"), spec.workers);
  EXPECT_EQ(number_default("pool", "attempts"), spec.attempts);
  EXPECT_EQ(text_default("pool", "on_exception"), "fail");
  EXPECT_EQ(spec.on_exception, exception_policy::fail);
  EXPECT_EQ(number_default("pool", "deadline"), spec.deadline.count());
  EXPECT_EQ(number_default("pool", "queue_limit"), spec.queue_limit);
  EXPECT_EQ(static_cast<std::uint64_t>(number_default("pool", "memory_limit")), spec.memory_limit);
  EXPECT_EQ(number_default("pool", "recycle_after"), spec.recycle_after);
  EXPECT_EQ(number_default("pool", "start_within"), spec.start_within.count());
  EXPECT_EQ(number_default("pool", "shutdown"), spec.shutdown.count());
  EXPECT_TRUE(spec.actors.empty());
  EXPECT_FALSE(find_field("pool", "actors")->fallback);
  expect_same_intensity("worker_restarts", spec.worker_restarts);
  expect_same_backoff("worker_backoff", spec.backoff);
}

TEST(schema, has_the_defaults_of_steps) {
  EXPECT_EQ(text_default("map", "each"), map_step{}.each);
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
    EXPECT_FALSE(one.since.empty()) << one.section << "." << one.key;
    EXPECT_FALSE(expectation(one).empty()) << one.section << "." << one.key;
    EXPECT_FALSE(one.required && one.fallback) << one.section << "." << one.key;
  }
}

TEST(schema, leads_to_every_section_from_the_top) {
  std::set<std::string_view> named{"scenario", "inputs"};
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
  EXPECT_EQ(expectation(*find_field("pool", "deadline")), "a duration such as 200ms or 5s, 0 or from 1ms to 24h");
  EXPECT_EQ(expectation(*find_field("pool", "memory_limit")),
            "a size such as 64MiB or 1GiB, 0 or from 16MiB to 1024GiB");
  EXPECT_EQ(expectation(*find_field("child", "restart")), "permanent, transient or temporary");
}

}  // namespace
}  // namespace steward::config
