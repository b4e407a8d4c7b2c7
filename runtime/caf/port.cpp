#include "steward/port.hpp"

#include <caf/exit_reason.hpp>
#include <caf/pec.hpp>
#include <caf/sec.hpp>

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

}  // namespace steward::port
