#include "actor_system/request_deadlines.hpp"

namespace steward::port {

void request_deadlines::keep(const std::vector<std::uint64_t>& awaited) {
  constexpr std::size_t growth = 4;  // seldom is cheap: an entry has 16 bytes
  std::erase_if(heap_, [&](const auto& x) { return !std::binary_search(awaited.begin(), awaited.end(), x.response); });
  std::make_heap(heap_.begin(), heap_.end());
  crowded_above_ = room + growth * heap_.size();
}

std::optional<std::uint64_t> request_deadlines::take_due(time_point now) {
  if (heap_.empty() || heap_.front().at > now) return std::nullopt;
  const auto response = heap_.front().response;
  std::pop_heap(heap_.begin(), heap_.end());
  heap_.pop_back();
  return response;
}

std::optional<request_deadlines::time_point> request_deadlines::earliest() const {
  if (heap_.empty()) return std::nullopt;
  return heap_.front().at;
}

}  // namespace steward::port
