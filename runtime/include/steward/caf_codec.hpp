#pragma once

#include "steward/codec.hpp"
#include "steward/port.hpp"

#include <caf/deep_to_string.hpp>

#include <cstddef>
#include <string>
#include <type_traits>
#include <vector>

namespace steward {

/// Every type that CAF can inspect (see STEWARD_INSPECT), and that does not travel as bytes anyway, may be a task's
/// argument or result. No actor system is needed. Values are default-constructed and then read. Throws decode_error for
/// bytes that CAF refuses.
template <class T>
struct codec<T, std::enable_if_t<!has_std_codec<T> && !travels_as_bytes<T> && std::is_class_v<T> &&
                                 std::is_default_constructible_v<T> && port::serializable<T>>> {
  static void encode(bytes& out, const T& value) {
    std::vector<char> buffer;
    if (!port::serialize(buffer, value)) throw decode_error("CAF cannot serialise this value");
    detail::append_count(out, buffer.size());
    detail::append(out, buffer.data(), buffer.size());
  }

  static T decode(byte_reader& in) {
    const auto data = in.take(in.take_count(1));
    T value;
    std::size_t used = 0;
    if (!port::deserialize(reinterpret_cast<const char*>(data.data()), data.size(), value, used) || used != data.size())
      throw decode_error("the data is no value of this type");
    return value;
  }
};

/// CAF's own rendering, for types that this library does not render itself.
template <class T>
struct text_form<T, std::enable_if_t<!has_std_codec<T> && std::is_class_v<T>>> {
  static constexpr bool parsable = false;
  static std::string render(const T& value) { return caf::deep_to_string(value); }
};

}  // namespace steward
