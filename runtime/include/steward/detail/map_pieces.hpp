#pragma once

#include <algorithm>
#include <chrono>
#include <cstring>
#include <exception>
#include <functional>
#include <future>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

// Included by pool.hpp: inputs of a map into bytes, and pieces of it back into values.
namespace steward {

namespace detail {

/// The arguments of one call, from one element of an input range: the argument itself, or a tuple of them.
template <class... Args, class T>
void encode_input([[maybe_unused]] bytes& out, [[maybe_unused]] const T& input) {
  if constexpr (!(travels<Args> && ...)) {
    // It was refused where the task was registered.
  } else if constexpr (sizeof...(Args) == 1 && (std::is_convertible_v<const T&, Args> && ...)) {
    (codec<Args>::encode(out, static_cast<Args>(input)), ...);
  } else {
    codec<std::tuple<Args...>>::encode(out, std::tuple<Args...>(input));
  }
}

/// A task's own side did its part; this side could not read or write what belongs to it.
inline task_error local_error(const task_entry& entry, std::exception_ptr problem, work_state work) {
  task_error error;
  error.work = work;
  error.task = entry.name;
  error.why = cause_of(problem);
  error.why.original = std::move(problem);
  return error;
}

/// A result that cannot be decoded fails its own task and no other.
template <class T>
outcome<T> decode_result(const task_entry& entry, bytes_view data, double ran_ms) {
  try {
    return outcome<T>(decode_all<T>(data), ran_ms);
  } catch (...) {
    // What a user's codec throws, whatever it is, is the error of this task.
    return outcome<T>(local_error(entry, std::current_exception(), work_state::failed));
  }
}

template <class T>
outcome<T> decode_outcome([[maybe_unused]] const task_entry& entry, outcome<bytes> raw) {
  if constexpr (travels<T>) {
    if (raw.ok()) return decode_result<T>(entry, raw.value(), raw.ran_ms());
  }
  return outcome<T>(std::move(raw).take_error());
}

template <class T>
struct is_task : std::false_type {};
template <class R, class... Args>
struct is_task<task<R, Args...>> : std::true_type {};

/// How many elements a range has, where it can tell without being read.
template <class Range>
std::optional<std::size_t> size_of(Range& inputs) {
  if constexpr (std::ranges::sized_range<Range>) {
    return static_cast<std::size_t>(std::ranges::size(inputs));
  } else {
    return std::nullopt;
  }
}

/// Results that may be copied byte by byte to where a map gathers them.
template <class T>
inline constexpr bool copied_at_once =
    std::is_default_constructible_v<T>&& std::is_trivially_copyable_v<T> && !std::is_same_v<T, bool>;

/// A range whose elements lie side by side and are values of `T`.
template <class Range, class T>
concept lies_side_by_side = std::ranges::contiguous_range<Range> && std::ranges::sized_range<Range> &&
    std::is_same_v<std::ranges::range_value_t<Range>, T>;

/// The same, of the one argument of a task, whose encoded values are its own bytes.
template <class Range, class... Args>
inline constexpr bool sent_at_once = false;
template <class Range, class Arg>
inline constexpr bool sent_at_once<Range, Arg> = lies_side_by_side<Range, Arg>&& plain<Arg>;

template <class F, class... Args>
inline constexpr bool takes_plain = std::is_invocable_v<F, Args...>;
template <class F, class... Args>
inline constexpr bool takes_context = !takes_plain<F, Args...> && std::is_invocable_v<F, const task_context&, Args...>;
template <class F, class... Args>
inline constexpr bool can_call = takes_plain<F, Args...> || takes_context<F, Args...>;

/// Calls `f` with the context first where it takes one.
template <class F, class... Args>
decltype(auto) call_with(F&& f, const task_context& context, Args&&... args) {
  if constexpr (takes_context<F, Args...>) {
    return std::invoke(std::forward<F>(f), context, std::forward<Args>(args)...);
  } else {
    return std::invoke(std::forward<F>(f), std::forward<Args>(args)...);
  }
}
template <class F, class... Args>
using call_result =
    decltype(call_with(std::declval<F>(), std::declval<const task_context&>(), std::declval<Args>()...));

/// Makes a callable that can only be moved one that can be copied, as a map needs it.
template <class F>
struct shared_callable {
  std::shared_ptr<const F> f;
  template <class... Args>
  requires(std::is_invocable_v<const F&, Args...>) decltype(auto) operator()(Args&&... args) const {
    return std::invoke(*f, std::forward<Args>(args)...);
  }
};
template <class F>
auto copyable(F f) {
  if constexpr (std::is_copy_constructible_v<F>) {
    return f;
  } else {
    return shared_callable<F>{std::make_shared<const F>(std::move(f))};
  }
}

/// Outcomes of a map of callables, kept where their thread left them.
template <class R>
class kept_results : public many_body {
public:
  virtual R take(std::size_t at) = 0;
  /// The results from `at` on, side by side, or null where they do not lie so.
  virtual const R* side_by_side(std::size_t at) const noexcept = 0;
};

/// A callable and some of its inputs.
template <class F, class In, class R>
class chunk_body final : public kept_results<R> {
public:
  explicit chunk_body(const F& f) : f_(f) {}
  void add(In input) { inputs_.push_back(std::move(input)); }
  void clear() { inputs_.clear(); }
  /// Instead of what it had.
  void assign(const In* inputs, std::size_t count) { inputs_.assign(inputs, inputs + count); }
  std::size_t size() const { return inputs_.size(); }
  void seal() {
    if (room_ >= inputs_.size() && direct) return;
    room_ = inputs_.size();
    if constexpr (direct) {
      results_ = std::make_unique_for_overwrite<stored[]>(room_);
    } else {
      results_ = std::make_unique<stored[]>(room_);
    }
  }

  void run(const task_context& first, const chunk_marks& marks, std::uint64_t base, std::uint64_t& at,
           std::uint64_t end) override {
    // A local count, which the compiler can keep in a register; it is handed back whichever way this ends.
    struct hand_back {
      std::uint64_t& to;
      std::uint64_t i;
      ~hand_back() { to = i; }
    } count{at, at};
    auto& i = count.i;
    // A copy, too: nothing that the callable writes can change it.
    const auto own = marks;
    for (; i < end; ++i) {
      if (!own.take(i - base)) return;
      keep(results_[i], inputs_[i], first, i - base);
    }
  }

  R take(std::size_t at) override {
    if constexpr (direct) {
      return results_[at];
    } else {
      return std::move(*results_[at]);
    }
  }
  const R* side_by_side(std::size_t at) const noexcept override {
    if constexpr (direct) {
      return results_.get() + at;
    } else {
      return nullptr;
    }
  }

private:
  static constexpr bool direct = copied_at_once<R>;
  using stored = std::conditional_t<direct, R, std::optional<R>>;

  void keep(stored& to, const In& input, const task_context& first, std::uint64_t item) {
    if constexpr (takes_context<const F&, const In&>) {
      auto context = first;
      context.task_id += item;
      keep_result(to, [&]() -> decltype(auto) { return std::invoke(f_, context, input); });
    } else {
      keep_result(to, [&]() -> decltype(auto) { return std::invoke(f_, input); });
    }
  }
  template <class Call>
  static void keep_result(stored& to, Call call) {
    if constexpr (std::is_void_v<decltype(call())>) {
      call();
      to = R{};
    } else {
      to = call();
    }
  }

  const F f_;
  std::vector<In> inputs_;
  std::unique_ptr<stored[]> results_;
  std::size_t room_ = 0;
};

/// The values of a piece as they lie side by side, or null where they do not.
template <class T>
const T* values_of(const map_piece& piece) {
  if (piece.many) return static_cast<const kept_results<T>&>(*piece.many).side_by_side(piece.base);
  return nullptr;
}

/// The same for encoded values of a type whose bytes they are.
template <class T>
void put_bytes(std::vector<T>& out, std::size_t first, bytes_view data, std::size_t count) {
  if (out.size() < first + count) out.resize(first + count);
  std::memcpy(out.data() + first, data.data(), count * sizeof(T));
}

/// Of memory that is about to be filled: where it is large, fewer and larger pages are asked for. It works without.
void prefer_large_pages(const void* at, std::size_t size) noexcept;

/// Puts `count` values to their place in `out`, which grows to the number that is known so far.
template <class T>
void put_values(std::vector<T>& out, std::size_t first, const T* values, std::size_t count) {
  if (first > out.size()) out.resize(first);
  const auto inside = std::min(count, out.size() - first);
  std::copy_n(values, inside, out.begin() + static_cast<std::ptrdiff_t>(first));
  out.insert(out.end(), values + inside, values + count);
}

/// Takes a piece of a map apart: `value(index, T&&, ran_ms)` or `error(index, task_error)` for each input.
template <class T, class OnValue, class OnError>
void unpack(map_piece& piece, [[maybe_unused]] const task_entry* entry, OnValue&& value, OnError&& error) {
  if (piece.error) {
    error(piece.first, std::move(*piece.error));
    return;
  }
  const double ran_ms = piece.ran_ms / static_cast<double>(std::max<std::size_t>(1, piece.count));
  if (piece.many) {
    auto& kept = static_cast<kept_results<T>&>(*piece.many);
    for (std::size_t i = 0; i < piece.count; ++i) value(piece.first + i, kept.take(piece.base + i), ran_ms);
    return;
  }
  if constexpr (plain<T>) {
    for (std::size_t i = 0; i < piece.count; ++i) {
      T one;
      std::memcpy(&one, piece.results.data() + i * sizeof(T), sizeof(T));
      value(piece.first + i, std::move(one), ran_ms);
    }
  } else if constexpr (travels<T>) {
    item_reader items(piece.results, encoded_size<T>::value);
    for (std::size_t i = 0; i < piece.count; ++i) {
      auto one = decode_result<T>(*entry, items.next(), ran_ms);
      if (one.ok()) {
        value(piece.first + i, std::move(one).value(), ran_ms);
      } else {
        error(piece.first + i, std::move(one).take_error());
      }
    }
  }
}

}  // namespace detail

}  // namespace steward
