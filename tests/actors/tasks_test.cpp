#include "actors/tasks.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <stdexcept>
#include <string>

#include <gmp.h>

namespace {

using namespace steward;
using namespace steward::ready_made;

TEST(square, squares) {
  for (std::int64_t n = -10; n <= 10; ++n) EXPECT_EQ(square(n), n * n);
  EXPECT_EQ(square(3'037'000'499), 9'223'372'030'926'249'001);
}

TEST(square, says_that_a_result_does_not_fit_instead_of_giving_a_wrong_one) {
  for (const std::int64_t n : {std::int64_t{3'037'000'500}, std::int64_t{-3'037'000'500},
                               std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min()}) {
    try {
      square(n);
      ADD_FAILURE() << n;
    } catch (const std::overflow_error& problem) {
      EXPECT_NE(std::string{problem.what()}.find(std::to_string(n)), std::string::npos) << problem.what();
    }
  }
}

TEST(factorial, is_exact_for_small_numbers) {
  EXPECT_EQ(factorial(0), "1");
  EXPECT_EQ(factorial(1), "1");
  EXPECT_EQ(factorial(10), "3628800");
  EXPECT_EQ(factorial(20), "2432902008176640000");
  EXPECT_EQ(factorial(25), "15511210043330985984000000");
}

TEST(factorial, of_a_hundred_thousand_is_the_product_of_its_factors) {
  mpz_t product;
  mpz_t parsed;
  mpz_init_set_ui(product, 1);
  for (unsigned long n = 2; n <= 100'000; ++n) mpz_mul_ui(product, product, n);
  const auto digits = factorial(100'000);
  EXPECT_EQ(digits.size(), 456'574U);
  ASSERT_EQ(mpz_init_set_str(parsed, digits.c_str(), 10), 0);
  EXPECT_EQ(mpz_cmp(product, parsed), 0);
  mpz_clear(product);
  mpz_clear(parsed);
}

TEST(factorial, refuses_what_is_above_its_limit) { EXPECT_THROW(factorial(max_factorial + 1), std::out_of_range); }

TEST(count_primes, counts) {
  EXPECT_EQ(count_primes(0), 0U);
  EXPECT_EQ(count_primes(10), 4U);
  EXPECT_EQ(count_primes(1000), 168U);
}

TEST(square_unless, fails_in_the_first_attempt_only) {
  task_context context;
  EXPECT_THROW(square_unless(context, 3, "exception"), std::runtime_error);
  context.attempt = 2;
  EXPECT_EQ(square_unless(context, 3, "exception"), 9);
  context.attempt = 1;
  EXPECT_EQ(square_unless(context, 3, "none"), 9);
  EXPECT_THROW(square_unless(context, 3, "earthquake"), std::invalid_argument);
}

}  // namespace
