#pragma once

#include "support.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <type_traits>
#include <utility>

namespace steward::test {

/// For what pools of threads and of processes have in common.
template <class Pool>
class any_pool : public ::testing::Test {
protected:
  std::unique_ptr<Pool> make(pool_spec spec) {
    auto made = std::make_unique<Pool>(around.environment(), "squares", std::move(spec));
    EXPECT_EQ(made->start(), std::nullopt);
    return made;
  }

  surroundings around;
};

using both = ::testing::Types<thread_pool, process_pool>;
struct pool_names {
  template <class T>
  static std::string GetName(int) {
    return std::is_same_v<T, thread_pool> ? "threads" : "processes";
  }
};

}  // namespace steward::test
