#include "control/access.hpp"
#include "control/loopback.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace steward::control_api {
namespace {

const loopback_access door{"127.0.0.1", 8080, "0123456789abcdef"};

http_request asked(const std::string& host = "127.0.0.1:8080") {
  http_request out;
  out.method = "GET";
  out.path = "/v1/run";
  out.host = host;
  return out;
}

int status(const http_request& request) {
  const auto problem = door.check(request);
  return problem ? problem->status : 200;
}

TEST(access, needs_the_token_also_to_read) {
  auto request = asked();
  EXPECT_EQ(status(request), 401);
  request.authorization = "Bearer 0123456789abcde0";
  EXPECT_EQ(status(request), 401);
  request.authorization = "Bearer 0123456789abcdef";
  EXPECT_EQ(status(request), 200);
  request.authorization.clear();
  request.cookie = "x=1; steward_8080=0123456789abcdef";
  EXPECT_EQ(status(request), 200);
  request.cookie = "steward_8081=0123456789abcdef";
  EXPECT_EQ(status(request), 401);
}

TEST(access, knows_itself_by_its_own_names_only) {
  for (const char* host : {"127.0.0.1:8080", "localhost:8080", "LOCALHOST:8080"}) {
    auto request = asked(host);
    request.authorization = "Bearer 0123456789abcdef";
    EXPECT_EQ(status(request), 200) << host;
  }
  for (const char* host : {"", "127.0.0.1", "evil.example:8080", "127.0.0.1:8081", "127.0.0.1:8080.evil.example"}) {
    auto request = asked(host);
    request.authorization = "Bearer 0123456789abcdef";
    EXPECT_EQ(status(request), 403) << host;
  }
}

TEST(access, refuses_pages_of_others) {
  for (const char* origin :
       {"http://evil.example", "null", "https://127.0.0.1:8080", "http://127.0.0.1:9", "http://127.0.0.1:8080@evil"}) {
    auto request = asked();
    request.cookie = "steward_8080=0123456789abcdef";
    request.origin = origin;
    EXPECT_EQ(status(request), 403) << origin;
  }
}

TEST(access, takes_a_cookie_for_a_write_only_from_its_own_page) {
  auto request = asked();
  request.method = "POST";
  request.cookie = "steward_8080=0123456789abcdef";
  EXPECT_EQ(status(request), 401) << "who says no origin may be another site's form";
  request.origin = "http://127.0.0.1:8080";
  EXPECT_EQ(status(request), 200);
  request.origin.clear();
  request.authorization = "Bearer 0123456789abcdef";
  EXPECT_EQ(status(request), 200);
}

TEST(access, turns_the_token_of_the_url_into_a_cookie) {
  auto request = asked();
  request.path = "/";
  request.query = {{"token", "0123456789abcdef"}};
  const auto welcome = door.welcome(request);
  ASSERT_TRUE(welcome.has_value());
  EXPECT_EQ(welcome->status, 303);
  std::string cookie;
  for (const auto& [key, value] : welcome->headers)
    if (key == "Set-Cookie") cookie = value;
  EXPECT_EQ(cookie, "steward_8080=0123456789abcdef; Path=/; HttpOnly; SameSite=Lax");
  request.host = "evil.example:8080";
  EXPECT_FALSE(door.welcome(request).has_value());
  request.host = "127.0.0.1:8080";
  request.query = {{"token", "0123456789abcdee"}};
  EXPECT_FALSE(door.welcome(request).has_value());
}

TEST(access, says_where_it_is) {
  EXPECT_EQ(door.address(), "http://127.0.0.1:8080/");
  EXPECT_EQ(loopback_access("::1", 8080, "t").url(), "http://[::1]:8080/?token=t");
}

TEST(loopback, reads_addresses) {
  EXPECT_EQ(loopback_address_of("8080"), (loopback_address{"127.0.0.1", 8080}));
  EXPECT_EQ(loopback_address_of("0"), (loopback_address{"127.0.0.1", 0}));
  EXPECT_EQ(loopback_address_of("localhost:1"), (loopback_address{"127.0.0.1", 1}));
  EXPECT_EQ(loopback_address_of("127.0.0.2:1"), (loopback_address{"127.0.0.2", 1}));
  EXPECT_EQ(loopback_address_of("[::1]:1"), (loopback_address{"::1", 1}));
}

TEST(loopback, refuses_other_interfaces_and_what_is_no_address) {
  for (const char* text : {"0.0.0.0:80", "192.168.1.1:80", "[::]:80", "10.0.0.1:0", "[::ffff:10.0.0.1]:80"}) {
    try {
      loopback_address_of(text);
      ADD_FAILURE() << text;
    } catch (const std::invalid_argument& problem) {
      EXPECT_NE(std::string{problem.what()}.find("loopback"), std::string::npos) << problem.what();
    }
  }
  for (const char* text : {"", ":", "x", "65536", "-1", "127.0.0.1:", "127.0.0.1:http", "example.org:80", "1:2:3"})
    EXPECT_THROW(loopback_address_of(text), std::invalid_argument) << text;
}

TEST(loopback, tells_which_port_it_has_and_that_one_is_taken) {
  const loopback_socket first{{"127.0.0.1", 0}};
  EXPECT_NE(first.at.port, 0);
  try {
    const loopback_socket second{first.at};
    ADD_FAILURE() << "two listen on one port";
  } catch (const std::runtime_error& problem) {
    EXPECT_NE(std::string{problem.what()}.find("in use"), std::string::npos) << problem.what();
  }
}

}  // namespace
}  // namespace steward::control_api
