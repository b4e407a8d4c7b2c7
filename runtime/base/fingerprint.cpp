#include "steward/event.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace steward {
namespace {

constexpr std::size_t told_apart_by_frames = 3;

/// FNV-1a by Fowler, Noll and Vo, which is the same in each build and run. Parts are kept apart.
class hash {
public:
  void add(std::string_view text) {
    for (const char c : text) add_byte(static_cast<std::uint8_t>(c));
    add_byte(0);
  }
  void add(int number) { add(std::string_view{std::to_string(number)}); }
  std::uint32_t value() const noexcept { return value_; }

private:
  void add_byte(std::uint8_t byte) { value_ = (value_ ^ byte) * 16'777'619U; }

  std::uint32_t value_ = 2'166'136'261U;
};

/// Its name, without parameters, offsets and places: these change with each build. A frame that has no name is told
/// apart by its place.
std::string_view bare_name_of(std::string_view frame) {
  const auto parameters = frame.find('(');
  if (parameters != std::string_view::npos && parameters > 0) frame = frame.substr(0, parameters);
  if (const auto offset = frame.rfind("+0x"); offset != std::string_view::npos && frame.find("::") < offset)
    frame = frame.substr(0, offset);
  while (frame.ends_with(' ')) frame.remove_suffix(1);
  return frame;
}

}  // namespace

std::string fingerprint_of(const cause& why) {
  hash all;
  all.add(to_string(why.cls));
  all.add(why.signal);
  all.add(why.cls == cause_class::exit ? why.code : 0);
  all.add(why.exception);
  const auto frames = std::min(why.frames.size(), told_apart_by_frames);
  for (std::size_t i = 0; i < frames; ++i) all.add(bare_name_of(why.frames[i]));
  return fmt::format("f-{:08x}", all.value());
}

}  // namespace steward
