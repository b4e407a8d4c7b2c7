#include "steward/cause.hpp"

#include "base/text.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <stdexcept>
#include <string>
#include <typeinfo>

namespace steward_test_types {

struct odd_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct not_an_exception {};
struct silent_error : std::exception {
  const char* what() const noexcept override { return nullptr; }
};

}  // namespace steward_test_types

namespace {

using namespace steward;

TEST(cause, names_every_class_as_events_do) {
  EXPECT_STREQ(to_string(cause_class::none), "none");
  EXPECT_STREQ(to_string(cause_class::exception), "exception");
  EXPECT_STREQ(to_string(cause_class::signal), "signal");
  EXPECT_STREQ(to_string(cause_class::exit), "exit");
  EXPECT_STREQ(to_string(cause_class::deadline), "deadline");
  EXPECT_STREQ(to_string(cause_class::heartbeat), "heartbeat");
  EXPECT_STREQ(to_string(cause_class::memory), "memory");
  EXPECT_STREQ(to_string(cause_class::killed), "killed");
  EXPECT_STREQ(to_string(cause_class::start), "start");
  EXPECT_STREQ(to_string(cause_class::protocol), "protocol");
}

TEST(cause, names_signals_and_numbers_without_a_name) {
  EXPECT_EQ(signal_name(SIGSEGV), "SIGSEGV");
  EXPECT_EQ(signal_name(SIGKILL), "SIGKILL");
  EXPECT_EQ(signal_name(SIGABRT), "SIGABRT");
  EXPECT_EQ(signal_name(99), "signal 99");
  EXPECT_EQ(signal_name(0), "signal 0");
  EXPECT_EQ(signal_name(-1), "signal -1");
}

TEST(cause, demangles_types_and_passes_on_what_is_not_mangled) {
  EXPECT_EQ(demangle(typeid(steward_test_types::odd_error).name()), "steward_test_types::odd_error");
  EXPECT_EQ(demangle("not mangled"), "not mangled");
  EXPECT_EQ(demangle(nullptr), "");
}

TEST(cause, takes_type_and_text_from_an_exception) {
  const auto why = cause_of(std::make_exception_ptr(steward_test_types::odd_error{"boom"}));
  EXPECT_EQ(why.cls, cause_class::exception);
  EXPECT_EQ(why.exception, "steward_test_types::odd_error");
  EXPECT_EQ(why.message, "boom");
  EXPECT_EQ(describe(why), "steward_test_types::odd_error: boom");
}

TEST(cause, takes_an_exception_whose_text_is_null) {
  const auto why = cause_of(std::make_exception_ptr(steward_test_types::silent_error{}));
  EXPECT_EQ(why.exception, "steward_test_types::silent_error");
  EXPECT_EQ(why.message, "");
  EXPECT_EQ(describe(why), "steward_test_types::silent_error");
}

TEST(cause, cuts_a_text_that_is_beyond_all_reason) {
  const auto why = cause_of(std::make_exception_ptr(std::runtime_error(std::string(10'000'000, 'x'))));
  EXPECT_EQ(why.message.size(), max_reason_bytes);
}

TEST(cause, appends_nested_exceptions_and_hides_the_wrapper_of_the_library) {
  cause why;
  try {
    try {
      throw std::invalid_argument{"no such key"};
    } catch (const std::exception&) {
      std::throw_with_nested(steward_test_types::odd_error{"cannot load"});
    }
  } catch (const std::exception&) {
    why = cause_of(std::current_exception());
  }
  EXPECT_EQ(why.exception, "steward_test_types::odd_error");
  EXPECT_EQ(why.message, "cannot load; caused by std::invalid_argument: no such key");
}

TEST(cause, stops_at_a_limit_in_exceptions_that_are_nested_very_deeply) {
  auto problem = std::make_exception_ptr(std::runtime_error{"innermost"});
  for (int i = 0; i < 100; ++i) {
    try {
      try {
        std::rethrow_exception(problem);
      } catch (const std::exception&) {
        std::throw_with_nested(std::runtime_error{"layer"});
      }
    } catch (const std::exception&) {
      problem = std::current_exception();
    }
  }
  const auto why = cause_of(problem);
  EXPECT_EQ(why.message.find("innermost"), std::string::npos);
  EXPECT_LT(why.message.size(), 1000U);
}

TEST(cause, names_the_type_of_what_is_not_a_std_exception) {
  const auto number = cause_of(std::make_exception_ptr(42));
  EXPECT_EQ(number.exception, "unknown exception");
  EXPECT_EQ(number.message, "of type int");
  const auto object = cause_of(std::make_exception_ptr(steward_test_types::not_an_exception{}));
  EXPECT_EQ(describe(object), "unknown exception: of type steward_test_types::not_an_exception");
}

TEST(cause, describes_a_signal_with_its_address_place_and_last_words) {
  cause why;
  why.cls = cause_class::signal;
  why.signal = SIGSEGV;
  why.address = 0x10;
  EXPECT_EQ(describe(why), "SIGSEGV at 0x10");
  why.frames = {"square_of (square.cpp:41)", "main"};
  EXPECT_EQ(describe(why), "SIGSEGV at 0x10 in square_of (square.cpp:41)");

  cause aborted;
  aborted.cls = cause_class::signal;
  aborted.signal = SIGABRT;
  aborted.exception = "std::runtime_error";
  aborted.message = "boom";
  EXPECT_EQ(describe(aborted), "SIGABRT after std::runtime_error: boom");
}

TEST(cause, describes_the_other_classes_in_a_few_words) {
  cause why;
  EXPECT_EQ(describe(why), "ended in order");
  why.cls = cause_class::exit;
  why.code = 3;
  EXPECT_EQ(describe(why), "exit code 3");
  why.cls = cause_class::deadline;
  EXPECT_EQ(describe(why), "ran past its deadline");
  why.cls = cause_class::start;
  why.message = "not ready within 5s";
  EXPECT_EQ(describe(why), "did not start: not ready within 5s");
  why.cls = cause_class::memory;
  why.message.clear();
  EXPECT_EQ(describe(why), "out of memory");
}

}  // namespace
