#pragma once

#include "control/http.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace steward::control_api {

/// Why somebody may not in; `status` is 401 or 403.
struct refusal {
  int status = 403;
  std::string why;
};

/// Who may use the loopback listener: whoever has the token of the printed URL, from a page of this very server or from
/// no page at all. What a browser sends is checked against what another site could make it send (DNS rebinding, forged
/// requests). Pure; immutable.
class loopback_access {
public:
  /// `address` without brackets.
  loopback_access(std::string address, std::uint16_t port, std::string token);

  /// "http://127.0.0.1:8080/".
  std::string address() const;
  /// "http://127.0.0.1:8080/?token=...", for people.
  std::string url() const;
  std::string cookie_name() const;
  const std::string& token() const noexcept { return token_; }

  /// None when it may in.
  std::optional<refusal> check(const http_request& request) const;
  /// For the first call with the token in the URL: leads to the same page without it, and leaves the cookie.
  std::optional<http_response> welcome(const http_request& request) const;

private:
  bool is_ours(std::string_view host) const;
  bool has_token(const http_request& request) const;

  std::uint16_t port_;
  std::string token_;
  std::vector<std::string> hosts_;  // what we are called by; the first one in the URL
};

/// What every answer bears, so that a browser does nothing with it but show it to whoever asked.
void add_safety_headers(http_response& to);

}  // namespace steward::control_api
