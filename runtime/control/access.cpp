#include "control/access.hpp"

#include "control/http_text.hpp"

#include <cstddef>
#include <utility>

namespace steward::control_api {
namespace {

std::string in_url(const std::string& address) {
  return address.find(':') == std::string::npos ? address : "[" + address + "]";
}

std::string lower(std::string_view text) {
  std::string out{text};
  for (auto& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

bool writes(const http_request& request) { return request.method != "GET" && request.method != "HEAD"; }

}  // namespace

loopback_access::loopback_access(std::string address, std::uint16_t port, std::string token)
    : port_(port), token_(std::move(token)) {
  const auto port_text = ":" + std::to_string(port_);
  hosts_.push_back(in_url(address) + port_text);
  hosts_.push_back("localhost" + port_text);
}

std::string loopback_access::address() const { return "http://" + hosts_.front() + "/"; }

std::string loopback_access::url() const { return address() + "?token=" + token_; }

// Cookies do not tell ports apart.
std::string loopback_access::cookie_name() const { return "steward_" + std::to_string(port_); }

bool loopback_access::is_ours(std::string_view host) const {
  const auto name = lower(host);
  for (const auto& one : hosts_)
    if (one == name) return true;
  return false;
}

bool loopback_access::has_token(const http_request& request) const {
  constexpr std::string_view bearer = "Bearer ";
  const std::string_view given = request.authorization;
  if (given.starts_with(bearer)) return same_secret(given.substr(bearer.size()), token_);
  // A cookie is sent along whoever made the browser ask; of a write it must say who that was.
  if (writes(request) && request.origin.empty()) return false;
  const auto kept = cookie_of(request.cookie, cookie_name());
  return kept && same_secret(*kept, token_);
}

std::optional<refusal> loopback_access::check(const http_request& request) const {
  constexpr std::string_view scheme = "http://";
  if (!is_ours(request.host))
    return refusal{403, "the host '" + request.host + "' is not this server; use " + hosts_.front()};
  if (!request.origin.empty()) {
    const std::string_view origin = request.origin;
    if (!origin.starts_with(scheme) || !is_ours(origin.substr(scheme.size())))
      return refusal{403, "pages of '" + request.origin + "' may not ask this server"};
  }
  if (!has_token(request))
    return refusal{401,
                   "the token is missing: open the URL that the program has printed, or send its token as "
                   "'Authorization: Bearer TOKEN'"};
  return std::nullopt;
}

std::optional<http_response> loopback_access::welcome(const http_request& request) const {
  const auto given = request.parameter("token");
  if (!given || request.method != "GET" || request.path != "/") return std::nullopt;
  if (!is_ours(request.host) || !same_secret(*given, token_)) return std::nullopt;
  http_response out;
  out.status = 303;
  out.type = "text/plain; charset=utf-8";
  out.body = "see /\n";
  out.headers.emplace_back("Location", "/");
  // Not Strict: a browser would not send it behind this redirection when the URL was clicked on a page of another site.
  out.headers.emplace_back("Set-Cookie", cookie_name() + "=" + token_ + "; Path=/; HttpOnly; SameSite=Lax");
  return out;
}

void add_safety_headers(http_response& to) {
  to.headers.emplace_back("Cache-Control", "no-store");
  to.headers.emplace_back("X-Content-Type-Options", "nosniff");
  to.headers.emplace_back("Referrer-Policy", "no-referrer");
  to.headers.emplace_back("Cross-Origin-Resource-Policy", "same-origin");
  to.headers.emplace_back("Content-Security-Policy",
                          "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
}

}  // namespace steward::control_api
