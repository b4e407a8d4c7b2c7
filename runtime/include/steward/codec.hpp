#pragma once

#include "steward/text_form.hpp"

#include <bit>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

/// Values as bytes, for the way between a pool and its worker processes.
/// Both ends are the same program on the same machine, so numbers travel in the host's byte order.
/// Everything here is a pure function of its arguments and thread-safe in that sense.
namespace steward {

using bytes = std::vector<std::byte>;
using bytes_view = std::span<const std::byte>;

/// Bytes that are not what the receiver expects.
class decode_error : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// Reads a run of bytes from its front. It never reads past the end, and sizes are checked before memory is reserved.
class byte_reader {
public:
  explicit byte_reader(bytes_view data) noexcept : rest_(data) {}

  std::size_t left() const noexcept { return rest_.size(); }

  /// The next `count` bytes. Throws `decode_error` when there are fewer.
  bytes_view take(std::size_t count) {
    if (count > rest_.size()) throw decode_error("the data ends too early");
    const auto head = rest_.first(count);
    rest_ = rest_.subspan(count);
    return head;
  }

  /// An element count, refused when the bytes left cannot hold this many elements of at least `bytes_each`.
  std::size_t take_count(std::size_t bytes_each) {
    std::uint64_t count = 0;
    std::memcpy(&count, take(sizeof count).data(), sizeof count);
    if (count > rest_.size() / bytes_each) throw decode_error("a size is larger than the data");
    return static_cast<std::size_t>(count);
  }

private:
  bytes_view rest_;
};

/// How a type becomes bytes and comes back. Specialise it for types of your own:
///   static void encode(bytes& out, const T& value);   // appends
///   static T decode(byte_reader& in);                 // throws decode_error
/// An encoded value takes at least one byte when it may be an element of a vector.
template <class T, class = void>
struct codec;

/// Types that `codec` knows.
template <class T>
concept encodable = requires(bytes& out, const T& value, byte_reader& in) {
  codec<T>::encode(out, value);
  { codec<T>::decode(in) } -> std::same_as<T>;
};

/// The same, down to what a vector, an optional, a pair or a tuple holds.
template <class T>
inline constexpr bool travels = encodable<T>;
template <class T>
inline constexpr bool travels<std::vector<T>> = travels<T>;
template <class T>
inline constexpr bool travels<std::optional<T>> = travels<T>;
template <class A, class B>
inline constexpr bool travels<std::pair<A, B>> = travels<A>&& travels<B>;
template <class... Ts>
inline constexpr bool travels<std::tuple<Ts...>> = (travels<Ts> && ...);

namespace detail {

template <class T>
inline constexpr bool is_plain_number = (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) || std::is_enum_v<T>;

inline void append(bytes& out, const void* data, std::size_t count) {
  if (count == 0) return;
  // Not `insert`: g++ 12 warns about its move of nothing, wherever it is inlined.
  const auto end = out.size();
  out.resize(end + count);
  std::memcpy(out.data() + end, data, count);
}

inline void append_count(bytes& out, std::size_t count) {
  const std::uint64_t wide = count;
  append(out, &wide, sizeof wide);
}

template <class T>
struct is_view : std::false_type {};
template <class C, class X>
struct is_view<std::basic_string_view<C, X>> : std::true_type {};
template <class T, std::size_t N>
struct is_view<std::span<T, N>> : std::true_type {};

/// A codec that says how many bytes each value takes.
template <class T>
concept sized = requires {
  codec<T>::size;
};
/// A codec that copies a value's own bytes.
template <class T>
concept plain = requires {
  requires codec<T>::plain;
};

}  // namespace detail

/// True for the types that this header encodes itself. Other codecs leave these alone.
template <class T>
inline constexpr bool has_std_codec = std::is_arithmetic_v<T> || std::is_enum_v<T>;
template <>
inline constexpr bool has_std_codec<unit> = true;
template <>
inline constexpr bool has_std_codec<std::string> = true;
template <class T>
inline constexpr bool has_std_codec<std::vector<T>> = true;
template <class T>
inline constexpr bool has_std_codec<std::optional<T>> = true;
template <class A, class B>
inline constexpr bool has_std_codec<std::pair<A, B>> = true;
template <class... Ts>
inline constexpr bool has_std_codec<std::tuple<Ts...>> = true;

/// True for class types that travel as the bytes that they are: trivially copyable, and no views of other memory. Such
/// a type must not hold pointers, which mean nothing in another process; specialise `codec` for one that does.
template <class T>
inline constexpr bool travels_as_bytes =
    std::is_class_v<T>&& std::is_trivially_copyable_v<T>&& std::is_default_constructible_v<T> && !std::is_empty_v<T> &&
    !has_std_codec<T> && !detail::is_view<T>::value;

template <class T>
struct codec<T, std::enable_if_t<detail::is_plain_number<T> || travels_as_bytes<T>>> {
  static constexpr std::size_t size = sizeof(T);  ///< each value takes this many bytes
  static constexpr bool plain = true;             ///< which are those of the value itself
  static void encode(bytes& out, const T& value) { detail::append(out, &value, sizeof value); }
  static T decode(byte_reader& in) {
    T value;
    std::memcpy(&value, in.take(sizeof value).data(), sizeof value);
    return value;
  }
};

template <>
struct codec<bool> {
  static constexpr std::size_t size = 1;
  static void encode(bytes& out, const bool& value) { out.push_back(std::byte{value}); }
  static bool decode(byte_reader& in) {
    const auto value = std::to_integer<unsigned>(in.take(1)[0]);
    if (value > 1) throw decode_error("a bool is neither 0 nor 1");
    return value == 1;
  }
};

template <>
struct codec<unit> {
  static constexpr std::size_t size = 0;
  static void encode(bytes&, const unit&) {}
  static unit decode(byte_reader&) { return {}; }
};

template <>
struct codec<std::string> {
  static void encode(bytes& out, const std::string& value) {
    detail::append_count(out, value.size());
    detail::append(out, value.data(), value.size());
  }
  static std::string decode(byte_reader& in) {
    const auto text = in.take(in.take_count(1));
    std::string value(text.size(), '\0');
    if (!text.empty()) std::memcpy(value.data(), text.data(), text.size());
    return value;
  }
};

template <class T>
struct codec<std::vector<T>> {
  static_assert(!std::is_empty_v<T>, "elements must take at least one byte");

  static void encode(bytes& out, const std::vector<T>& values) {
    detail::append_count(out, values.size());
    if constexpr (detail::plain<T>) {
      detail::append(out, values.data(), values.size() * sizeof(T));
    } else {
      for (const T& value : values) codec<T>::encode(out, value);
    }
  }
  static std::vector<T> decode(byte_reader& in) {
    if constexpr (detail::plain<T>) {
      const auto count = in.take_count(sizeof(T));
      const auto data = in.take(count * sizeof(T));
      std::vector<T> values(count);
      if (count > 0) std::memcpy(values.data(), data.data(), data.size());
      return values;
    } else {
      const auto count = in.take_count(1);
      std::vector<T> values;
      for (std::size_t i = 0; i < count; ++i) values.push_back(codec<T>::decode(in));
      return values;
    }
  }
};

template <class T>
struct codec<std::optional<T>> {
  static void encode(bytes& out, const std::optional<T>& value) {
    codec<bool>::encode(out, value.has_value());
    if (value) codec<T>::encode(out, *value);
  }
  static std::optional<T> decode(byte_reader& in) {
    if (!codec<bool>::decode(in)) return std::nullopt;
    return codec<T>::decode(in);
  }
};

template <class A, class B>
struct codec<std::pair<A, B>> {
  static void encode(bytes& out, const std::pair<A, B>& value) {
    codec<A>::encode(out, value.first);
    codec<B>::encode(out, value.second);
  }
  static std::pair<A, B> decode(byte_reader& in) {
    auto first = codec<A>::decode(in);
    return {std::move(first), codec<B>::decode(in)};
  }
};

template <class... Ts>
struct codec<std::tuple<Ts...>> {
  static void encode(bytes& out, const std::tuple<Ts...>& value) {
    std::apply([&]([[maybe_unused]] const Ts&... parts) { (codec<Ts>::encode(out, parts), ...); }, value);
  }
  // Braces, because their elements are evaluated from left to right.
  static std::tuple<Ts...> decode([[maybe_unused]] byte_reader& in) {
    return std::tuple<Ts...>{codec<Ts>::decode(in)...};
  }
};

/// Appends all values, one after the other.
template <class... Ts>
void encode_all(bytes& out, const Ts&... values) {
  (codec<Ts>::encode(out, values), ...);
}

/// The value that `data` holds. Throws `decode_error` also when something is left over.
template <class T>
[[nodiscard]] T decode_all(bytes_view data) {
  byte_reader in(data);
  T value = codec<T>::decode(in);
  if (in.left() > 0) throw decode_error("the data is longer than the value");
  return value;
}

}  // namespace steward
