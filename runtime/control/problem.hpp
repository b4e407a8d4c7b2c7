#pragma once

#include "control/http.hpp"

#include <exception>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace steward::control_api {

/// An answer that says what is wrong (RFC 9457): thrown where a request turns out to be none that can be answered.
class http_problem : public std::exception {
public:
  /// `suggestion`: what was probably meant; empty for none.
  http_problem(int status, std::string title, std::string detail = {}, std::string suggestion = {});

  const char* what() const noexcept override { return title_.c_str(); }
  http_response response() const;
  http_problem& with(std::string header, std::string value) {
    headers_.emplace_back(std::move(header), std::move(value));
    return *this;
  }

private:
  int status_;
  std::string title_;
  std::string detail_;
  std::string suggestion_;
  std::vector<std::pair<std::string, std::string>> headers_;
};

/// Refuses parts of a query that a route does not know.
void expect_parameters(const http_request& request, std::span<const std::string> known);

/// The value of a part of the query, decoded; none when it is not there.
std::optional<std::string> text_parameter(const http_request& request, std::string_view name);
std::optional<std::uint64_t> number_parameter(const http_request& request, std::string_view name);

}  // namespace steward::control_api
