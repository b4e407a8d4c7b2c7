#include "steward/port.hpp"
#include "steward/detail/time_limit.hpp"

#include <caf/exit_reason.hpp>
#include <caf/pec.hpp>
#include <caf/sec.hpp>

#include <algorithm>

namespace steward::port {

std::vector<std::string> details_of(const caf::error& e) {
  std::vector<std::string> out;
  const auto& context = e.context();
  for (std::size_t i = 0; i < context.size(); ++i)
    if (context.match_element<std::string>(i)) out.push_back(context.get_as<std::string>(i));
  return out;
}

std::string render(const caf::error& e) {
  std::string out;
  if (e.category() == caf::atom("system"))
    out = to_string(static_cast<caf::sec>(e.code()));
  else if (e.category() == caf::atom("exit"))
    out = to_string(static_cast<caf::exit_reason>(e.code()));
  else if (e.category() == caf::atom("parser"))
    out = to_string(static_cast<caf::pec>(e.code()));
  else
    out = to_string(e.category()) + " " + std::to_string(e.code());
  for (const auto& detail : details_of(e)) out += ": " + detail;
  return out;
}

caf::mailbox_element_ptr blocking_asker::await(caf::message_id response, std::chrono::milliseconds timeout) {
  using std::chrono::steady_clock;
  // CAF waits by a clock that people may set: in small steps no jump of it does much harm.
  constexpr std::chrono::milliseconds step{500};
  const auto deadline = detail::later(steady_clock::now(), timeout);
  const bool limited = deadline != steady_clock::time_point::max();
  for (;;) {
    if (limited) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - steady_clock::now());
      const auto wait = std::clamp(left, std::chrono::milliseconds{0}, step);
      if (!self_->await_data(std::chrono::high_resolution_clock::now() + wait)) {
        if (left <= step) return nullptr;
        continue;
      }
    }
    auto next = self_->dequeue();
    if (next->mid == response) return next;
  }
}

}  // namespace steward::port
