#include "command/lines.hpp"

#include <algorithm>
#include <utility>

namespace steward::command {

namespace {
constexpr std::chrono::seconds window{1};
}

bool line_meter::take(time_point now) {
  if (most_ == 0) return false;  // none is wanted, and so none is missed
  if (!until_ || (now >= *until_ && left_out_ == 0)) {
    until_ = now + window;
    told_ = 0;
  }
  if (now < *until_ && told_ < most_) {
    ++told_;
    return true;
  }
  ++left_out_;
  return false;
}

std::uint64_t line_meter::left_out(time_point now, bool last) {
  if (left_out_ == 0 || (!last && now < *until_)) return 0;
  until_.reset();
  return std::exchange(left_out_, 0);
}

std::optional<time_point> line_meter::next_due() const { return left_out_ > 0 ? until_ : std::nullopt; }

void line_source::add(std::string_view text, const teller& tell) {
  while (!text.empty()) {
    const auto end = text.find('\n');
    auto part = text.substr(0, end);
    const bool whole = end != std::string_view::npos;
    text.remove_prefix(whole ? end + 1 : text.size());
    if (whole && begun_.empty() && cut_ == 0 && part.size() <= most_) {
      if (part.ends_with('\r')) part.remove_suffix(1);
      if (!part.empty()) tell(part, 0);
      continue;
    }
    const auto room = std::min(part.size(), most_ - begun_.size());
    begun_.append(part.substr(0, room));
    cut_ += part.size() - room;
    if (whole) tell_begun(tell);
  }
}

void line_source::end(const teller& tell) { tell_begun(tell); }

void line_source::tell_begun(const teller& tell) {
  if (cut_ == 0 && begun_.ends_with('\r')) begun_.pop_back();
  if (!begun_.empty()) tell(begun_, cut_);
  begun_.clear();
  cut_ = 0;
}

void line_tail::add(std::string_view line) {
  if (lines_.size() == max_lines) lines_.pop_front();
  lines_.emplace_back(line.substr(0, max_line_bytes));
}

}  // namespace steward::command
