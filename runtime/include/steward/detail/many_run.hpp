#pragma once

#include "steward/codec.hpp"
#include "steward/detail/item_protocol.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <tuple>
#include <type_traits>
#include <utility>

// How many inputs of one task run in one go, without a system call, a lock or an allocation for each.
namespace steward::detail {

/// Of a type whose encoded values differ in size.
inline constexpr std::size_t variable_size = ~std::size_t{0};

template <class T>
constexpr std::size_t size_of_encoded() {
  if constexpr (sized<T>) {
    return codec<T>::size;
  } else {
    return variable_size;
  }
}
template <class T>
struct encoded_size {
  static constexpr std::size_t value = size_of_encoded<T>();
};
template <class... Ts>
struct encoded_size<std::tuple<Ts...>> {
  static constexpr std::size_t value = ((encoded_size<Ts>::value == variable_size) || ...)
                                           ? variable_size
                                           : (std::size_t{0} + ... + encoded_size<Ts>::value);
};
template <class A, class B>
struct encoded_size<std::pair<A, B>> : encoded_size<std::tuple<A, B>> {};

/// Items of a chunk, one after the other: those of fixed size as they are, others each behind a u32 with its size.
class item_reader {
public:
  item_reader(bytes_view data, std::size_t item_size) noexcept : rest_(data), size_(item_size) {}

  bool empty() const noexcept { return rest_.empty(); }
  /// The next item. Throws `decode_error` when the data ends too early.
  bytes_view next() {
    if (size_ != variable_size) return take(size_);
    std::uint32_t size = 0;
    std::memcpy(&size, take(sizeof size).data(), sizeof size);
    return take(size);
  }
  /// The next `count` items together with their sizes.
  bytes_view next(std::size_t count) {
    if (size_ != variable_size) return take(size_ * count);
    const auto before = rest_;
    for (std::size_t i = 0; i < count; ++i) next();
    return before.first(before.size() - rest_.size());
  }

private:
  bytes_view take(std::size_t count) {
    if (count > rest_.size()) throw decode_error("the data ends too early");
    const auto head = rest_.first(count);
    rest_ = rest_.subspan(count);
    return head;
  }

  bytes_view rest_;
  std::size_t size_;
};

inline void append_item(bytes& out, bytes_view item, std::size_t item_size) {
  if (item_size == variable_size) {
    const auto size = static_cast<std::uint32_t>(item.size());
    append(out, &size, sizeof size);
  }
  out.insert(out.end(), item.begin(), item.end());
}

/// A chunk on its way through a task: `task_entry::run_many` takes items with `begin`, runs them, and hands each result
/// to `keep`. It throws what an item throws; then `next` - 1 is that item, and it can be called again for the rest.
/// Belongs to one thread; the marks are read by others.
class many_run {
public:
  many_run(std::uint64_t chunk, bytes_view items, std::size_t item_size, std::uint64_t how_many) noexcept
      : args(items, item_size), id(chunk), count(how_many) {}

  item_reader args;
  std::uint64_t id = 0;  ///< of the chunk
  std::uint64_t next = 0;
  std::uint64_t count = 0;
  bool taken_back = false;  ///< it was cut
  chunk_marks marks;

  // Where results are staged, and who makes room when there is none: it takes what is staged and the one that did not
  // fit.
  std::byte* stage = nullptr;
  std::size_t stage_size = 0;
  std::size_t used = 0;
  std::uint64_t staged = 0;
  void (*overflow)(many_run&, bytes_view item, std::size_t item_size) = nullptr;
  void* owner = nullptr;
  bytes scratch;  ///< for results of variable size
  /// Reads 0 unless the item in hand has printed something, which `on_printed` is told. Null: nobody asks.
  const volatile char* printed = nullptr;
  void (*on_printed)(many_run&) = nullptr;
  /// Reads 0 in a process that a task has forked: what such a copy returns is no result, and it ends instead. Null:
  /// nobody asks.
  const std::atomic<std::uint32_t>* original = nullptr;
  int copy_exit_code = 0;

  /// Takes the next item; false when there is none for us.
  bool begin() noexcept {
    if (next == count) return false;
    if (!marks.take(next)) {
      taken_back = true;
      return false;
    }
    ++next;
    return true;
  }

  /// Where a result of fixed size is to be written, or null when there is no room.
  std::byte* room(std::size_t size) noexcept { return stage_size - used >= size ? stage + used : nullptr; }
  void wrote(std::size_t size) noexcept {
    used += size;
    ++staged;
    marks.keep({staged, used});
  }

  template <class T>
  void keep(const T& result) {
    if (original && original->load(std::memory_order_relaxed) == 0) std::_Exit(copy_exit_code);
    if (printed && *printed != 0) on_printed(*this);
    constexpr auto size = encoded_size<T>::value;
    if constexpr (plain<T>) {
      if (auto* to = room(size)) {
        std::memcpy(to, &result, size);
        wrote(size);
      } else {
        overflow(*this, bytes_view(reinterpret_cast<const std::byte*>(&result), size), size);
      }
    } else {
      scratch.clear();
      codec<T>::encode(scratch, result);
      keep_bytes(scratch, size);
    }
  }

  void keep_bytes(bytes_view item, std::size_t item_size) {
    const std::size_t prefix = item_size == variable_size ? sizeof(std::uint32_t) : 0;
    auto* to = room(prefix + item.size());
    if (!to) {
      overflow(*this, item, item_size);
      return;
    }
    const auto size = static_cast<std::uint32_t>(item.size());
    if (prefix != 0) std::memcpy(to, &size, prefix);
    if (!item.empty()) std::memcpy(to + prefix, item.data(), item.size());
    wrote(prefix + item.size());
  }
};

}  // namespace steward::detail
