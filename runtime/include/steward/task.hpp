#pragma once

#include "steward/codec.hpp"
#include "steward/detail/many_run.hpp"
#include "steward/source_place.hpp"

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace steward {

/// What a running task may know about itself. A task asks for it by taking `const task_context&` as its first
/// parameter.
struct task_context {
  std::uint64_t task_id = 0;                         ///< unique within its pool: usable as an idempotency key
  unsigned attempt = 1;                              ///< 1 for the first run
  unsigned attempts = 1;                             ///< how many runs there may be
  std::string_view pool;                             ///< name of the pool
  const std::atomic<std::uint64_t>* stop = nullptr;  ///< id of the task that is asked to stop

  /// True once the task is past its soft deadline or was cancelled: it should end soon, with whatever it likes to
  /// answer. Cheap enough for an inner loop.
  [[nodiscard]] bool stop_requested() const noexcept {
    return stop && stop->load(std::memory_order_relaxed) == task_id;
  }
};

/// A function that pools can run by name, with its types erased. Immutable once registered.
struct task_entry {
  std::string name;
  std::string signature;  ///< "int64(int64)"
  source_place where;
  std::size_t arity = 0;
  bool parsable = false;  ///< arguments can be written as text (YAML)

  /// Decodes the arguments, calls the function, encodes its result. Throws what the function throws, and `decode_error`
  /// for bytes that are no arguments of this task.
  std::function<bytes(const task_context&, bytes_view)> run;
  /// The same for many inputs; see `detail::many_run`.
  std::function<void(const task_context& first, detail::many_run&)> run_many;
  std::size_t args_size = detail::variable_size;    ///< bytes of encoded arguments, where that is always the same
  std::size_t result_size = detail::variable_size;  ///< bytes of an encoded result
  /// Encodes arguments given as text, one string each. On a fault returns what is wrong and leaves `out` alone.
  std::function<std::optional<std::string>(std::span<const std::string>, bytes& out)> parse;
  /// Encoded result as text for people.
  std::function<std::string(bytes_view)> render_result;
  /// Encoded arguments as text for people, "3, 4".
  std::function<std::string(bytes_view)> render_args;
};

/// A registered task with its types: what `process_pool::map` and friends take. Copyable; refers into its registry.
template <class R, class... Args>
struct task {
  const task_entry* entry = nullptr;
};

namespace detail {

template <class F>
struct task_signature;

template <class R, class... Args>
struct task_signature<R (*)(Args...)> {
  using handle = task<R, std::remove_cvref_t<Args>...>;
  using arguments = std::tuple<std::remove_cvref_t<Args>...>;
  using result = R;
  static constexpr bool takes_context = false;
  static R call(R (*function)(Args...), const task_context&, arguments& values) {
    return std::apply([&](auto&... x) -> R { return function(static_cast<Args&&>(x)...); }, values);
  }
};

template <class R, class... Args>
struct task_signature<R (*)(const task_context&, Args...)> {
  using handle = task<R, std::remove_cvref_t<Args>...>;
  using arguments = std::tuple<std::remove_cvref_t<Args>...>;
  using result = R;
  static constexpr bool takes_context = true;
  static R call(R (*function)(const task_context&, Args...), const task_context& context, arguments& values) {
    return std::apply([&](auto&... x) -> R { return function(context, static_cast<Args&&>(x)...); }, values);
  }
};

/// A type's name for `signature`; "value" for user-defined types.
template <class T>
std::string type_name();

}  // namespace detail

/// The tasks of a program, by name. Fill it before the runtime starts: worker processes inherit what is registered by
/// then. Not thread-safe while it is being filled; afterwards any thread may read it.
class task_registry {
public:
  /// Registers a plain function. Throws std::invalid_argument for a name that is taken or not `[a-z][a-z0-9_]*`.
  /// Its arguments and its result must be types that `codec` knows: numbers, strings, vectors, and all that CAF can
  /// inspect. A function that wants to know its attempt takes `const task_context&` first. Returns the task's typed
  /// handle.
  template <class R, class... Args>
  auto add(std::string name, R (*function)(Args...), source_place where = source_place::current());
  /// The same for a lambda that captures nothing.
  template <class F>
  requires std::is_class_v<F>
  auto add(std::string name, F function, source_place where = source_place::current());

  /// The entry with this name, or null. Stays valid as long as the registry lives.
  [[nodiscard]] const task_entry* find(std::string_view name) const noexcept;

  [[nodiscard]] std::vector<const task_entry*> all() const;

private:
  const task_entry* insert(task_entry entry);

  std::deque<task_entry> entries_;
};

}  // namespace steward

#include "steward/detail/task_impl.hpp"
