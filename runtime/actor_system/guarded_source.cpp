#include "actor_system/guarded_source.hpp"

#include <caf/sec.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

namespace steward::port {

namespace {

// Of the stack, for values within values. A level of nesting takes a few hundred bytes.
constexpr std::size_t max_stack_bytes = std::size_t{128} * 1024;
// Each piece (a text, a list) takes memory that its bytes on the wire do not show.
constexpr std::size_t max_pieces = std::size_t{4} * 1024 * 1024;

constexpr std::array<std::string_view, 8> control_types{"@down",       "@downstream_msg",  "@exit",    "@group",
                                                        "@group_down", "@open_stream_msg", "@timeout", "@upstream_msg"};

const char* here() noexcept { return static_cast<const char*>(__builtin_frame_address(0)); }

}  // namespace

bool is_control_type(std::string_view name) noexcept {
  return std::find(control_types.begin(), control_types.end(), name) != control_types.end();
}

guarded_source::guarded_source(caf::execution_unit* context, std::span<const std::byte> bytes)
    : deserializer(context), in_(context, reinterpret_cast<const char*>(bytes.data()), bytes.size()), base_(here()) {}

caf::error guarded_source::noted(caf::error problem) {
  if (problem && !problem_) problem_ = problem;
  return problem;
}

caf::error guarded_source::refuse(const char* why) {
  return noted(caf::make_error(caf::sec::invalid_argument, std::string{why}));
}

bool guarded_source::too_deep() const noexcept {
  const char* now = here();
  return static_cast<std::size_t>(now < base_ ? base_ - now : now - base_) > max_stack_bytes;
}

caf::error guarded_source::begin_object(std::uint16_t& number, std::string& name) {
  if (too_deep()) return refuse("values that are nested too deeply");
  if (auto problem = apply_impl(number)) return problem;
  if (number != 0) return caf::none;
  if (auto problem = apply_impl(name)) return problem;
  for (std::string_view rest = name; !rest.empty();) {  // a message within a message: "@<>+a type+another"
    const auto one = rest.substr(0, rest.find('+'));
    if (is_control_type(one)) return refuse("a control message");
    rest.remove_prefix(std::min(rest.size(), one.size() + 1));
  }
  return caf::none;
}

caf::error guarded_source::begin_sequence(std::size_t& count) {
  if (too_deep()) return refuse("values that are nested too deeply");
  if (++pieces_ > max_pieces) return refuse("a message of too many pieces");
  count = 0;
  std::uint8_t low = 0x80;
  for (unsigned shift = 0; (low & 0x80U) != 0; shift += 7) {
    if (shift > 28) return refuse("a length that is none");
    if (auto problem = apply_impl(low)) return problem;
    count |= std::size_t{low & 0x7FU} << shift;
  }
  // Nothing is smaller than the bits of a list of them.
  if (count / 8 > in_.remaining()) return noted(caf::sec::end_of_stream);
  return caf::none;
}

caf::error guarded_source::apply_impl(std::string& x) {
  std::size_t size = 0;
  if (auto problem = begin_sequence(size)) return problem;
  if (size > in_.remaining()) return noted(caf::sec::end_of_stream);
  x.assign(reinterpret_cast<const char*>(in_.remainder().data()), size);
  in_.skip(size);
  return caf::none;
}

template <class Unit, class Text>
caf::error guarded_source::read_wide(Text& out) {
  std::size_t size = 0;
  if (auto problem = begin_sequence(size)) return problem;
  if (size > in_.remaining() / sizeof(Unit)) return noted(caf::sec::end_of_stream);
  out.clear();
  for (std::size_t i = 0; i < size; ++i) {
    Unit one{};
    if (auto problem = apply_impl(one)) return problem;
    out.push_back(static_cast<typename Text::value_type>(one));
  }
  return caf::none;
}

caf::error guarded_source::apply_impl(long double& x) {
  std::string text;  // as CAF writes it
  if (auto problem = apply_impl(text)) return problem;
  x = std::strtold(text.c_str(), nullptr);
  return caf::none;
}

}  // namespace steward::port
